import { checkNames } from './check.js';
import { type Duration, parseDuration } from './duration.js';
import { InvalidOptionError } from './errors.js';
import type { Journal } from './journal.js';

/** What is done about an L2 that does not answer. */
export interface OutageOptions {
  /** The circuit breaker that spares callers and L2 each other while L2 is down. `false`: each call finds out for itself. */
  readonly breaker?: BreakerChoice | false;
  /**
   * How many commands may be under way to L2 at once, given-up ones included. Beyond, L2 counts as not answering. One command
   * carries all that was asked in one turn of the event loop. Default 1,000.
   */
  readonly l2MaxInFlight?: number;
  /**
   * Where orders are kept that could not reach L2 (`set`, `delete`, `expire`, `invalidateTags`, `clear`), such as
   * `fileJournal({ directory })` from `@tierwise/journal`. Default: in memory only, bounded, so that they are lost with the process.
   * `false`: nowhere; such a call rejects with {@link L2FailedError}.
   */
  readonly journal?: Journal | false;
  /**
   * What a `set` that could not reach L2 becomes when L2 is back. `'values'`, the default: the value, if L2 can tell that nothing happened to
   * the key meanwhile, else its deletion. `'invalidations'`: always the deletion.
   */
  readonly replay?: 'values' | 'invalidations';
}

export interface BreakerChoice {
  /** So many failures in a row open it. Default 5. */
  readonly failures?: number;
  /** How long it then waits for its first probe; with each that fails twice as long, up to ten seconds. Default `'500ms'`. */
  readonly openFor?: Duration;
}

/** The longest wait between two probes, in milliseconds. */
const MAX_OPEN_FOR_MS = 10_000;

export interface ResolvedOutageOptions {
  /** `Infinity`: there is no breaker. */
  readonly failures: number;
  readonly openForMs: number;
  readonly maxOpenForMs: number;
  readonly maxInFlight: number;
  readonly journal: Journal | undefined;
  /** Whether orders that do not reach L2 are made up for. */
  readonly defers: boolean;
  readonly replaysValues: boolean;
}

export const OUTAGE_NAMES = ['breaker', 'l2MaxInFlight', 'journal', 'replay'] as const;

/** @throws {@link InvalidOptionError}, saying what is allowed. */
export function resolveOutageOptions(options: OutageOptions): ResolvedOutageOptions {
  const { breaker = {}, l2MaxInFlight = 1000, journal, replay = 'values' } = options;
  if (breaker !== false) checkNames('breaker', breaker, ['failures', 'openFor']);
  const { failures = 5, openFor = '500ms' } = breaker === false ? {} : breaker;
  checkCount('breaker.failures', failures);
  checkCount('l2MaxInFlight', l2MaxInFlight);
  if (replay !== 'values' && replay !== 'invalidations') {
    throw new InvalidOptionError(`replay must be 'values' or 'invalidations', not ${JSON.stringify(replay)}`);
  }
  if (journal !== undefined && journal !== false && typeof journal?.append !== 'function') {
    throw new InvalidOptionError("journal must be false or a journal, such as one from '@tierwise/journal'");
  }
  const openForMs = parseDuration(openFor, 'breaker.openFor', 1);
  return {
    failures: breaker === false ? Number.POSITIVE_INFINITY : failures,
    openForMs,
    maxOpenForMs: Math.max(openForMs, MAX_OPEN_FOR_MS),
    maxInFlight: l2MaxInFlight,
    journal: journal === false ? undefined : journal,
    defers: journal !== false,
    replaysValues: replay === 'values',
  };
}

function checkCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new InvalidOptionError(`${name} must be a whole number, 1 or more, not ${value}`);
}
