import { ALL_KEYS } from './keys.js';
import type { Random } from './random.js';

/** A read takes up to so long before the source is looked at, and again until its answer leaves, in milliseconds. */
const LONGEST_HALF_MS = 12;

/** The truth: a version for each key. */
export class Source {
  readonly #versions = new Map(ALL_KEYS.map((key) => [key, 1]));
  readonly #random: Random;
  /** How often it was read. */
  loads = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A read takes its time on both sides of the moment at which it sees the version. */
  read(key: string, answer: (version: number) => void): void {
    this.loads += 1;
    setTimeout(
      () => {
        const version = this.#versions.get(key) ?? 0;
        setTimeout(() => answer(version), this.#random.between(0, LONGEST_HALF_MS));
      },
      this.#random.between(0, LONGEST_HALF_MS),
    );
  }

  /** Gives keys new values. @returns their versions. */
  update(keys: readonly string[]): ReadonlyMap<string, number> {
    return new Map(
      keys.map((key) => {
        const version = (this.#versions.get(key) ?? 0) + 1;
        this.#versions.set(key, version);
        return [key, version];
      }),
    );
  }
}
