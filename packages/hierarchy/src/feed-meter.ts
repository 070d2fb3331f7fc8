import type { L2FeedState, L2News, L2Written } from '@tierwise/l2';
import type { Clock } from './clock.js';

/** A measurement begins this long after the last one at the earliest, in milliseconds. */
const LEAST_INTERVAL_MS = 1_000;
/** An echo that has not come by then is not waited for any more, in milliseconds. */
const GIVEN_UP_AFTER_MS = 10_000;

/** Figures of the feed. */
export interface FeedStats {
  /** `none`: there is no L2, or it has no feed. */
  readonly state: 'none' | L2FeedState;
  /** How often it was lost after it had been alive. */
  readonly losses: number;
  /** Messages that were heard, this node's own included. */
  readonly heard: number;
  /**
   * How long news takes, in milliseconds: from when a write of this node was sent until the feed told of it here. That includes the write
   * itself, so it is an upper bound. As last measured, or more while an echo is overdue; `undefined` before the first, and while deaf.
   */
  readonly lagMs: number | undefined;
}

/**
 * Counts what the feed tells, and measures how late it does by the echo of this node's own writes: that takes no message more, and
 * compares no two machines' clocks (law 4).
 */
export class FeedMeter {
  readonly #clock: Clock;
  #wasAlive = false;
  #losses = 0;
  #heard = 0;
  #lagMs: number | undefined;
  #awaited: { readonly namespace: string; readonly key: string; readonly at: number } | undefined;
  #notBefore = Number.NEGATIVE_INFINITY;
  readonly #listeners = new Set<(namespace: string) => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A write is on its way to L2, which will tell of it if it stores the value. */
  sent(namespace: string, key: string, written: Promise<readonly L2Written[]>): void {
    const now = this.#clock.now();
    if (now < this.#notBefore) return;
    const awaited = { namespace, key, at: now };
    this.#awaited = awaited;
    this.#notBefore = now + GIVEN_UP_AFTER_MS;
    const withdraw = () => {
      if (this.#awaited === awaited) this.#begin();
    };
    written.then((answers) => {
      if (answers[0]?.status !== 'stored') withdraw();
    }, withdraw);
  }

  /** @param own whether it tells of what this node did. */
  told(news: L2News, own: boolean): void {
    this.#heard += 1;
    if (!own || news.type !== 'changed') return;
    const awaited = this.#awaited;
    if (awaited !== undefined && awaited.namespace === news.namespace && news.keys.includes(awaited.key)) {
      const now = this.#clock.now();
      this.#lagMs = now - awaited.at;
      this.#awaited = undefined;
      this.#notBefore = now + LEAST_INTERVAL_MS;
    }
    for (const listener of this.#listeners) listener(news.namespace);
  }

  /** It was measured otherwise. */
  measured(ms: number): void {
    this.#lagMs = ms;
  }

  turned(state: L2FeedState): void {
    if (state === 'deaf' && this.#wasAlive) this.#losses += 1;
    this.#wasAlive = state === 'alive';
    // What was under way when it was lost may never be told.
    this.#lagMs = undefined;
    this.#begin();
  }

  /** Hears of which namespace this node's own changes come back. @returns how to end that. */
  onEcho(listener: (namespace: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stats(state: FeedStats['state']): FeedStats {
    const lagMs = state === 'alive' ? this.#lag() : undefined;
    return { state, losses: this.#losses, heard: this.#heard, lagMs };
  }

  #begin(): void {
    this.#awaited = undefined;
    this.#notBefore = Number.NEGATIVE_INFINITY;
  }

  #lag(): number | undefined {
    if (this.#awaited === undefined) return this.#lagMs;
    return Math.max(this.#lagMs ?? 0, this.#clock.now() - this.#awaited.at);
  }
}
