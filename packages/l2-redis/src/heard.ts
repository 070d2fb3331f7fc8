/** So many messages are remembered, twice at most. */
const MAX_HEARD = 4_096;

/**
 * Tells what was heard before, where every message comes over several connections. Of each message Redis makes one like no
 * other, by its time. One that comes again after thousands of others counts as new: that does no harm.
 */
export class Heard {
  #young = new Set<string>();
  #old = new Set<string>();

  /** @returns whether it was heard before. From now on it was. */
  has(message: string): boolean {
    if (this.#young.has(message) || this.#old.has(message)) return true;
    if (this.#young.size >= MAX_HEARD) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    this.#young.add(message);
    return false;
  }
}
