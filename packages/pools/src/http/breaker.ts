import type { Clock } from '../clock.js';
import type { BreakerState } from '../observed.js';

/** When an origin counts as down, and for how long. */
export interface BreakerOptions {
  /** So many failures in a row open the breaker: no connection, time-out, lost connection, 502, 503, 504. Default 5. */
  readonly failures?: number;
  /** After so many milliseconds one request is let through to find out. Default 5,000. */
  readonly openMs?: number;
}

/** A circuit breaker for one origin (M. Nygard, "Release It!"): an origin that is down is not waited for by everybody. */
export class Breaker {
  readonly #clock: Clock;
  readonly #failures: number;
  readonly #openMs: number;
  readonly #turned: (state: BreakerState) => void;
  #state: BreakerState = 'closed';
  #inARow = 0;
  #openUntil = 0;
  /** Counts changes, so that what a request from before such a change says is not taken for news. */
  #era = 0;

  /** @param turned - hears of each change. */
  constructor(clock: Clock, failures: number, openMs: number, turned: (state: BreakerState) => void) {
    this.#clock = clock;
    this.#turned = turned;
    this.#failures = failures;
    this.#openMs = openMs;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** @returns what to report with; `undefined` if nothing may be sent. */
  enter(): number | undefined {
    if (this.#state === 'closed') return this.#era;
    if (this.#state === 'half-open' || this.#clock.now() < this.#openUntil) return undefined;
    this.#turn('half-open');
    return this.#era;
  }

  succeeded(era: number): void {
    if (era !== this.#era) return;
    this.#inARow = 0;
    if (this.#state === 'half-open') this.#turn('closed');
  }

  failed(era: number): void {
    if (era !== this.#era) return;
    this.#inARow++;
    if (this.#state === 'closed' && this.#inARow < this.#failures) return;
    this.#openUntil = this.#clock.now() + this.#openMs;
    this.#turn('open');
  }

  /** The request ended without saying anything of the origin (its caller went away): a probe is due again. */
  saidNothing(era: number): void {
    if (era === this.#era && this.#state === 'half-open') this.#turn('open');
  }

  #turn(state: BreakerState): void {
    this.#state = state;
    this.#era++;
    if (state === 'closed') this.#inARow = 0;
    this.#turned(state);
  }
}
