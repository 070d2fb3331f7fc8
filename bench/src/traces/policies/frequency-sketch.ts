const MOST = 15;
const ROWS = 4;
/** After so many uses for each place of the cache, all counts are halved. */
const SAMPLES_PER_PLACE = 10;
const SEEDS = [0x9e3779b1, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f] as const;

/** Estimates how often keys were used lately: a count-min sketch of counts up to 15 that are halved from time to time (TinyLFU). */
export class FrequencySketch {
  readonly #counts: Uint8Array;
  readonly #mask: number;
  readonly #sampleSize: number;
  #samples = 0;

  /** @param capacity places of the cache. */
  constructor(capacity: number) {
    const width = 2 ** Math.ceil(Math.log2(Math.max(16, capacity * 4)));
    this.#counts = new Uint8Array(width * ROWS);
    this.#mask = width - 1;
    this.#sampleSize = SAMPLES_PER_PLACE * capacity;
  }

  /** About how often a key was used lately, 0 to 15; rather too often than too seldom. */
  estimate(key: number): number {
    let least = MOST;
    for (let row = 0; row < ROWS; row++) least = Math.min(least, this.#counts[this.#at(key, row)] as number);
    return least;
  }

  /** Counts one use. */
  add(key: number): void {
    let hasChanged = false;
    for (let row = 0; row < ROWS; row++) {
      const at = this.#at(key, row);
      const count = this.#counts[at] as number;
      if (count === MOST) continue;
      this.#counts[at] = count + 1;
      hasChanged = true;
    }
    if (hasChanged && ++this.#samples >= this.#sampleSize) this.#age();
  }

  #at(key: number, row: number): number {
    let hash = Math.imul(key + 1, SEEDS[row] as number);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    hash ^= hash >>> 13;
    return row * (this.#mask + 1) + (hash & this.#mask);
  }

  #age(): void {
    for (let at = 0; at < this.#counts.length; at++) this.#counts[at] = (this.#counts[at] as number) >> 1;
    this.#samples >>= 1;
  }
}
