/** A sum over the recent past, in so many buckets of time: what is older falls out a bucket at a time. */
export class RollingSum {
  readonly #bucketMs: number;
  readonly #buckets: Float64Array;
  /** The number of the present bucket, counted from the clock's beginning. */
  #present = 0;

  /** @param spanMs how much of the past, in milliseconds: that is what the whole buckets make up, and the present one is on top. */
  constructor(spanMs: number, buckets: number) {
    this.#bucketMs = spanMs / buckets;
    this.#buckets = new Float64Array(buckets + 1);
  }

  add(now: number, amount: number): void {
    const place = this.#placeOf(now);
    this.#buckets[place] = (this.#buckets[place] ?? 0) + amount;
  }

  sum(now: number): number {
    this.#placeOf(now);
    return this.#buckets.reduce((sum, amount) => sum + amount, 0);
  }

  /** The place of the present bucket. Those that time has passed since the last call begin empty. */
  #placeOf(now: number): number {
    const count = this.#buckets.length;
    const bucket = Math.floor(now / this.#bucketMs);
    const passed = Math.min(bucket - this.#present, count);
    for (let nth = 0; nth < passed; nth += 1) this.#buckets[(bucket - nth) % count] = 0;
    this.#present = Math.max(this.#present, bucket);
    return this.#present % count;
  }
}
