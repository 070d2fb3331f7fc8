import type { Clock } from './clock.js';

/** What {@link Upkeep} needs of a pool. */
export interface UpkeepHost {
  /** Ends what has been idle for too long or is too old; answers when the next one will be, in the clock's time. */
  reap(): number | undefined;
  /** Checks the idle connections, one after another. */
  checkHealth(): Promise<void>;
  /** Whether anything is there whose health matters. */
  worthChecking(): boolean;
  /** Makes connections until there are `min`. */
  refill(): void;
}

/** How long after one refill the next one may begin: a server that ends each connection at once is not to be besieged. */
const REFILL_PAUSE_MS = 1_000;

/** Looks after idle connections. There is a timer only while there is something to look after. */
export class Upkeep {
  readonly #clock: Clock;
  readonly #host: UpkeepHost;
  readonly #interval: number;
  #reaper: unknown;
  #reapAt = Number.POSITIVE_INFINITY;
  #checker: unknown;
  #refiller: unknown;
  #refillFrom = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(clock: Clock, host: UpkeepHost, interval: number) {
    this.#clock = clock;
    this.#host = host;
    this.#interval = interval;
  }

  /** Something became idle, and will be due at `dueAt`. */
  watch(dueAt: number): void {
    if (this.#stopped) return;
    this.#reapBy(dueAt);
    if (this.#checker === undefined) this.#checkLater();
  }

  /** There are fewer than `min`. */
  refillSoon(): void {
    if (this.#stopped || this.#refiller !== undefined) return;
    const wait = Math.max(this.#refillFrom - this.#clock.now(), 0);
    this.#refiller = this.#clock.setTimer(() => {
      this.#refiller = undefined;
      this.#refillFrom = this.#clock.now() + REFILL_PAUSE_MS * (0.75 + this.#clock.random() / 2);
      this.#host.refill();
    }, wait);
  }

  stop(): void {
    this.#stopped = true;
    this.#clock.clearTimer(this.#refiller);
    this.#clock.clearTimer(this.#reaper);
    this.#clock.clearTimer(this.#checker);
    this.#reaper = undefined;
    this.#checker = undefined;
  }

  #reapBy(dueAt: number): void {
    if (dueAt >= this.#reapAt) return;
    this.#clock.clearTimer(this.#reaper);
    this.#reapAt = dueAt;
    this.#reaper = this.#clock.setTimer(
      () => {
        this.#reapAt = Number.POSITIVE_INFINITY;
        const next = this.#host.reap();
        if (next !== undefined && !this.#stopped) this.#reapBy(next);
      },
      Math.max(dueAt - this.#clock.now(), 1),
    );
  }

  #checkLater(): void {
    if (!this.#host.worthChecking()) return;
    const ms = this.#interval * (0.75 + this.#clock.random() / 2);
    this.#checker = this.#clock.setTimer(() => {
      void this.#host.checkHealth().then(() => {
        this.#checker = undefined;
        if (!this.#stopped) this.#checkLater();
      });
    }, ms);
  }
}
