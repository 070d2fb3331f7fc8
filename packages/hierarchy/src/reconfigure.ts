import type { TierwiseErrorCode } from './errors.js';
import { TierwiseError } from './errors.js';
import type { Events } from './events.js';
import type { IncidentOptions } from './incident-options.js';
import { didYouMean } from './nearest.js';
import {
  HIERARCHY_NAMES,
  type HierarchyOptions,
  type L1Options,
  type ResolvedOptions,
  resolveOptions,
} from './options.js';
import { POLICY_NAMES } from './policy.js';
import type { SnapshotOptions } from './snapshot-options.js';

/** Options that can change wholly. Of objects, what is not named stays. */
const CHANGEABLE = [
  ...POLICY_NAMES.filter((name) => name !== 'l1Ttl'),
  'lease',
  'maxStaleness',
  'l2Timeout',
  'l2MaxInFlight',
  'breaker',
  'closeTimeout',
  'validation',
] as const;

/** Options of which some parts can. */
const CHANGEABLE_PARTS = {
  l1: ['maxEntries', 'maxBytes', 'ttl'],
  incidents: ['enabled', 'warnEvery'],
  snapshot: ['ttl'],
} as const;

/** Why the others cannot. */
const FIXED: Readonly<Record<string, string>> = {
  namespace: 'everything in both tiers stands under it: another one is another, empty cache',
  l2: 'what this node holds, follows and still has to tell belongs to the L2 that it was created with',
  encryption:
    'keys and hidden names are made ready once, and L1 holds entries under those names: create another hierarchy',
  compression: 'the codec is made once; what is stored would stay as it is anyway',
  returns: 'L1 holds values that are frozen and shared, or not, by the present choice',
  journal: 'what still has to reach L2 stands in the present one',
  replay: 'what still has to reach L2 was kept by the present choice',
  tuning: 'what had to leave L1 is noticed from the beginning or not at all',
  clock: 'all deadlines are moments of the present one',
};

/**
 * What {@link Hierarchy.reconfigure} changes. What is not named, or `undefined`, stays; of the bounds and limits that are objects (`l1`,
 * `lease`, `loadTimeout` …) so does each part.
 */
export type ReconfigureOptions = Partial<Pick<HierarchyOptions, (typeof CHANGEABLE)[number]>> & {
  readonly l1?: Pick<L1Options, (typeof CHANGEABLE_PARTS.l1)[number]>;
  readonly incidents?: Pick<IncidentOptions, (typeof CHANGEABLE_PARTS.incidents)[number]>;
  readonly snapshot?: Pick<SnapshotOptions, (typeof CHANGEABLE_PARTS.snapshot)[number]>;
};

/** Options in force by their path, such as `l1.maxEntries`: times in milliseconds, sizes in bytes, `Infinity` for none. */
export type Settings = Readonly<Record<string, number | string | boolean | undefined>>;

/** What a change came to. Both name the same options: those that are not what they were. */
export interface Reconfigured {
  readonly before: Settings;
  readonly after: Settings;
}

/** Why one option was not changed. */
export interface ReconfigureProblem {
  /** Its path, such as `l1.maxEntries`. */
  readonly option: string;
  readonly reason: string;
}

/** Some of the options cannot be changed at run time, do not exist, or cannot have that value. None was changed. */
export class ReconfigureError extends TierwiseError {
  declare readonly code: TierwiseErrorCode & 'ERR_TIERWISE_RECONFIGURE';
  /** All that is wrong. */
  readonly problems: readonly ReconfigureProblem[];

  constructor(problems: readonly ReconfigureProblem[]) {
    const list = problems.map(({ option, reason }) => `${option}: ${reason}`);
    super('ERR_TIERWISE_RECONFIGURE', `nothing was changed, since not all of it can be. ${list.join('. ')}`);
    this.problems = problems;
  }
}

export interface ReconfigurerOptions {
  /** As the hierarchy was created with. */
  readonly given: HierarchyOptions;
  /** In force; it is changed in place. */
  readonly resolved: ResolvedOptions;
  readonly events: Events;
  /** Has those parts look at the options again that keep what they found. */
  readonly follow: () => void;
}

/** Makes the function that changes options at run time: all that it is given, or nothing. */
export function reconfigurer({ given, resolved, events, follow }: ReconfigurerOptions) {
  // What the environment said when the hierarchy was created stays said.
  let inForce: HierarchyOptions = {
    ...given,
    incidents: { ...given.incidents, enabled: resolved.incidents.enabled },
    snapshot: { ...given.snapshot, ttl: resolved.snapshot.ttlMs },
  };
  return (changes: ReconfigureOptions): Reconfigured => {
    const next = merged(inForce, changes);
    const result = resolveOptions(next);
    const before = settingsOf(resolved);
    for (const part of ['incidents', 'snapshot', 'outages'] as const) Object.assign(resolved[part], result[part]);
    const { incidents, snapshot, outages } = resolved;
    Object.assign(resolved, result, { incidents, snapshot, outages });
    inForce = next;
    follow();
    const told = difference(before, settingsOf(resolved));
    if (Object.keys(told.after).length > 0 && events.wants('reconfigured')) {
      events.emit({ type: 'reconfigured', ...told });
    }
    return told;
  };
}

/** Options with changes. @throws {@link ReconfigureError} with everything that is wrong. */
function merged(inForce: HierarchyOptions, changes: ReconfigureOptions): HierarchyOptions {
  if (!isObject(changes)) {
    throw new ReconfigureError([{ option: 'reconfigure()', reason: `takes an object of options, not ${changes}` }]);
  }
  const problems: ReconfigureProblem[] = [];
  const accepted: Record<string, unknown> = {};
  for (const [name, change] of Object.entries(changes)) {
    if (change === undefined) continue;
    const refusals = refusalsOf(name, change);
    const value = withChange(name, (inForce as unknown as Record<string, unknown>)[name], change);
    const wrong = refusals.length > 0 ? undefined : wrongIn({ ...inForce, [name]: value });
    if (wrong !== undefined) refusals.push({ option: name, reason: wrong });
    problems.push(...refusals);
    accepted[name] = value;
  }
  const next = { ...inForce, ...accepted };
  // Each by itself may be right, and all together wrong.
  const wrong = problems.length > 0 ? undefined : wrongIn(next);
  if (wrong !== undefined) problems.push({ option: Object.keys(accepted).join(', '), reason: wrong });
  if (problems.length > 0) throw new ReconfigureError(problems);
  return next;
}

function refusalsOf(name: string, change: unknown): ReconfigureProblem[] {
  if (CHANGEABLE.some((each) => each === name)) return [];
  if (Object.hasOwn(CHANGEABLE_PARTS, name) && isObject(change)) {
    const parts: readonly string[] = CHANGEABLE_PARTS[name as keyof typeof CHANGEABLE_PARTS];
    return Object.entries(change)
      .filter(([part, value]) => value !== undefined && !parts.includes(part))
      .map(([part]) => ({
        option: `${name}.${part}`,
        reason: `is fixed when the hierarchy is created, or does not exist; of ${name}, ${parts.join(' and ')} can be changed`,
      }));
  }
  const isKnown = (HIERARCHY_NAMES as readonly string[]).includes(name);
  const reason = isKnown
    ? (FIXED[name] ?? 'is fixed when the hierarchy is created')
    : `there is no such option${didYouMean(name, HIERARCHY_NAMES)}`;
  return [{ option: name, reason }];
}

/** A single duration is short for one part of an object. */
const SHORT_FOR: Readonly<Record<string, string>> = { loadTimeout: 'hard', loadBackoff: 'first' };

function withChange(name: string, now: unknown, change: unknown): unknown {
  const part = SHORT_FOR[name];
  const atLength = (value: unknown) =>
    part === undefined || isObject(value) || value === undefined ? value : { [part]: value };
  const [old, changed] = [atLength(now), atLength(change)];
  if (!isObject(old) || !isObject(changed)) return changed;
  return { ...old, ...Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== undefined)) };
}

function wrongIn(options: HierarchyOptions): string | undefined {
  try {
    resolveOptions(options);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Everything that can be changed, as it is in force. */
function settingsOf(options: ResolvedOptions): Settings {
  const { policy, outages, incidents } = options;
  return {
    ttl: policy.ttlMs,
    ttlJitter: policy.ttlJitter,
    negativeTtl: policy.negativeTtlMs,
    staleWhileRevalidate: policy.staleWhileRevalidateMs,
    staleIfError: policy.staleIfErrorMs,
    'loadBackoff.first': policy.loadBackoff.firstMs,
    'loadBackoff.max': policy.loadBackoff.maxMs,
    refreshAhead: policy.refreshAhead ?? false,
    'loadTimeout.soft': policy.loadTimeout.softMs,
    'loadTimeout.hard': policy.loadTimeout.hardMs,
    'loadTimeout.late': policy.loadTimeout.lateMs,
    'l1.maxEntries': options.maxEntries,
    'l1.maxBytes': options.maxBytes,
    'l1.ttl': policy.l1TtlMs,
    'lease.ttl': options.leaseTtlMs,
    'lease.wait': options.leaseWaitMs,
    maxStaleness: options.maxStalenessMs,
    l2Timeout: options.l2TimeoutMs,
    l2MaxInFlight: outages.maxInFlight,
    'breaker.failures': outages.failures,
    'breaker.openFor': outages.openForMs,
    closeTimeout: options.closeTimeoutMs,
    validation: options.rules.mode,
    'incidents.enabled': incidents.enabled,
    'incidents.warnEvery': incidents.warnEveryMs,
    'snapshot.ttl': options.snapshot.ttlMs,
  };
}

function difference(before: Settings, after: Settings): Reconfigured {
  const changed = Object.keys(after).filter((name) => before[name] !== after[name]);
  const only = (settings: Settings) => Object.fromEntries(changed.map((name) => [name, settings[name]]));
  return { before: only(before), after: only(after) };
}
