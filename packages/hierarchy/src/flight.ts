import type { Entry } from './entry.js';
import type { Token } from './fence.js';
import type { Load } from './load.js';
import type { Policy } from './policy.js';
import type { Space } from './space.js';
import type { LoadTrace } from './tracing.js';

/** What a look into L2 found. */
export interface Reading {
  /** A value that may be served, as of the moment when it was read. */
  readonly entry: Entry | undefined;
  /** The version of what L2 holds, usable or not; `undefined` for nothing. */
  readonly seen: number | undefined;
  /** Whether L2 answered. Without an L2: whether there is nothing to ask, which counts as an answer. */
  readonly answered: boolean;
}

/**
 * Callers of one flight between whom there is no difference: they came in the same millisecond, knew the same, have the same policy and no
 * signal of their own, and so they share one wait.
 */
export interface Crowd {
  /** The millisecond in which they came. */
  readonly at: number;
  readonly generation: number;
  readonly deferrals: number;
  readonly policy: Policy;
  readonly wait: Promise<Entry | undefined>;
}

/**
 * One key under way on this node: one look into L2, and after it perhaps one load, shared by all who ask for the key in the
 * meantime (law 2). Whoever asks after an invalidation gets a flight of its own (law 1).
 */
export class Flight {
  readonly space: Space;
  readonly id: string;
  readonly token: Token;
  /** The look into L2, bounded by its time limits. Never rejects. */
  readonly found: Promise<Reading>;
  /** What that found, where it is known from the start. */
  readonly reading: Reading | undefined;
  load: Load | undefined;
  /** Those who came last. */
  crowd: Crowd | undefined;
  /** How many have joined a crowd before there was a load. */
  crowded = 0;
  /** Of the load, from when its loader begins, if anybody wants one. */
  loadTrace: LoadTrace | undefined;
  readonly #began: number;
  #passengers = 0;
  #newsHeard = 0;
  #wake: (() => void) | undefined;

  /** @param look into L2; is aboard from here on, and leaves by itself. `undefined` where there is nothing to look into. */
  constructor(space: Space, id: string, token: Token, look: ((flight: Flight) => Promise<Reading>) | undefined) {
    this.space = space;
    this.id = id;
    this.token = token;
    this.#began = token.began;
    // When all callers have gone, its answer is still to come, and an invalidation has to find its token.
    if (look !== undefined) this.#passengers = 1;
    this.reading = look === undefined ? NOTHING : undefined;
    this.found = look === undefined ? FOUND_NOTHING : look(this);
  }

  /** Whether what comes of it is new enough for a call that begins now. */
  get isJoinable(): boolean {
    return !this.token.doomed && this.space.core.clock.now() - this.#began <= this.space.trustMs;
  }

  /** Someone relies on the flight until {@link Flight.leave}. */
  board(): void {
    this.#passengers += 1;
  }

  readonly leave = (): void => {
    this.#passengers -= 1;
    // The load itself is aboard until it ends.
    if (this.#passengers === 1) this.load?.leftAlone();
    if (this.#passengers > 0) return;
    this.detach();
    this.space.fences.end(this.id, this.token);
  };

  /** From now on, new callers do not join. */
  detach(): void {
    if (this.space.flights.get(this.id) === this) this.space.flights.delete(this.id);
  }

  /** Lets new callers join (again), unless another flight has taken the place or the token is broken. */
  attach(): void {
    if (!this.token.doomed && !this.space.flights.has(this.id)) this.space.flights.set(this.id, this);
  }

  /** How often the flight was woken. */
  get newsHeard(): number {
    return this.#newsHeard;
  }

  /** Another node gave its lease of the key back, or nobody waits for the key any more. */
  wake(): void {
    this.#newsHeard += 1;
    this.#wake?.();
  }

  /** Waits to be woken for the first time since `newsHeard`, or for the token to break, but no longer than `ms`. */
  async waitForNews(newsHeard: number, ms: number): Promise<void> {
    const { clock } = this.space.core;
    if (this.token.doomed || newsHeard !== this.#newsHeard) return;
    await new Promise<void>((resolve) => {
      const timer = clock.setTimer(resolve, ms);
      this.#wake = () => {
        clock.clearTimer(timer);
        resolve();
      };
      this.token.onDoom(this.#wake);
    });
    this.#wake = undefined;
  }
}

const NOTHING: Reading = { entry: undefined, seen: undefined, answered: true };
const FOUND_NOTHING = Promise.resolve(NOTHING);
