import { evict, isSweepDue, sweep } from './expiry.js';
import type { Store } from './store.js';
import type { Actor } from './transaction.js';

/**
 * How many rows one transaction deals with, so that neither the event loop nor other writers wait for long: some
 * milliseconds.
 */
const ROWS_A_STEP = 250;

/** How many such steps one run takes at most, before it makes a pause. */
const STEPS_A_RUN = 20;

/** The pause when a run has left something over, in milliseconds. */
const PAUSE_MS = 100;

/**
 * The longest time between two looks while there is anything that expires, in milliseconds: an hour. What another
 * process has stored is that one's to sweep; if it dies, it becomes ours at the next look.
 */
const MAX_DELAY_MS = 3_600_000;

export interface SweeperOptions {
  readonly maxBytes: number;
  readonly sweepInterval: number;
}

/**
 * Removes what has expired, and what is over the byte cap, in small steps. Its timer is set for the moment when the
 * next thing is due, but not before the interval is over or later than in an hour, and only while there is anything
 * that expires. Several processes that sweep one store do no harm: each step is a transaction, and who comes second
 * sees in a snapshot that nothing is due.
 */
export class Sweeper {
  readonly #store: Store;
  readonly #actor: Actor;
  readonly #options: SweeperOptions;
  #timer: NodeJS.Timeout | undefined;
  #firesAt = 0;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(store: Store, actor: Actor, options: SweeperOptions) {
    this.#store = store;
    this.#actor = actor;
    this.#options = options;
  }

  /** Whether a timer is set. */
  get armed(): boolean {
    return this.#timer !== undefined;
  }

  /** Looks when the next thing is due, and sets the timer if there is one. */
  wake(): void {
    if (this.#closed) return;
    try {
      const due = this.#store.read((tables) => tables.expiry.nextDue());
      if (due !== undefined) this.expect(due - this.#actor.now());
    } catch {
      // The store cannot be read just now: the next write wakes it again.
    }
  }

  /**
   * To be called when something was stored that is due in so many milliseconds: brings the timer forward if need be.
   */
  expect(dueInMs: number): void {
    if (this.#closed || this.#running !== undefined) return;
    const delay = Math.min(Math.max(dueInMs, this.#options.sweepInterval), MAX_DELAY_MS);
    if (this.#timer === undefined || performance.now() + delay < this.#firesAt) this.#setTimer(delay);
  }

  /** To be called when a transaction left the store above its cap. */
  hurry(): void {
    if (!this.#closed && this.#running === undefined) this.#setTimer(0);
  }

  /** One run. Never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#steps()
      .catch(() => true)
      .then((isDone) => {
        this.#running = undefined;
        if (this.#closed) return;
        if (isDone) this.wake();
        else this.#setTimer(PAUSE_MS);
      });
    return this.#running;
  }

  /** Resolves when the run that is under way has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#running;
  }

  /** @returns whether nothing is left to do. */
  async #steps(): Promise<boolean> {
    for (let step = 0; step < STEPS_A_RUN && !this.#closed; step++) {
      const { maxBytes } = this.#options;
      const isDue = this.#store.read(
        (tables) => isSweepDue(tables, this.#actor.now()) || tables.readCounters().bytes > maxBytes,
      );
      if (!isDue) return true;
      await this.#store.write(this.#actor, (txn) => {
        sweep(txn, ROWS_A_STEP);
        evict(txn, maxBytes, ROWS_A_STEP);
      });
    }
    return false;
  }

  #setTimer(ms: number): void {
    clearTimeout(this.#timer);
    this.#firesAt = performance.now() + ms;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.run();
    }, ms).unref();
  }
}
