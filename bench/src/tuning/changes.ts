import { generator } from '../traces/trace.js';

/** How long the values of a source stay as they are, on average, in milliseconds: the same for all keys, or anything between two bounds. */
export interface ChangeSpan {
  readonly name: string;
  readonly leastMs: number;
  readonly mostMs: number;
}

/** A source whose values change by themselves, each key's independently of the others' and of its own past (a Poisson process). */
export class ChangingSource {
  readonly #random = generator(7);
  readonly #meanMs: Float64Array;
  readonly #nextMs: Float64Array;
  readonly #versions: Uint32Array;

  constructor(keys: number, { leastMs, mostMs }: ChangeSpan) {
    // Spread evenly by order of magnitude.
    this.#meanMs = Float64Array.from({ length: keys }, () => leastMs * (mostMs / leastMs) ** this.#random());
    this.#nextMs = this.#meanMs.map((mean) => this.#wait(mean));
    this.#versions = new Uint32Array(keys);
  }

  /** The value of a key at a time, which must not go back. */
  valueOf(key: number, nowMs: number): number {
    while ((this.#nextMs[key] as number) <= nowMs) {
      this.#versions[key] = (this.#versions[key] as number) + 1;
      this.#nextMs[key] = (this.#nextMs[key] as number) + this.#wait(this.#meanMs[key] as number);
    }
    return this.#versions[key] as number;
  }

  #wait(meanMs: number): number {
    return -Math.log(1 - this.#random()) * meanMs;
  }
}
