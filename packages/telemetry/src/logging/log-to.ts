import {
  type Clock,
  type Hierarchy,
  type HierarchyEventOf,
  type HierarchyEventType,
  InvalidOptionError,
  systemClock,
} from '@tierwise/hierarchy';
import { checkOptions } from '../check-options.js';
import { Redaction, type RedactionOptions } from '../redaction.js';
import { LINES, type Line } from './lines.js';
import type { Logger } from './logger.js';
import { Squash } from './squash.js';

/** Options of {@link logTo}. */
export interface LoggingOptions extends RedactionOptions {
  /**
   * Whether hits, misses and evictions are logged as well, at `debug`. Default `false`: it is a line for each L1 hit, and takes the speed out of
   * it even while the level is off.
   */
  readonly traffic?: boolean | undefined;
  /** For how long the same trouble is one line, with the count of the others at the end. In milliseconds. Default 10,000. */
  readonly intervalMs?: number | undefined;
  /** Time, for that. Default: the process' own. For tests. */
  readonly clock?: Pick<Clock, 'setTimer' | 'clearTimer'> | undefined;
}

const TRAFFIC: readonly HierarchyEventType[] = ['hit', 'miss', 'evict'];
/** The longest delay that Node's timers take. */
const MAX_INTERVAL_MS = 2 ** 31 - 1;

/**
 * Logs what a hierarchy does, at `debug`, and what goes wrong, at `warn` and `error`. Values are never logged, keys and tags as
 * {@link RedactionOptions.keys} says. Each line of what a caller did has the caller's correlation id as `correlationId`, if it has one: see
 * `withCorrelationId`; lines of what peers did have the peer's.
 *
 * @returns how to stop. What was counted and not told yet is told then.
 */
export function logTo(cache: Hierarchy, logger: Logger, options: LoggingOptions = {}): () => void {
  checkOptions('logTo()', options, ['traffic', 'intervalMs', 'clock', 'keys', 'hashSecret']);
  const { traffic = false, intervalMs = 10_000, clock = systemClock } = options;
  if (!Number.isFinite(intervalMs) || intervalMs < 1 || intervalMs > MAX_INTERVAL_MS) {
    throw new InvalidOptionError(`intervalMs must be 1 to ${MAX_INTERVAL_MS} milliseconds, not ${intervalMs}`);
  }
  const redaction = new Redaction(options);
  const squash = new Squash(clock, intervalMs);
  const log = <T extends HierarchyEventType>(type: T, event: HierarchyEventOf<T>) => {
    // Most lines are of this level: where it is off, not even their fields are made.
    if (OPERATIONS.has(type) && logger.isLevelEnabled?.('debug') === false) return;
    const line = LINES[type](event, redaction);
    if (logger.isLevelEnabled?.(line.level) === false) return;
    const correlationId = line.impersonal === true ? undefined : cache.correlationId();
    const fields = { event: type, ...line.fields, ...(correlationId === undefined ? {} : { correlationId }) };
    if (line.squash === undefined) logger[line.level](fields, `tierwise: ${line.message}`);
    else squash.tell(line.squash, (repeated) => write(logger, line, fields, repeated));
  };
  const types = (Object.keys(LINES) as HierarchyEventType[]).filter((type) => traffic || !TRAFFIC.includes(type));
  const forget = types.map((type) => cache.on(type, (event) => log(type, event)));
  return () => {
    for (const each of forget) each();
    squash.close();
  };
}

/** What is logged at `debug` or not at all. */
const OPERATIONS: ReadonlySet<HierarchyEventType> = new Set([
  ...TRAFFIC,
  ...(['set', 'delete', 'expire', 'touch', 'invalidate', 'purge', 'commit', 'news', 'restore'] as const),
]);

function write(logger: Logger, { level, message }: Line, fields: object, repeated: number): void {
  if (repeated === 0) logger[level](fields, `tierwise: ${message}`);
  else logger[level]({ ...fields, repeated }, `tierwise: ${message} (${repeated} more)`);
}
