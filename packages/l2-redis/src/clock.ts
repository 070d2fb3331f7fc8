/** A moment on Redis' clock, in milliseconds since 1970, with a fraction. */
export type RedisTime = number;

/**
 * Knows what time it is in Redis without asking, so that a read needs no second command to tell how long an entry lives.
 *
 * Every reply that carries Redis' time `T` bounds the distance of the two clocks: it was taken after the request was sent
 * and before the reply came, so Redis' clock is ahead of ours by at most `T - sent` and at least `T - received`. We keep the
 * upper bound, the smallest we have met, and so never think it earlier in Redis than it is: a remaining life may come out too
 * short by a round trip, never too long. The lower bound is kept likewise, for what Redis must not do after a certain moment. Redis'
 * clock may be slewed against our monotonic one, so a bound is widened with its age; one that a new reply contradicts (a stepped
 * clock, another server) is replaced by it.
 */
export class RedisClock {
  readonly #now: () => number;
  #upper: Bound | undefined;
  #lower: Bound | undefined;
  /** When Redis' time was last heard, whether or not it told anything new. */
  #heardAt = Number.NEGATIVE_INFINITY;

  /** @param now this node's monotonic clock, in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The node's own clock, to be read right before a request is sent. */
  local(): number {
    return this.#now();
  }

  /** Whether a call should bring a fresh sample along. */
  get isStale(): boolean {
    return this.#now() - this.#heardAt > MAX_SAMPLE_AGE_MS;
  }

  /** Redis' time now, or a little later than that, never earlier. */
  now(): RedisTime {
    return this.#now() + this.#ahead(this.#upper, MAX_SLEW);
  }

  /** Redis' time now, or a little earlier than that, never later. */
  earliest(): RedisTime {
    return this.#now() + this.#ahead(this.#lower, -MAX_SLEW);
  }

  /** Learns from a reply that has just come. */
  learn(redisMicros: number, sentAt: number): void {
    const redis = redisMicros / 1000;
    const heardAt = this.#now();
    this.#heardAt = heardAt;
    const upper = { ahead: redis - sentAt, takenAt: sentAt };
    const lower = { ahead: redis - heardAt, takenAt: heardAt };
    if (this.#upper === undefined || this.#lower === undefined) {
      this.#upper = upper;
      this.#lower = lower;
      return;
    }
    const most = this.#ahead(this.#upper, MAX_SLEW);
    const least = this.#ahead(this.#lower, -MAX_SLEW);
    if (upper.ahead <= most || lower.ahead > most) this.#upper = upper;
    if (lower.ahead >= least || upper.ahead < least) this.#lower = lower;
  }

  /** Forgets everything, as after a reconnect: another server may answer now. */
  forget(): void {
    this.#upper = undefined;
    this.#lower = undefined;
    this.#heardAt = Number.NEGATIVE_INFINITY;
  }

  #ahead(bound: Bound | undefined, slew: number): number {
    if (bound === undefined) throw new Error('the clock of Redis is not known yet');
    return bound.ahead + (this.#now() - bound.takenAt) * slew;
  }
}

/** By how much Redis' clock is ahead of ours, at most or at least, as was found at a moment of ours. */
interface Bound {
  readonly ahead: number;
  readonly takenAt: number;
}

/** After so many milliseconds a sample is taken anew with the next call. */
const MAX_SAMPLE_AGE_MS = 30_000;

/** By how much the clocks' rates may differ: NTP slews by 500 ppm at most, and the crystals differ by less. */
const MAX_SLEW = 0.001;
