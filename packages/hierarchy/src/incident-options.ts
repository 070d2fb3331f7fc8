import { checkFunction, checkNames } from './check.js';
import { type Duration, parseDuration } from './duration.js';
import { InvalidOptionError } from './errors.js';
import { INCIDENT_KINDS, type Incident, type IncidentKind, type IncidentPhase } from './incident.js';
import { heapPressure, type MeasureMemory } from './pressure.js';

/**
 * Answers an incident in place of the default response.
 *
 * @param respond does what would have been done without this handler. To be called or left, at any phase.
 */
export type IncidentHandler = (incident: Incident, respond: () => void, phase: IncidentPhase) => void;

/** How a hierarchy watches itself, and what it does about it. */
export interface IncidentOptions {
  /**
   * Whether incidents are answered, by handlers or by default. `false`: they are told as events only. Default: `true`, unless the
   * environment says `INCIDENT_RESPONSE_ENABLED=false`, which is read once, when the hierarchy is created.
   */
  readonly enabled?: boolean;
  /** What is done instead of the default response, by kind. A handler that throws is reported as a process warning. */
  readonly handlers?: { readonly [K in IncidentKind]?: IncidentHandler };
  /** How often a kind of incident is warned of by default, at the most. Default `'1m'`. */
  readonly warnEvery?: Duration;
  /** The span within which failures, time-outs and evictions are counted. Default `'10s'`. */
  readonly window?: Duration;
  /** After how long without another sign an incident without an end of its own is over. Default `'30s'`. */
  readonly quiet?: Duration;
  /** How many past incidents `incidents()` lists. Default 100. */
  readonly history?: number;
  readonly l2Slow?: {
    /** So many times its usual latency, or more, is slow. Default 5. */
    readonly factor?: number;
    /** What is never slow. Default `'25ms'`. */
    readonly least?: Duration;
    /** So many time-outs within the window are slow as well. Default 3. */
    readonly timeouts?: number;
  };
  readonly loadFailing?: {
    /** So many failed loads of a namespace within the window, if they are half of its loads or more. Default 5. */
    readonly failures?: number;
  };
  readonly evictionsHigh?: {
    /** So many entries evicted to keep the bounds within the window. Default: `l1.maxEntries`, and 1,000 at the least. */
    readonly evictions?: number;
  };
  readonly memory?: MemoryOptions;
}

/** When memory is short. All shares are of the limit, 0 to 1. */
export interface MemoryOptions {
  /** From this share on, it is. Default 0.85. */
  readonly high?: number;
  /** Below this share, it is not any more. Default 0.7. */
  readonly low?: number;
  /** L1 does not shrink below this share of what it held when memory got short. Default 0.0625. */
  readonly floor?: number;
  /** The least time between two looks, while L1 is being filled. Default `'1s'`. */
  readonly interval?: Duration;
  /** Where the figures come from. Default: V8's heap, and the process in its container. For tests. */
  readonly measure?: MeasureMemory;
}

export interface ResolvedIncidentOptions {
  readonly enabled: boolean;
  readonly handlers: { readonly [K in IncidentKind]?: IncidentHandler };
  readonly warnEveryMs: number;
  readonly windowMs: number;
  readonly quietMs: number;
  readonly history: number;
  readonly slowFactor: number;
  readonly slowLeastMs: number;
  readonly timeouts: number;
  readonly failures: number;
  /** `undefined`: to be taken from L1's bounds. */
  readonly evictions: number | undefined;
  readonly memory: ResolvedMemoryOptions;
}

interface ResolvedMemoryOptions {
  readonly high: number;
  readonly low: number;
  readonly floor: number;
  readonly intervalMs: number;
  readonly measure: MeasureMemory;
}

const NAMES = [
  'enabled',
  'handlers',
  'warnEvery',
  'window',
  'quiet',
  'history',
  'l2Slow',
  'loadFailing',
  'evictionsHigh',
  'memory',
];

/** Checks the options, fills in defaults, and looks at the environment. @throws {@link InvalidOptionError} */
export function resolveIncidentOptions(
  options: IncidentOptions = {},
  env: NodeJS.ProcessEnv = process.env,
): ResolvedIncidentOptions {
  checkNames('incidents', options, NAMES);
  const { handlers = {}, l2Slow = {}, loadFailing = {}, evictionsHigh = {}, memory = {} } = options;
  checkNames('incidents.handlers', handlers, INCIDENT_KINDS);
  for (const [kind, handler] of Object.entries(handlers)) checkFunction(`incidents.handlers['${kind}']`, handler);
  checkNames('incidents.l2Slow', l2Slow, ['factor', 'least', 'timeouts']);
  checkNames('incidents.loadFailing', loadFailing, ['failures']);
  checkNames('incidents.evictionsHigh', evictionsHigh, ['evictions']);
  if (options.enabled !== undefined && typeof options.enabled !== 'boolean') {
    throw new InvalidOptionError(`incidents.enabled must be true or false, not ${options.enabled}`);
  }
  return {
    enabled: options.enabled ?? isEnabledBy(env),
    handlers,
    warnEveryMs: parseDuration(options.warnEvery ?? '1m', 'incidents.warnEvery'),
    windowMs: parseDuration(options.window ?? '10s', 'incidents.window', 1),
    quietMs: parseDuration(options.quiet ?? '30s', 'incidents.quiet', 1),
    history: count(options.history ?? 100, 'incidents.history', 0),
    slowFactor: number(l2Slow.factor ?? 5, 'incidents.l2Slow.factor', 1, 1e6),
    slowLeastMs: parseDuration(l2Slow.least ?? '25ms', 'incidents.l2Slow.least'),
    timeouts: count(l2Slow.timeouts ?? 3, 'incidents.l2Slow.timeouts', 1),
    failures: count(loadFailing.failures ?? 5, 'incidents.loadFailing.failures', 1),
    evictions:
      evictionsHigh.evictions === undefined
        ? undefined
        : count(evictionsHigh.evictions, 'incidents.evictionsHigh.evictions', 1),
    memory: resolveMemoryOptions(memory),
  };
}

function resolveMemoryOptions(memory: MemoryOptions): ResolvedMemoryOptions {
  checkNames('incidents.memory', memory, ['high', 'low', 'floor', 'interval', 'measure']);
  const { measure = heapPressure } = memory;
  checkFunction('incidents.memory.measure', measure);
  const high = number(memory.high ?? 0.85, 'incidents.memory.high', 0, 1);
  const low = number(memory.low ?? Math.min(0.7, high), 'incidents.memory.low', 0, 1);
  if (low > high) throw new InvalidOptionError(`incidents.memory.low must not be above high, ${high}, as ${low} is`);
  return {
    high,
    low,
    floor: number(memory.floor ?? 1 / 16, 'incidents.memory.floor', 0, 1),
    intervalMs: parseDuration(memory.interval ?? '1s', 'incidents.memory.interval', 1),
    measure,
  };
}

function isEnabledBy(env: NodeJS.ProcessEnv): boolean {
  const { INCIDENT_RESPONSE_ENABLED: value = '' } = env;
  if (value === '' || value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw new InvalidOptionError(`INCIDENT_RESPONSE_ENABLED must be true or false, not ${JSON.stringify(value)}`);
}

function count(value: number, name: string, min: number): number {
  if (!Number.isSafeInteger(value) || value < min) {
    throw new InvalidOptionError(`${name} must be a whole number, ${min} or more, not ${value}`);
  }
  return value;
}

function number(value: number, name: string, min: number, max: number): number {
  if (!(typeof value === 'number' && value >= min && value <= max)) {
    throw new InvalidOptionError(`${name} must be a number from ${min} to ${max}, not ${value}`);
  }
  return value;
}
