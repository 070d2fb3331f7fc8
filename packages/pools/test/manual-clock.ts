import type { Clock } from '../src/clock.js';

interface Timer {
  readonly at: number;
  readonly task: () => void;
}

/** A clock that stands still until it is moved, and whose chance is fixed. */
export class ManualClock implements Clock {
  #now = 1_000;
  readonly #timers = new Set<Timer>();
  readonly #random: () => number;

  constructor(random: () => number = () => 0.5) {
    this.#random = random;
  }

  /** When the timers that are set are due, in milliseconds from now. */
  get timers(): readonly number[] {
    return [...this.#timers].map((timer) => timer.at - this.#now).sort((a, b) => a - b);
  }

  now(): number {
    return this.#now;
  }

  random(): number {
    return this.#random();
  }

  setTimer(task: () => void, ms: number): unknown {
    const timer = { at: this.#now + ms, task };
    this.#timers.add(timer);
    return timer;
  }

  clearTimer(timer: unknown): void {
    this.#timers.delete(timer as Timer);
  }

  /** Moves on, from timer to timer, and lets what each of them begins come to rest. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settled();
    for (;;) {
      const next = [...this.#timers].filter((it) => it.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.task();
      await settled();
    }
    this.#now = end;
    await settled();
  }
}

/** Resolves when every promise that can go on without a timer or I/O has gone on. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
