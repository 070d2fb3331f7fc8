import type { Clock } from '../src/clock.js';

interface Timer {
  readonly task: () => void;
  readonly at: number;
}

/** A clock that the test moves. */
export class DrivenClock implements Clock {
  #now = 0;
  readonly #timers = new Set<Timer>();
  readonly #watchers = new Set<() => void>();

  now(): number {
    return this.#now;
  }

  random(): number {
    return 0;
  }

  setTimer(task: () => void, ms: number): Timer {
    const timer = { task, at: this.#now + ms };
    this.#timers.add(timer);
    for (const watcher of this.#watchers) watcher();
    return timer;
  }

  clearTimer(timer: unknown): void {
    this.#timers.delete(timer as Timer);
  }

  /** Milliseconds until each timer, the next first. */
  get due(): number[] {
    return [...this.#timers].map(({ at }) => at - this.#now).sort((a, b) => a - b);
  }

  /** Resolves when there is a timer for `ms` from now. */
  async timerSet(ms: number): Promise<void> {
    if (this.due.includes(ms)) return;
    await new Promise<void>((resolve) => {
      const watcher = () => {
        if (!this.due.includes(ms)) return;
        this.#watchers.delete(watcher);
        resolve();
      };
      this.#watchers.add(watcher);
    });
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const timer of [...this.#timers]) {
      if (timer.at > this.#now || !this.#timers.delete(timer)) continue;
      timer.task();
    }
  }
}
