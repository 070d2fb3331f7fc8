import { type Clock, systemClock } from './clock.js';
import { PoolOptionError } from './errors.js';

/** What `create` is told. */
export interface CreateContext {
  /** Aborted when `connectTimeout` is over or the pool is closed: whoever connects should give up. */
  readonly signal: AbortSignal;
  /**
   * To be called when the connection ends by itself, for instance because its socket closed: it leaves the pool at once if it is
   * idle, and as soon as it is given back if it is borrowed.
   */
  lost(error?: unknown): void;
}

/** Sizes and times of any pool. All times are in milliseconds. */
export interface PoolLimits {
  /** Stands in errors, events and statistics. Default: `pool`. */
  readonly name?: string | undefined;
  /** How many connections are kept although nobody needs them. None is made before it is needed, or `warmUp` is called. Default: 0. */
  readonly min?: number | undefined;
  /** How many connections there may be at a time, 1 to 100,000. Default: 10. */
  readonly max?: number | undefined;
  /** How many callers may wait while all connections are borrowed; further ones are rejected at once. Default: 1,000. */
  readonly maxWaiting?: number | undefined;
  /** How long a caller waits for a connection. Default: 5,000. */
  readonly acquireTimeout?: number | undefined;
  /** How long making a connection may take. Default: 5,000. */
  readonly connectTimeout?: number | undefined;
  /** How long a connection may be idle before it is ended, if more than `min` are there. Default: 300,000. */
  readonly idleTimeout?: number | undefined;
  /** How old a connection may become; each gets up to a tenth less, by chance, so that they do not all end at once. Default: 1,800,000. */
  readonly maxLifetime?: number | undefined;
  /**
   * How often idle connections are checked, give or take a quarter, by chance. Default: 60,000.
   */
  readonly healthCheckInterval?: number | undefined;
  /** How long a validation or a health check may take before it counts as failed. Default: 2,000. */
  readonly checkTimeout?: number | undefined;
  /** How long ending a connection may take before the pool no longer waits for it. Default: 5,000. */
  readonly destroyTimeout?: number | undefined;
  /** A connection is validated before it is borrowed if it has been idle for that long. Default: 0: always. */
  readonly validateAfter?: number | undefined;
  /** How long `close` waits for what is borrowed. Default: 5,000. */
  readonly drainTimeout?: number | undefined;
  /** Time and chance, for tests. */
  readonly clock?: Clock | undefined;
}

/** What a pool lends, and how it is made, checked and ended. */
export interface PoolOptions<T extends object> extends PoolLimits {
  /** Makes a connection. */
  readonly create: (context: CreateContext) => T | Promise<T>;
  /** Ends a connection. What it throws is counted, and otherwise ignored. Default: nothing has to be done. */
  readonly destroy?: ((connection: T) => unknown) | undefined;
  /** Whether the connection may be lent; asked before it is. It is ended if not, and the next one is taken. Default: it may. */
  readonly validate?: ((connection: T, signal: AbortSignal) => boolean | Promise<boolean>) | undefined;
  /** Whether an idle connection is in good health; asked in the background. Default: as `validate`; if there is none, nothing is asked. */
  readonly check?: ((connection: T, signal: AbortSignal) => boolean | Promise<boolean>) | undefined;
}

/** Options of borrowing a connection. */
export interface AcquireOptions {
  /** Ends the wait: the call rejects with the signal's reason. What is borrowed already is not touched. */
  readonly signal?: AbortSignal | undefined;
  /** How long to wait for a connection, in milliseconds. Default: the pool's `acquireTimeout`. */
  readonly timeout?: number | undefined;
}

/** {@link PoolLimits} after validation. */
export type ResolvedLimits = { readonly [K in keyof PoolLimits]-?: NonNullable<PoolLimits[K]> };

/** Per number: default, least, most. */
const NUMBERS = {
  min: [0, 0, 100_000],
  max: [10, 1, 100_000],
  maxWaiting: [1_000, 0, 10_000_000],
  acquireTimeout: [5_000, 1, 86_400_000],
  connectTimeout: [5_000, 1, 86_400_000],
  idleTimeout: [300_000, 1, 2_000_000_000],
  maxLifetime: [1_800_000, 1, 2_000_000_000],
  healthCheckInterval: [60_000, 1, 86_400_000],
  checkTimeout: [2_000, 1, 86_400_000],
  destroyTimeout: [5_000, 1, 86_400_000],
  validateAfter: [0, 0, 86_400_000],
  drainTimeout: [5_000, 0, 86_400_000],
} as const;

type NumberName = keyof typeof NUMBERS;

/** Checks the limits and fills in the defaults. Throws a {@link PoolOptionError}. */
export function resolveLimits(options: PoolLimits): ResolvedLimits {
  const { name = 'pool', clock = systemClock } = options;
  if (typeof name !== 'string' || name === '')
    throw new PoolOptionError('pool', 'name must be a string that is not empty');
  const numbers = Object.fromEntries(
    Object.entries(NUMBERS).map(([key, [byDefault, least, most]]) => {
      const value = options[key as NumberName] ?? byDefault;
      if (!Number.isSafeInteger(value) || value < least || value > most) {
        throw new PoolOptionError(name, `${key} must be a whole number from ${least} to ${most}, not ${String(value)}`);
      }
      return [key, value];
    }),
  ) as Record<NumberName, number>;
  if (numbers.min > numbers.max) {
    throw new PoolOptionError(name, `min must not be above max, but ${numbers.min} is above ${numbers.max}`);
  }
  return { name, clock, ...numbers };
}
