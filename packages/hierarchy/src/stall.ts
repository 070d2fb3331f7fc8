import type { Clock } from './clock.js';

export interface StallWatchOptions {
  readonly clock: Clock;
  /** For how long the process may stand still without anything being done about it, in milliseconds. */
  readonly limitMs: number;
  /** Whether there is anything that can be too old. If not, nothing ticks until the next look at the time. */
  readonly isHolding: () => boolean;
  readonly onStall: () => void;
}

/** The least time between two ticks, in milliseconds, however little staleness is allowed. */
const LEAST_TICK_MS = 250;

/**
 * Notices that this process stood still: frozen by its host, stopped by a debugger, busy with one long computation (law 8).
 *
 * Nobody has called the feed deaf, but what it brought meanwhile lies unread, and calls that run before it is read would be
 * answered from an L1 that is older than any bound. So a timer ticks while the feed is alive and L1 holds something, and whoever
 * finds that the last tick was too long ago, be it a look into L1 or the late tick itself, says so first. A look costs no more
 * than a comparison.
 */
export class StallWatch {
  readonly #options: StallWatchOptions;
  readonly #clock: Clock;
  #state: 'off' | 'waiting' | 'ticking' = 'off';
  /** From then on, a look at the time is more than that: it begins the ticking, or the process stood still. */
  #attentionAt = Number.POSITIVE_INFINITY;
  #timer: unknown;

  constructor(options: StallWatchOptions) {
    this.#options = options;
    this.#clock = options.clock;
  }

  get #tickMs(): number {
    return Math.max(this.#options.limitMs / 2, LEAST_TICK_MS);
  }

  /** The time, for those who are about to answer from L1 or to fill it. */
  now(): number {
    const now = this.#clock.now();
    if (now >= this.#attentionAt) this.#attend(now);
    return now;
  }

  /** There is a feed to rely on. */
  start(): void {
    this.stop();
    this.#state = 'waiting';
    this.#attentionAt = Number.NEGATIVE_INFINITY;
  }

  /** There is none: what L1 answers is bounded by other means. */
  stop(): void {
    this.#options.clock.clearTimer(this.#timer);
    this.#state = 'off';
    this.#attentionAt = Number.POSITIVE_INFINITY;
  }

  /** The limit is another one. */
  relimit(): void {
    // Whether it stood still is decided by the old one.
    this.now();
    if (this.#state === 'ticking') this.start();
  }

  #attend(now: number): void {
    const stoodStill = this.#state === 'ticking';
    this.#expectTick(now);
    if (stoodStill) this.#options.onStall();
  }

  #expectTick(now: number): void {
    const { clock } = this.#options;
    clock.clearTimer(this.#timer);
    this.#state = 'ticking';
    this.#attentionAt = now + 2 * this.#tickMs;
    this.#timer = clock.setTimer(() => this.#tick(), this.#tickMs);
  }

  #tick(): void {
    const now = this.now();
    if (this.#options.isHolding()) this.#expectTick(now);
    else this.start();
  }
}
