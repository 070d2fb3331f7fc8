import { type GhostKey, Ghosts } from './ghosts.js';
import type { Order } from './order.js';
import { type Linked, Recency } from './recency.js';

/**
 * The adaptive replacement cache, ARC (Megiddo and Modha, FAST '03): one list for what was used once, one for what was used
 * again, each in the order of use. Keys that had to go are remembered for a while, without their values; a list whose key is
 * asked for again gets more of the room. So what is read once, such as by a sweep over everything, does not push out what is read again
 * and again; and where recency is all that counts, it comes to be an LRU.
 *
 * The paper's capacity is the number of entries that are held when one has to go, so that this works under a bound in bytes as well.
 */
export class Arc<E extends Linked<E> & GhostKey> implements Order<E> {
  readonly #once = new Recency<E>();
  readonly #again = new Recency<E>();
  /** What is in {@link Arc.#again}: for all others, entries are as small as without this policy. */
  readonly #usedAgain = new Set<E>();
  readonly #onceGhosts = new Ghosts();
  readonly #againGhosts = new Ghosts();
  #onceSize = 0;
  /** How many places what was used once should have. */
  #target = 0;
  /** Whether what is expected was remembered. */
  #isBack = false;
  #isFromAgain = false;
  #isWalkingAgain = false;

  expect(entry: E): void {
    const [once, again] = [this.#onceGhosts.size, this.#againGhosts.size];
    const isFromOnce = this.#onceGhosts.delete(entry);
    this.#isFromAgain = !isFromOnce && this.#againGhosts.delete(entry);
    this.#isBack = isFromOnce || this.#isFromAgain;
    if (isFromOnce) this.#target = Math.min(this.#held, this.#target + Math.max(1, again / once));
    else if (this.#isFromAgain) this.#target = Math.max(0, this.#target - Math.max(1, once / again));
  }

  add(entry: E, isReplacing: boolean): void {
    if (isReplacing || this.#isBack) {
      this.#addAgain(entry);
    } else {
      this.#once.add(entry);
      this.#onceSize += 1;
    }
    this.#isBack = false;
    this.#isFromAgain = false;
  }

  use(entry: E): void {
    if (this.#usedAgain.has(entry)) {
      this.#again.use(entry);
    } else {
      this.remove(entry);
      this.#addAgain(entry);
    }
  }

  remove(entry: E): void {
    if (this.#usedAgain.delete(entry)) {
      this.#again.remove(entry);
    } else {
      this.#once.remove(entry);
      this.#onceSize -= 1;
    }
  }

  toEvict(): E | undefined {
    const capacity = this.#held;
    const once = this.#once.oldest;
    const again = this.#again.oldest;
    const isOverTarget = this.#onceSize > this.#target || (this.#isFromAgain && this.#onceSize === this.#target);
    const isOnce = once !== undefined && (isOverTarget || again === undefined);
    const entry = isOnce ? once : again;
    if (entry === undefined) return undefined;
    (isOnce ? this.#onceGhosts : this.#againGhosts).add(entry);
    // As the paper has it: what was used once, held or remembered, is one capacity at most, and everything together is two.
    const onceAfter = this.#onceSize - (isOnce ? 1 : 0) + (this.#isBack ? 0 : 1);
    this.#onceGhosts.trim(Math.max(0, capacity - onceAfter));
    this.#againGhosts.trim(Math.max(0, capacity - this.#onceGhosts.size));
    return entry;
  }

  clear(): void {
    this.#once.clear();
    this.#again.clear();
    this.#usedAgain.clear();
    this.#onceGhosts.clear();
    this.#againGhosts.clear();
    this.#onceSize = 0;
    this.#target = 0;
    this.#isWalkingAgain = false;
  }

  *newestFirst(): Generator<E, void> {
    yield* this.#again.newestFirst();
    yield* this.#once.newestFirst();
  }

  walk(most: number, visit: (entry: E) => void): number {
    let visited = 0;
    if (!this.#isWalkingAgain) {
      visited = this.#once.walk(most, visit);
      this.#isWalkingAgain = this.#once.isWalkOver;
      if (visited === most) return visited;
    }
    visited += this.#again.walk(most - visited, visit);
    this.#isWalkingAgain = !this.#again.isWalkOver;
    return visited;
  }

  get #held(): number {
    return this.#onceSize + this.#usedAgain.size;
  }

  #addAgain(entry: E): void {
    this.#again.add(entry);
    this.#usedAgain.add(entry);
  }
}
