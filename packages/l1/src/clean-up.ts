import type { L1Clock, L1Timers } from './options.js';

/** Shortest time between two runs, in milliseconds: what a run costs (see below) is then less than 0.1 % of a core. */
export const MIN_INTERVAL_MS = 5_000;

/** Longest time between two runs, in milliseconds: what is dead takes room no longer than that, however quiet it was. */
export const MAX_INTERVAL_MS = 120_000;

/**
 * Most entries that one run looks at. Measured on a busy machine: about 0.5 ms of the event loop in an L1 of the default
 * size, 2 ms and more in one of a million entries, where each look goes to cold memory.
 */
export const ENTRIES_PER_RUN = 2_000;

/** From this share of dead ones among the inspected on, the next run comes twice as soon. */
const BUSY_SHARE = 0.1;

/** Up to this share of dead ones among the inspected, the next run comes half as soon. */
const QUIET_SHARE = 0.01;

/** What one run saw. */
export interface CleanUpRun {
  readonly inspected: number;
  readonly dead: number;
}

/**
 * Decides when dead entries are looked for. There is a timer exactly while something can expire, not due before anything can have; its interval follows the
 * share of dead entries that the runs find (Redis' active expiry takes the same measure).
 *
 * Correctness does not hang on it: dead entries are never served, and the bounds hold with them. It gives memory back.
 */
export class CleanUp {
  readonly #clock: L1Clock;
  readonly #timers: L1Timers;
  readonly #inspect: (most: number) => CleanUpRun;
  #intervalMs = MIN_INTERVAL_MS;
  #timer: unknown;
  /** From when the interval counts: since the last run, or since something can expire. */
  #since = 0;
  #dueAt = Number.NEGATIVE_INFINITY;
  #waiting = false;
  #needed = false;
  #closed = false;

  constructor(clock: L1Clock, timers: L1Timers, inspect: (most: number) => CleanUpRun) {
    this.#clock = clock;
    this.#timers = timers;
    this.#inspect = inspect;
  }

  /**
   * Says whether there is something that can expire. Cheap when nothing changed.
   *
   * @param soonest when that may be, of what came since the last run.
   */
  need(needed: boolean, soonest: number): void {
    if (needed !== this.#needed) {
      this.#needed = needed;
      this.#stop();
      this.#intervalMs = MIN_INTERVAL_MS;
      this.#begin(soonest);
    } else if (Math.max(soonest, this.#since + this.#intervalMs) + MIN_INTERVAL_MS < this.#dueAt) {
      // Something is dead long before it was going to be looked for.
      this.#stop();
      this.#start(soonest);
    }
  }

  /** Stops for good. */
  close(): void {
    this.#closed = true;
    this.#stop();
  }

  readonly #run = (): void => {
    this.#waiting = false;
    this.#dueAt = Number.NEGATIVE_INFINITY;
    try {
      this.#adapt(this.#inspect(ENTRIES_PER_RUN));
    } finally {
      this.#begin(Number.NEGATIVE_INFINITY);
    }
  };

  #adapt({ inspected, dead }: CleanUpRun): void {
    if (dead >= inspected * BUSY_SHARE) this.#intervalMs = Math.max(MIN_INTERVAL_MS, this.#intervalMs / 2);
    else if (dead <= inspected * QUIET_SHARE) this.#intervalMs = Math.min(MAX_INTERVAL_MS, this.#intervalMs * 2);
  }

  /** An interval begins. */
  #begin(soonest: number): void {
    if (!this.#needed) return;
    if (!this.#waiting) this.#since = this.#clock.now();
    this.#start(soonest);
  }

  /** @param soonest nothing is dead before that. */
  #start(soonest: number): void {
    if (!this.#needed || this.#closed || this.#waiting) return;
    const now = this.#clock.now();
    // Counted from when it began: what comes meanwhile can bring it forward, and never puts it off.
    this.#dueAt = Math.max(this.#since + this.#intervalMs, Math.min(soonest, now + MAX_INTERVAL_MS));
    this.#waiting = true;
    this.#timer = this.#timers.setTimer(this.#run, Math.max(0, Math.round(this.#dueAt - now)));
  }

  #stop(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#dueAt = Number.NEGATIVE_INFINITY;
    this.#timers.clearTimer(this.#timer);
  }
}
