import type { ReadTally } from './definition-stats.js';
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
  /** The key as the user spells it, and as L1 and L2 know it. */
  readonly key: string;
  readonly id: string;
  readonly token: Token;
  /** Of the call that began it: so is kept in L1 what L2 has. */
  readonly policy: Policy;
  readonly tally: ReadTally | undefined;
  /** On whose account that was. */
  account: string | undefined;
  /** The look into L2, bounded by its time limits. */
  found: Promise<Reading>;
  /** What that found, from when it is known. */
  reading: Reading | undefined;
  load: Load | undefined;
  /** Those who came last. */
  crowd: Crowd | undefined;
  /** How many have joined a crowd before there was a load. */
  crowded = 0;
  /** Of the load, from when its loader begins, if anybody wants one. */
  loadTrace: LoadTrace | undefined;
  #land: ((reading: Reading) => void) | undefined;
  #passengers = 0;
  #newsHeard = 0;
  #wake: (() => void) | undefined;

  /** @param began when that was, on this node's clock. */
  constructor(space: Space, key: string, id: string, policy: Policy, tally: ReadTally | undefined, began: number) {
    this.space = space;
    this.key = key;
    this.id = id;
    this.policy = policy;
    this.tally = tally;
    this.token = space.fences.begin(id, 'read', began);
    if (space.looks === undefined) {
      this.reading = NOTHING;
      this.found = FOUND_NOTHING;
    } else {
      // When all callers have gone, its answer is still to come, and an invalidation has to find its token.
      this.#passengers = 1;
      this.found = new Promise((resolve) => {
        this.#land = resolve;
      });
      space.looks.add(this);
    }
  }

  /** The look into L2 is over. Only the first word counts. */
  land(reading: Reading): void {
    const land = this.#land;
    if (land === undefined) return;
    this.#land = undefined;
    this.reading = reading;
    land(reading);
    this.leave();
  }

  /** Whether what comes of it is new enough for a call that begins now. */
  isJoinable(now: number): boolean {
    return !this.token.doomed && now - this.token.began <= this.space.trustMs;
  }

  /** Someone relies on the flight until {@link Flight.leave}. */
  board(): void {
    this.#passengers += 1;
  }

  leave(): void {
    this.#passengers -= 1;
    // The load itself is aboard until it ends.
    if (this.#passengers === 1) this.load?.leftAlone();
    if (this.#passengers > 0) return;
    this.detach();
    this.space.fences.end(this.id, this.token);
    this.crowd = undefined;
    this.load = undefined;
    this.reading = undefined;
    this.found = FOUND_NOTHING;
  }

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
