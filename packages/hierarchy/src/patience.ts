import { untilAborted } from './abort.js';
import { LATE } from './deadline.js';
import type { Entry } from './entry.js';
import type { Flight, Reading } from './flight.js';
import type { Load, Outcome, Wish } from './load.js';
import type { Space } from './space.js';
import { useOf } from './stale.js';

/**
 * How long one caller waits: until its hard limit, or, once there is a stale value that may be answered instead, until its soft one. What is
 * waited for goes on.
 */
export class Patience {
  readonly #space: Space;
  readonly #wish: Wish;
  readonly #hardAt: number;
  #softAt: number;
  /** A value that may be answered if the load fails or takes too long. */
  fallback: Entry | undefined;

  /** @param began when it was called. */
  constructor(space: Space, wish: Wish, fallback: Entry | undefined, began = space.core.clock.now()) {
    const { softMs, hardMs } = wish.policy.loadTimeout;
    this.#space = space;
    this.#wish = wish;
    this.#softAt = began + softMs;
    this.#hardAt = began + hardMs;
    this.fallback = fallback;
  }

  /** Whether an entry may be answered in place of what is waited for. */
  isUsable(entry: Entry | undefined): entry is Entry {
    return entry !== undefined && useOf(this.#space, entry, this.#wish.policy) !== 'none';
  }

  whileLooking(flight: Flight): Promise<Reading | typeof LATE> {
    const { signal } = this.#wish;
    const looking = untilAborted(flight.found, signal);
    const leftMs = this.#hardAt - this.#space.core.clock.now();
    const isBounded = leftMs > this.#space.lookLimitMs && this.fallback === undefined;
    return isBounded ? looking : this.#within(looking);
  }

  whileLoading(load: Load): Promise<Outcome | typeof LATE> {
    this.#softAt = Math.min(this.#softAt, load.began + this.#wish.policy.loadTimeout.softMs);
    if (this.fallback === undefined) return load.waitUntil(this.#hardAt, this.#wish.signal);
    return this.#within(load.wait(this.#wish.signal));
  }

  async #within<T>(promise: Promise<T>): Promise<T | typeof LATE> {
    const { clock, deadlines } = this.#space.core;
    if (this.fallback !== undefined && this.#softAt < this.#hardAt) {
      if (clock.now() >= this.#softAt && this.isUsable(this.fallback)) {
        // Nobody waits for this any more: how it ends is not for this caller.
        promise.catch(() => {});
        return LATE;
      }
      const answer = await deadlines.within(promise, this.#softAt);
      if (answer !== LATE || this.isUsable(this.fallback)) return answer;
    }
    return deadlines.within(promise, this.#hardAt);
  }
}
