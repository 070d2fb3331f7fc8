/**
 * In which order entries have to go. What a store asks of its policy: {@link Recency} is the default, {@link Arc} the other one.
 */
export interface Order<E> {
  /** Told that an entry of this key is about to be added that is not there; before room is made for it. */
  expect(entry: E): void;
  /**
   * Puts an entry in that is not there, as used just now.
   *
   * @param isReplacing whether it takes the place of one of the same key, which was removed just before.
   */
  add(entry: E, isReplacing: boolean): void;
  /** Notes that one was used that is there. */
  use(entry: E): void;
  /** Takes one out that is there. */
  remove(entry: E): void;
  /** The one that has to go to make room. It will be removed, and may come back. */
  toEvict(): E | undefined;
  /** Forgets everything, in a time that hardly depends on how much there is. */
  clear(): void;
  /** All of them, the last one to go first. Nothing may change meanwhile. */
  newestFirst(): Iterable<E>;
  /**
   * Visits up to `most`, going on where the last call ended and over again after the end. Ends at the end, too. Whatever is added, used
   * or removed between two calls or by the visitor, the walk does not lose its way.
   *
   * @returns how many were visited.
   */
  walk(most: number, visit: (entry: E) => void): number;
}
