import type { Clock } from './clock.js';

export interface StallWatchOptions {
  readonly clock: Clock;
  /** For how long the process may stand still without anything being done about it, in milliseconds. */
  readonly limitMs: number;
  readonly onStall: () => void;
}

/** The least time between two ticks, in milliseconds, however little staleness is allowed. */
const LEAST_TICK_MS = 250;

/**
 * Notices that this process stood still: frozen by its host, stopped by a debugger, busy with one long computation (law 8).
 *
 * Nobody has called the feed deaf, but what it brought meanwhile lies unread, and calls that run before it is read would be
 * answered from an L1 that is older than any bound. So a timer ticks while the feed is alive, and whoever finds that the last tick
 * was too long ago, be it a look into L1 or the late tick itself, says so first. A look costs no more than a comparison.
 */
export class StallWatch {
  readonly #options: StallWatchOptions;
  readonly #tickMs: number;
  /** The process stood still if it gets to do something only then. */
  #lateAt = Number.POSITIVE_INFINITY;
  #timer: unknown;
  #closed = false;

  constructor(options: StallWatchOptions) {
    this.#options = options;
    this.#tickMs = Math.max(options.limitMs / 2, LEAST_TICK_MS);
  }

  /** The time, for those who are about to answer from L1. */
  now(): number {
    const now = this.#options.clock.now();
    if (now >= this.#lateAt) {
      this.#lateAt = now + 2 * this.#tickMs;
      this.#options.onStall();
    }
    return now;
  }

  start(): void {
    this.stop();
    if (this.#closed) return;
    this.#lateAt = this.#options.clock.now() + 2 * this.#tickMs;
    this.#timer = this.#options.clock.setTimer(() => this.#tick(), this.#tickMs);
  }

  stop(): void {
    this.#options.clock.clearTimer(this.#timer);
    this.#lateAt = Number.POSITIVE_INFINITY;
  }

  /** Stops for good. */
  close(): void {
    this.#closed = true;
    this.stop();
  }

  #tick(): void {
    this.now();
    this.start();
  }
}
