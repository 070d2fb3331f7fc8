/** Each bucket of a histogram ends 2 % above the one before it. */
const STEP = Math.log(1.02);

/** The counts of a histogram, by bucket. Plain data, so that it can travel. */
export type LatencyCounts = Readonly<Record<number, number>>;

/**
 * A histogram of latencies, exact to 2 %, from a microsecond up. `createHistogram` of `node:perf_hooks` does not give its
 * counts away, and percentiles of two processes cannot be merged; these can.
 */
export class Latencies {
  readonly #counts = new Map<number, number>();

  record(ms: number): void {
    const bucket = Math.max(0, Math.round(Math.log(ms * 1000) / STEP));
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
  }

  add(counts: LatencyCounts): void {
    for (const [bucket, count] of Object.entries(counts)) {
      this.#counts.set(Number(bucket), (this.#counts.get(Number(bucket)) ?? 0) + count);
    }
  }

  get counts(): LatencyCounts {
    return Object.fromEntries(this.#counts);
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** The latency in milliseconds that this share (0 to 1) of all stayed within; `undefined` where there are none. */
  percentile(share: number): number | undefined {
    let left = Math.ceil(this.total * share);
    for (const [bucket, count] of [...this.#counts].sort(([a], [b]) => a - b)) {
      left -= count;
      if (left <= 0) return Math.exp(bucket * STEP) / 1000;
    }
    return undefined;
  }
}
