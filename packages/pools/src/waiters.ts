import type { Clock } from './clock.js';

/** Somebody who waits for a connection: a link of a {@link WaiterQueue}. */
interface Waiter<T> {
  readonly since: number;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
  /** Undoes what the wait has set up: its timer and its listener. */
  cleanUp: () => void;
  before: Waiter<T> | undefined;
  after: Waiter<T> | undefined;
}

/** What ends a wait without a connection. */
export interface Patience {
  /** In milliseconds. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  /** The waiter has left the queue; answers what to reject it with. */
  readonly left: (why: 'timeout' | 'aborted') => unknown;
}

/** First come, first served; leaving from the middle costs no more than from the front. */
export class WaiterQueue<T> {
  readonly #clock: Clock;
  #first: Waiter<T> | undefined;
  #last: Waiter<T> | undefined;
  #size = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#size;
  }

  /** Waits at the end of the queue. */
  join({ timeout, signal, left }: Patience): Promise<T> {
    return new Promise((resolve, reject) => {
      const leave = (why: 'timeout' | 'aborted'): void => {
        this.#remove(waiter);
        reject(left(why));
      };
      const onAbort = (): void => leave('aborted');
      const timer = this.#clock.setTimer(() => leave('timeout'), timeout);
      signal?.addEventListener('abort', onAbort);
      const cleanUp = (): void => {
        this.#clock.clearTimer(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const since = this.#clock.now();
      const waiter: Waiter<T> = { since, resolve, reject, cleanUp, before: this.#last, after: undefined };
      if (this.#last) this.#last.after = waiter;
      else this.#first = waiter;
      this.#last = waiter;
      this.#size++;
    });
  }

  /** Takes out who has waited longest. */
  shift(): Waiter<T> | undefined {
    const first = this.#first;
    if (first) this.#remove(first);
    return first;
  }

  #remove(waiter: Waiter<T>): void {
    const { before, after } = waiter;
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
    waiter.before = undefined;
    waiter.after = undefined;
    this.#size--;
    waiter.cleanUp();
  }
}
