import { L1InvalidError } from './errors.js';

/** What an L1 may hold. */
export interface L1Bounds {
  /** Most entries. A whole number from 1 to {@link MAX_ENTRIES}. Default: {@link DEFAULT_MAX_ENTRIES}. */
  readonly maxEntries?: number | undefined;
  /**
   * Most bytes, as the sum of what each `set` was told. A whole number of 1 or more, or `Infinity` for no bound. Default:
   * {@link DEFAULT_MAX_BYTES}.
   */
  readonly maxBytes?: number | undefined;
}

/**
 * Who has to go when there is no room.
 *
 * - `lru`: who was used least recently.
 * - `arc`: as the adaptive replacement cache (Megiddo and Modha, FAST '03). Remembers the keys of up to as many entries as are held.
 */
export type L1Policy = 'lru' | 'arc';

/** Where time comes from. */
export interface L1Clock {
  /** Milliseconds since any fixed moment, fractions allowed. Never goes back. */
  now(): number;
}

/** How the clean-up is put off. */
export interface L1Timers {
  /** Calls `run` once after `delayMs` milliseconds. Must not keep the process alive. */
  setTimer(run: () => void, delayMs: number): unknown;
  /** Takes back what `setTimer` returned. */
  clearTimer(timer: unknown): void;
}

/**
 * Why an entry left.
 *
 * - `entries`: the one whose turn it was, to keep `maxEntries`.
 * - `bytes`: the one whose turn it was, to keep `maxBytes`.
 * - `expired`: its deadline had passed, or that of the value which was set in its place.
 * - `oversize`: the value which was set in its place is larger than `maxBytes`.
 * - `replaced`: another value was stored in its place.
 * - `deleted`: by `delete`.
 * - `cleared`: by `clear`.
 */
export type L1RemovalCause = 'entries' | 'bytes' | 'expired' | 'oversize' | 'replaced' | 'deleted' | 'cleared';

/** Options of an L1. */
export interface L1Options<V> extends L1Bounds {
  /** Who has to go. Default: `lru`. */
  readonly policy?: L1Policy | undefined;
  /** Default: `performance.now()`. */
  readonly clock?: L1Clock | undefined;
  /** Default: `setTimeout`, unref'd. */
  readonly timers?: L1Timers | undefined;
  /**
   * Hears of each entry that leaves, except by {@link L1.clear}, which would have to walk through all of them. Called
   * synchronously, after the operation has been done completely, so it may use the L1. What it throws comes out of the
   * operation (out of a timer, for the clean-up): it should not throw.
   */
  readonly onRemove?: ((key: string, value: V, cause: Exclude<L1RemovalCause, 'cleared'>) => void) | undefined;
  /** Hears, with its bytes, of each value that `set` has stored; after `onRemove` has heard of those that made room. As for that. */
  readonly onStore?: ((bytes: number) => void) | undefined;
}

/** How many entries an L1 holds if it is not told. */
export const DEFAULT_MAX_ENTRIES = 5_000;

/** How many bytes an L1 holds if it is not told: 64 MiB, a share of the heap that a service of any size can spare. */
export const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;

/**
 * The most entries that an L1 can be asked to hold. V8's `Map` ends at 2^24 places, and places of deleted keys count until
 * it tidies up, which it does when they are half of them.
 */
export const MAX_ENTRIES = 2 ** 23;

/** @throws {@link L1InvalidError} */
export function checkMaxEntries(maxEntries: number): number {
  if (!Number.isSafeInteger(maxEntries) || maxEntries < 1 || maxEntries > MAX_ENTRIES) {
    throw new L1InvalidError('maxEntries', `a whole number from 1 to ${MAX_ENTRIES}`, maxEntries);
  }
  return maxEntries;
}

/** @throws {@link L1InvalidError} */
export function checkPolicy(policy: L1Policy): L1Policy {
  if (policy !== 'lru' && policy !== 'arc') throw new L1InvalidError('policy', "'lru' or 'arc'", policy);
  return policy;
}

/** @throws {@link L1InvalidError} */
export function checkMaxBytes(maxBytes: number): number {
  if (maxBytes !== Infinity && (!Number.isSafeInteger(maxBytes) || maxBytes < 1)) {
    throw new L1InvalidError('maxBytes', 'a whole number of bytes, 1 or more, or Infinity', maxBytes);
  }
  return maxBytes;
}

export const systemClock: L1Clock = { now: () => performance.now() };

export const systemTimers: L1Timers = {
  setTimer: (run, delayMs) => setTimeout(run, delayMs).unref(),
  clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
};
