import type { Clock } from './clock.js';

/** Waits for something to become true of numbers that change. */
export class Watch {
  readonly #clock: Clock;
  readonly #looks = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Numbers have changed: perhaps something has become true. */
  changed(): void {
    if (this.#looks.size > 0) for (const look of this.#looks) look();
  }

  /** Resolves with true as soon as `done` is, or with false at the deadline, in milliseconds from now. */
  until(done: () => boolean, deadline?: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (result: boolean): void => {
        this.#clock.clearTimer(timer);
        this.#looks.delete(look);
        resolve(result);
      };
      const look = (): void => {
        if (done()) finish(true);
      };
      const timer = deadline === undefined ? undefined : this.#clock.setTimer(() => finish(done()), deadline);
      this.#looks.add(look);
      look();
    });
  }
}
