import { L2TimeoutError } from '@tierwise/l2';
import type { Clock } from './clock.js';

/** Moments that are remembered, at the most: so many of something are found to within this part of them, few of it exactly. */
const MAX_MOMENTS = 64;

/** Tells when so many of something happen within a window, whatever came before it. */
export class Burst {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #windowMs: number;
  /** Each so many-th is remembered. */
  readonly #step: number;
  /** The oldest first. */
  readonly #moments: { readonly at: number; readonly seen: number }[] = [];
  #seen = 0;

  constructor(clock: Clock, limit: number, windowMs: number) {
    this.#clock = clock;
    this.#limit = limit;
    this.#windowMs = windowMs;
    this.#step = Math.ceil(limit / MAX_MOMENTS);
  }

  /** One more. @returns in how many milliseconds the limit was reached, if that was within the window. Then it is counted anew. */
  add(): number | undefined {
    this.#seen += 1;
    const latest = this.#moments.at(-1);
    if (latest === undefined || this.#seen - latest.seen >= this.#step) {
      this.#moments.push({ at: this.#clock.now(), seen: this.#seen });
    }
    const [oldest] = this.#moments;
    if (oldest === undefined || this.#seen - oldest.seen + 1 < this.#limit) return undefined;
    const ms = this.#clock.now() - oldest.at;
    if (ms > this.#windowMs) {
      this.#moments.shift();
      return undefined;
    }
    this.#moments.length = 0;
    return ms;
  }
}

/** So many answers are needed for a verdict about a window. */
const LEAST_ANSWERS = 10;

/** What a window's mean weighs in the usual latency: of a usual window, and of a slow one (a new normal is learnt, but slowly). */
const WEIGHT = { usual: 0.2, slow: 0.02 } as const;

export interface LatencyVerdict {
  readonly slow: boolean;
  readonly meanMs: number;
  readonly usualMs: number;
}

/** Compares L2's latency, window by window, with its own usual one. */
export class Latency {
  readonly #options: {
    readonly clock: Clock;
    readonly windowMs: number;
    readonly factor: number;
    readonly leastMs: number;
  };
  #usualMs: number | undefined;
  #sumMs = 0;
  #answers = 0;
  #windowEnds = Number.NEGATIVE_INFINITY;

  constructor(options: { clock: Clock; windowMs: number; factor: number; leastMs: number }) {
    this.#options = options;
  }

  /** L2 has answered. @returns a verdict about the window that has just ended, if one has, with enough answers. */
  answered(ms: number): LatencyVerdict | undefined {
    const now = this.#options.clock.now();
    const verdict = now >= this.#windowEnds ? this.#judge() : undefined;
    if (now >= this.#windowEnds) {
      this.#windowEnds = now + this.#options.windowMs;
      this.#sumMs = 0;
      this.#answers = 0;
    }
    this.#sumMs += ms;
    this.#answers += 1;
    return verdict;
  }

  #judge(): LatencyVerdict | undefined {
    if (this.#answers < LEAST_ANSWERS) return undefined;
    const meanMs = this.#sumMs / this.#answers;
    const usualMs = this.#usualMs ?? meanMs;
    const { factor, leastMs } = this.#options;
    const slow = meanMs > leastMs && meanMs >= usualMs * factor;
    this.#usualMs = usualMs + (meanMs - usualMs) * WEIGHT[slow ? 'slow' : 'usual'];
    return { slow, meanMs, usualMs };
  }
}

/** What an error of L2 says about L2, as far as its own words or those of its causes are known. */
export function diagnose(error: unknown): 'read-only' | 'full' | 'timeout' | undefined {
  let cause: unknown = error;
  for (let depth = 0; depth < 8 && cause instanceof Error; depth += 1) {
    const words = `${'code' in cause ? cause.code : ''} ${cause.message}`;
    if (READ_ONLY.test(words)) return 'read-only';
    if (FULL.test(words)) return 'full';
    cause = cause.cause;
  }
  return error instanceof L2TimeoutError ? 'timeout' : undefined;
}

/** Redis (a replica), and file systems. */
const READ_ONLY = /\bREADONLY\b|\bEROFS\b|read-only file system/i;

/** Redis' `maxmemory` and disk errors of its persistence, file systems, and LMDB. */
const FULL = /\bOOM\b|\bMISCONF\b|\bENOSPC\b|\bEDQUOT\b|no space left|MAP_?FULL|maxmemory/i;

/** Whether a load was given up rather than failed. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'HierarchyClosedError');
}
