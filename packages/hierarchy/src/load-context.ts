import { checkNames } from './check.js';
import type { Ending } from './ending.js';
import type { Entry } from './entry.js';
import { LoadFailedError } from './errors.js';
import type { Wish } from './load.js';
import { checkTags } from './names.js';
import { POLICY_NAMES, type Policy, type PolicyOptions, refinePolicy, type StoreOptions } from './policy.js';

/** The value that a load replaces. */
export interface PreviousValue {
  readonly value: unknown;
  /** Milliseconds since it was written. */
  readonly ageMs: number;
  readonly tags: readonly string[];
}

/** What a loader is given. */
export interface LoadContext {
  readonly key: string;
  /** Aborts when nobody waits for the load any more, when it has passed `loadTimeout`, and when the hierarchy is closed. */
  readonly signal: AbortSignal;
  /** The value that this load is to replace, stale or (for `refresh`) fresh, if one is held. */
  readonly previous: PreviousValue | undefined;
  /**
   * To be returned by a loader that has learned that the previous value still holds (HTTP's 304): it gets a new life.
   *
   * @returns the previous value.
   * @throws {@link LoadFailedError} without one.
   */
  notModified<V = unknown>(): V;
  /** To be returned by a loader that has nothing to be kept: those who wait get `undefined`. */
  skip(): undefined;
  /**
   * Ends the load with a {@link LoadFailedError}, which all who wait get.
   *
   * @param reason what went wrong; an error becomes the `cause`.
   */
  fail(reason: unknown): never;
  /** How long this value is fresh. `0` stores nothing. */
  setTtl(ttl: NonNullable<PolicyOptions['ttl']>): void;
  /** The value's tags, in place of those of the call. They count from the load's beginning: nothing invalidated meanwhile is kept. */
  setTags(tags: readonly string[]): void;
  /** Several of these at once. What is not named stays. */
  setOptions(options: StoreOptions): void;
}

export class LoaderContext implements LoadContext {
  readonly key: string;
  policy: Policy;
  tags: readonly string[];
  skipped = false;

  readonly #ending: Ending;
  readonly #previous: Entry | undefined;

  constructor(wish: Wish, ending: Ending, previous: Entry | undefined) {
    this.key = wish.key;
    this.#ending = ending;
    this.policy = wish.policy;
    this.tags = wish.tags;
    this.#previous = previous;
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  get previous(): PreviousValue | undefined {
    const entry = this.#previous;
    if (entry === undefined) return undefined;
    const ageMs = entry.space.core.clock.now() - entry.writtenAt;
    return { value: entry.value(), ageMs, tags: [...entry.userTags] };
  }

  // Arrow functions, so that a loader can take them out of the context: `({ skip }) => skip()`.

  readonly skip = (): undefined => {
    this.skipped = true;
  };

  readonly notModified = <V>(): V => {
    if (this.#previous === undefined) {
      return this.fail('notModified() needs a previous value, and there is none: look at ctx.previous first');
    }
    return this.#previous.value() as V;
  };

  readonly fail = (reason: unknown): never => {
    const text = reason instanceof Error ? reason.message : String(reason);
    throw new LoadFailedError(`the loader of ${JSON.stringify(this.key)} failed: ${text}`, {
      key: this.key,
      cause: reason,
    });
  };

  readonly setTtl = (ttl: NonNullable<PolicyOptions['ttl']>): void => {
    this.setOptions({ ttl });
  };

  readonly setTags = (tags: readonly string[]): void => {
    this.setOptions({ tags });
  };

  readonly setOptions = (options: StoreOptions): void => {
    checkNames('ctx.setOptions()', options, [...POLICY_NAMES, 'tags']);
    if (options.tags !== undefined) checkTags(options.tags, this.policy.rules);
    this.policy = refinePolicy(this.policy, options);
    if (options.tags !== undefined) this.tags = [...options.tags];
  };
}
