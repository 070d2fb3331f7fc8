import type { Order } from './order.js';

/** Room in an object for its place in a {@link Recency}. Nobody else touches it. */
export interface Linked<E> {
  /** What was used next after it. */
  newer: E | undefined;
  /** What was used last before it. */
  older: E | undefined;
}

/**
 * In which order things were used: a list whose links are in the things themselves, so that one that has been found is moved to the
 * front without being looked up again, and takes no memory but its two links.
 */
export class Recency<E extends Linked<E>> implements Order<E> {
  #newest: E | undefined;
  #oldest: E | undefined;
  /** What the walk visits next. */
  #ahead: E | undefined;

  get oldest(): E | undefined {
    return this.#oldest;
  }

  /** Whether the walk begins at the start next time. */
  get isWalkOver(): boolean {
    return this.#ahead === undefined;
  }

  expect(): void {}

  toEvict(): E | undefined {
    return this.#oldest;
  }

  /** Puts one in that is not there, as the most recently used. */
  add(entry: E): void {
    const newest = this.#newest;
    entry.older = newest;
    entry.newer = undefined;
    if (newest === undefined) this.#oldest = entry;
    else newest.newer = entry;
    this.#newest = entry;
  }

  /** Makes one that is there the most recently used. */
  use(entry: E): void {
    const newest = this.#newest;
    const { newer, older } = entry;
    // As taking it out and putting it in again, without what of that undoes itself: every hit comes here.
    if (newer === undefined || newest === undefined) return;
    if (entry === this.#ahead) this.#ahead = newer;
    newer.older = older;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    newest.newer = entry;
    entry.older = newest;
    entry.newer = undefined;
    this.#newest = entry;
  }

  /** Takes one out that is there. */
  remove(entry: E): void {
    const { newer, older } = entry;
    // The walk goes on behind what has gone, or has gone to the front.
    if (entry === this.#ahead) this.#ahead = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    entry.newer = undefined;
    entry.older = undefined;
  }

  /** Forgets everything, in a time that does not depend on how much there is. */
  clear(): void {
    this.#newest = undefined;
    this.#oldest = undefined;
    this.#ahead = undefined;
  }

  /** All of them, the most recently used first. Nothing may change meanwhile. */
  *newestFirst(): Generator<E, void> {
    for (let entry = this.#newest; entry !== undefined; entry = entry.older) yield entry;
  }

  /**
   * Visits up to `most`, from the least to the most recently used, going on where the last call ended and over again after the end.
   * Ends at the end, too. Whatever is added, used or removed between two calls or by the visitor, the walk does not lose its way.
   *
   * @returns how many were visited.
   */
  walk(most: number, visit: (entry: E) => void): number {
    this.#ahead ??= this.#oldest;
    let visited = 0;
    while (visited < most && this.#ahead !== undefined) {
      const entry: E = this.#ahead;
      this.#ahead = entry.newer;
      visited += 1;
      visit(entry);
    }
    return visited;
  }
}
