/** `closed`: L2 is used. `open`: nothing is sent to it. `half-open`: nothing but one probe, and what is made up for after it. */
export type BreakerState = 'closed' | 'open' | 'half-open';

export interface BreakerOptions {
  /** So many failures in a row open it. */
  readonly failures: number;
  readonly onChange: (state: BreakerState) => void;
}

/**
 * Of so many calls, the share that may time out. An error costs its caller nothing, a time-out the whole limit: an L2 that answers
 * every other call only is worse than none, though it never fails often in a row.
 */
const WINDOW = 20;
const TOO_MANY_TIMEOUTS = WINDOW / 2;

/**
 * A circuit breaker (M. Nygard, "Release It!"): knows whether L2 is worth asking. It only counts and remembers; when to try again is
 * the matter of `recovery.ts`.
 */
export class Breaker {
  readonly #options: BreakerOptions;
  #state: BreakerState = 'closed';
  #inARow = 0;
  /** Of the last calls, whether each timed out. */
  #recent: boolean[] = [];

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** A call was answered. Heard of while the breaker is not closed, it says nothing: it is from before. */
  succeeded(): void {
    if (this.#state !== 'closed') return;
    this.#inARow = 0;
    this.#note(false);
  }

  failed(how: 'error' | 'timeout'): void {
    if (this.#state !== 'closed') return;
    this.#inARow += 1;
    this.#note(how === 'timeout');
    const timeouts = this.#recent.filter((timedOut) => timedOut).length;
    if (this.#inARow < this.#options.failures && timeouts < TOO_MANY_TIMEOUTS) return;
    // One that is told to wait for ever (`failures: Infinity`) does.
    if (this.#options.failures !== Number.POSITIVE_INFINITY) this.#turn('open');
  }

  /** Time for the probe. */
  tryOut(): void {
    if (this.#state === 'open') this.#turn('half-open');
  }

  /** The probe failed, or what followed it. */
  reopen(): void {
    if (this.#state === 'half-open') this.#turn('open');
  }

  /** L2 is back, and has all that it missed. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#inARow = 0;
    this.#recent = [];
    this.#turn('closed');
  }

  #note(timedOut: boolean): void {
    this.#recent.push(timedOut);
    if (this.#recent.length > WINDOW) this.#recent.shift();
  }

  #turn(state: BreakerState): void {
    this.#state = state;
    this.#options.onChange(state);
  }
}
