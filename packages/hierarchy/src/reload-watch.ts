import { crc32 } from 'node:zlib';
import type { Reload } from './change-rate.js';

/** Keys that are watched at the most. */
const MAX_KEYS = 1_000;

interface Seen {
  readonly hash: number;
  readonly at: number;
}

/**
 * Notices whether a key that is loaded again has another value than the last time, by 32 bits of its encoded form. Of many keys, it watches
 * a part: those whose hash ends in so many zeros. So it sees each of these every time, which a list of the latest keys would not (spatial sampling,
 * as in SHARDS: Waldspurger et al., FAST '15).
 */
export class ReloadWatch {
  readonly #forgetMs: number;
  readonly #seen = new Map<string, Seen>();
  #mask = 0;

  /** @param forgetMs what was not loaded for so long is not waited for, if there is no room. */
  constructor(forgetMs: number) {
    this.#forgetMs = forgetMs;
  }

  get size(): number {
    return this.#seen.size;
  }

  /** @returns what came of it; `undefined` for a key that is not watched, or was not until now. */
  loaded(id: string, payload: Uint8Array, now: number): Reload | undefined {
    if ((crc32(id) & this.#mask) !== 0) return undefined;
    const hash = crc32(payload);
    const last = this.#seen.get(id);
    this.#seen.set(id, { hash, at: now });
    if (last !== undefined) return { afterMs: now - last.at, changed: last.hash !== hash };
    if (this.#seen.size > MAX_KEYS) this.#makeRoom(now);
    return undefined;
  }

  #makeRoom(now: number): void {
    for (const [id, { at }] of this.#seen) if (now - at >= this.#forgetMs) this.#seen.delete(id);
    while (this.#seen.size > MAX_KEYS / 2) {
      this.#mask = this.#mask * 2 + 1;
      for (const id of this.#seen.keys()) if ((crc32(id) & this.#mask) !== 0) this.#seen.delete(id);
    }
  }
}
