import { LRUCache } from 'lru-cache';

/**
 * How many places are made ready at once: few enough that making them is over in some microseconds, enough for the
 * default bound to be reached after three steps.
 */
const FIRST_CAPACITY = 1_024;

/**
 * A map that knows in which order its keys were used, over lru-cache.
 *
 * lru-cache makes room for all of its `max` places beforehand (73 ms for a million, measured), so an empty one of the
 * full size is no cheap thing to swap in. Here `max` doubles as entries come, as a `Map` does with its own table. Without
 * `max` at all, bounded by `maxSize` alone, lru-cache needs no room beforehand but about 30 bytes more for each entry.
 */
export class Recency<E extends object> {
  #limit: number;
  #lru: LRUCache<string, E>;
  #walk: Iterator<string> | undefined;
  /** The key that the walk visits next. */
  #ahead: string | undefined;

  /** @param limit the most keys that it will be given. */
  constructor(limit: number) {
    this.#limit = limit;
    this.#lru = this.#empty();
  }

  get size(): number {
    return this.#lru.size;
  }

  /** Looks up and makes the key the most recently used. */
  use(key: string): E | undefined {
    return this.#lru.get(key);
  }

  /** Looks up without a trace. */
  peek(key: string): E | undefined {
    return this.#lru.peek(key);
  }

  /** Stores under a key and makes it the most recently used. */
  put(key: string, entry: E): void {
    const { size, max } = this.#lru;
    if (size === max && max < this.#limit) this.#rebuild(Math.min(max * 2, this.#limit));
    this.#lru.set(key, entry);
  }

  /** Takes out a key that is there. */
  remove(key: string): void {
    // lru-cache deletes its last entry by filling all of its places anew. Its `pop` does not.
    if (this.#lru.size === 1) this.#lru.pop();
    else this.#lru.delete(key);
  }

  /** The least recently used key. */
  oldestKey(): string | undefined {
    return this.#lru.rkeys().next().value ?? undefined;
  }

  /** Takes the least recently used entry out. */
  popOldest(): E | undefined {
    return this.#lru.pop();
  }

  /** All keys and entries as they are now, the most recently used first. */
  newestFirst(): Iterable<[string, E]> {
    return this.#lru.entries();
  }

  /**
   * Visits up to `most` keys, from the least to the most recently used, going on where the last call ended and over again
   * after the end. Ends at the end, too. The visitor may remove the key it is shown.
   *
   * Changes between two calls do no harm, except that one which removes or moves the very key where the walk stands can
   * make it skip others or start over early.
   *
   * @returns how many were visited.
   */
  walk(most: number, visit: (key: string) => void): number {
    if (this.#ahead === undefined) {
      this.#walk = this.#lru.rkeys();
      this.#step();
    }
    let visited = 0;
    while (visited < most && this.#ahead !== undefined) {
      const key = this.#ahead;
      // First on, then the visit: lru-cache's iterators lose their way when the last key they gave out is removed.
      this.#step();
      visited++;
      visit(key);
    }
    return visited;
  }

  /** Forgets everything, in a time that does not depend on how much there is. */
  clear(): void {
    this.#replace(this.#empty());
  }

  /** Changes the limit, which may not be below `size`, and gives back memory that was made ready for more. */
  resize(limit: number): void {
    this.#limit = limit;
    if (this.#lru.max > limit) this.#rebuild(limit);
  }

  #empty(): LRUCache<string, E> {
    return new LRUCache({ max: Math.min(FIRST_CAPACITY, this.#limit) });
  }

  #rebuild(capacity: number): void {
    const next = new LRUCache<string, E>({ max: capacity });
    for (const key of this.#lru.rkeys()) {
      const entry = this.#lru.peek(key);
      if (entry !== undefined) next.set(key, entry);
    }
    this.#replace(next);
  }

  #replace(next: LRUCache<string, E>): void {
    this.#lru = next;
    this.#walk = undefined;
    this.#ahead = undefined;
  }

  #step(): void {
    const step = this.#walk?.next();
    this.#ahead = step === undefined || step.done ? undefined : step.value;
  }
}
