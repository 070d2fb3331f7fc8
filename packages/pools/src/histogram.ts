import type { TimeSummary } from './observed.js';

/** Buckets for each doubling: a bucket is at most an eighth wide, and its middle is answered. */
const STEPS = 8;
/** Below a microsecond, and above 2^40 µs (12 days), times are not told apart. */
const DOUBLINGS = 40;
const BUCKETS = STEPS * DOUBLINGS + 1;

/** Counts times in buckets that widen with what they hold: bounded memory, no allocation for each time. */
export class TimeHistogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #total = 0;
  #max = 0;

  /** @param ms - the time; less than nothing counts as nothing. */
  record(ms: number): void {
    this.#count++;
    if (ms > 0) {
      this.#total += ms;
      if (ms > this.#max) this.#max = ms;
    }
    const index = bucketOf(ms);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  summary(): TimeSummary {
    return {
      count: this.#count,
      total: this.#total,
      p50: this.#quantile(0.5),
      p95: this.#quantile(0.95),
      p99: this.#quantile(0.99),
      max: this.#max,
    };
  }

  #quantile(share: number): number {
    let left = Math.ceil(this.#count * share);
    if (left === 0) return 0;
    for (let index = 0; index < BUCKETS; index++) {
      left -= this.#counts[index] ?? 0;
      if (left <= 0) return Math.min(middleOf(index), this.#max);
    }
    return this.#max;
  }
}

/** Bucket 0 is "less than a microsecond". */
function bucketOf(ms: number): number {
  const us = ms * 1_000;
  if (!(us >= 1)) return 0;
  const doubling = Math.min(Math.floor(Math.log2(us)), DOUBLINGS - 1);
  const step = Math.min(Math.floor((us / 2 ** doubling - 1) * STEPS), STEPS - 1);
  // log2 may round up just below a power of two: the step is then below 0.
  return 1 + doubling * STEPS + Math.max(step, 0);
}

function middleOf(index: number): number {
  if (index === 0) return 0;
  const doubling = Math.floor((index - 1) / STEPS);
  const step = (index - 1) % STEPS;
  return (2 ** doubling * (1 + (step + 0.5) / STEPS)) / 1_000;
}
