import type { Clock } from './clock.js';

/** What {@link Deadlines.within} answers when the time was over first. */
export const LATE = Symbol('late');

interface Waiting {
  readonly giveUp: () => void;
  readonly reject: (error: Error) => void;
}

interface Moment {
  readonly waiting: Set<Waiting>;
  readonly timer: unknown;
}

/** Waiting, but not for ever. All who wait until the same millisecond share one timer: ten thousand callers of one cold key do. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #moments = new Map<number, Moment>();
  #closed: Error | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Settles like `promise`, or resolves with {@link LATE} at the time `until`. What is waited for goes on. */
  within<T>(promise: Promise<T>, until: number): Promise<T | typeof LATE> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) reject(this.#closed);
      const at = Math.ceil(until);
      const moment = this.#moment(at);
      const waiting = { giveUp: () => resolve(LATE), reject };
      moment.waiting.add(waiting);
      const done = () => this.#leave(at, moment, waiting);
      promise.then(
        (value) => {
          done();
          resolve(value);
        },
        (error) => {
          done();
          reject(error);
        },
      );
    });
  }

  /** All who wait, now or later, are refused with this, and no timer is left. */
  close(error: Error): void {
    this.#closed = error;
    const moments = [...this.#moments.values()];
    this.#moments.clear();
    for (const { waiting, timer } of moments) {
      this.#clock.clearTimer(timer);
      for (const { reject } of waiting) reject(error);
    }
  }

  #moment(at: number): Moment {
    // No timer is set any more once it is closed: who waits then has been refused already.
    if (this.#closed !== undefined) return { waiting: new Set(), timer: undefined };
    let moment = this.#moments.get(at);
    if (moment === undefined) {
      moment = { waiting: new Set(), timer: this.#clock.setTimer(() => this.#end(at), at - this.#clock.now()) };
      this.#moments.set(at, moment);
    }
    return moment;
  }

  #end(at: number): void {
    const moment = this.#moments.get(at);
    this.#moments.delete(at);
    for (const { giveUp } of moment?.waiting ?? []) giveUp();
  }

  #leave(at: number, moment: Moment, waiting: Waiting): void {
    moment.waiting.delete(waiting);
    if (moment.waiting.size > 0 || this.#moments.get(at) !== moment) return;
    this.#clock.clearTimer(moment.timer);
    this.#moments.delete(at);
  }
}
