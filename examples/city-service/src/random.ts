/** Chance, from a seed: two runs with the same seed draw the same numbers. */
export interface Random {
  /** A number from 0 up to, but not, 1. */
  next(): number;
  /** A whole number from 0 up to, but not, `below`. */
  int(below: number): number;
}

/** A generator by a multiplicative hash of a counter (after Steele et al., "Fast Splittable Pseudorandom Number Generators"). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let bits = state;
    bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32;
  };
  return { next, int: (below) => Math.floor(next() * below) };
}

/**
 * Draws ids 1 to `count` as people ask for things: the one of rank r comes with a chance proportional to 1 / r^exponent. Which id has
 * which rank is shuffled.
 */
export class Zipf {
  readonly #random: Random;
  readonly #ids: Uint32Array;
  /** At r: the chance to draw one of rank r or before. */
  readonly #cumulative: Float64Array;

  constructor(random: Random, count: number, exponent: number) {
    this.#random = random;
    this.#ids = Uint32Array.from({ length: count }, (_, index) => index + 1);
    for (let last = count - 1; last > 0; last -= 1) {
      const other = random.int(last + 1);
      const swapped = this.#idAt(other);
      this.#ids[other] = this.#idAt(last);
      this.#ids[last] = swapped;
    }
    let sum = 0;
    this.#cumulative = Float64Array.from({ length: count }, (_, rank) => {
      sum += 1 / (rank + 1) ** exponent;
      return sum;
    });
    for (let rank = 0; rank < count; rank += 1) this.#cumulative[rank] = (this.#cumulative[rank] ?? 0) / sum;
  }

  draw(): number {
    const point = this.#random.next();
    let [low, high] = [0, this.#cumulative.length - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#cumulative[middle] ?? 1) > point) high = middle;
      else low = middle + 1;
    }
    return this.#idAt(low);
  }

  #idAt(rank: number): number {
    return this.#ids[rank] ?? 1;
  }
}
