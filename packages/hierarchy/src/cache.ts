import { type BatchLoader, findMany, findOrLoadMany } from './batch.js';
import { checkFunction, checkNames } from './check.js';
import { type Defaults, refined } from './defaults.js';
import { type CacheInside, type Definition, type DefinitionOptions, define } from './define.js';
import type { DefinitionMeter, ReadTally } from './definition-stats.js';
import type { Entry } from './entry.js';
import { InvalidKeyError, InvalidOptionError, InvalidValueError } from './errors.js';
import { type InvalidationMode, invalidate, purgeAndTell } from './invalidate.js';
import type { Loader, Wish } from './load.js';
import { checkKey, checkNamespace, checkTags } from './names.js';
import {
  changesBy,
  checkLoadOptions,
  checkReadOptions,
  checkStoreOptions,
  type LoadOptions,
  POLICY_NAMES,
  type Policy,
  type PolicyOptions,
  type ReadOptions,
  refinePolicy,
  type StoreOptions,
} from './policy.js';
import { find, findOrLoad, joinCrowd, lookUp, refreshAhead } from './read.js';
import { set, setOne } from './set.js';
import type { Space } from './space.js';
import { type CacheStats, toStats } from './stats.js';
import { runTransaction, Transaction, type TransactionOptions } from './transaction.js';
import type { Rules } from './validation.js';
import { remove, touch } from './write.js';

/** A value with what is known of it. */
export interface CacheEntry<V> {
  readonly key: string;
  readonly value: V;
  /** The tier that answered this call. */
  readonly tier: 'l1' | 'l2';
  /** Milliseconds since it was written. */
  readonly ageMs: number;
  /** Milliseconds for which it is still fresh. */
  readonly freshMs: number;
  readonly tags: readonly string[];
}

/** Options of a batch that may load. */
export interface LoadManyOptions extends Omit<LoadOptions, 'tags'> {
  /** The tags of all values, or a function that gives each key's. */
  readonly tags?: readonly string[] | ((key: string) => readonly string[]) | undefined;
}

/** Options of {@link Cache.wrap}. */
export interface WrapOptions<A extends readonly unknown[]> extends PolicyOptions {
  /** The key under which the result for these arguments is kept. */
  readonly key: (...args: A) => string;
  readonly tags?: readonly string[] | ((...args: A) => readonly string[]) | undefined;
}

/** Options of an invalidation. */
export interface InvalidateOptions {
  /** `'delete'`, the default: every earlier value is dead. `'expire'`: it is no longer fresh. */
  readonly mode?: InvalidationMode | undefined;
}

/**
 * One namespace of a hierarchy: what services read, load, write and invalidate through.
 *
 * Values that reads hand out are deep-frozen by default and shared among readers (see {@link HierarchyOptions.returns}).
 * `undefined` is absence, `null` is a value. Calls reject with a {@link TierwiseError} for what was asked wrongly, and with
 * whatever a loader threw; no fault of L2 comes out of a read.
 */
export class Cache {
  readonly #space: Space;
  readonly #defaults: Defaults;
  readonly #openSpace: (name: string) => Space;

  /** Not for use: handles come from {@link createHierarchy} and {@link Cache.namespace}. */
  constructor(space: Space, defaults: Defaults, openSpace: (name: string) => Space) {
    this.#space = space;
    this.#defaults = defaults;
    this.#openSpace = openSpace;
  }

  get #policy(): Policy {
    return this.#defaults();
  }

  /** The namespace's full name. */
  get name(): string {
    return this.#space.name;
  }

  // Read ----------------------------------------------------------------------------------------------------------------

  /** The value from either tier, or `undefined`. Never loads. */
  get<V = unknown>(key: string, options?: ReadOptions): Promise<V | undefined> {
    // Not an async function: a hit costs no more than the promise that it answers with, which is the entry's.
    try {
      const entry = this.#held(key, options);
      if (entry === undefined) return this.#find(key, options).then(valueOfEntry<V | undefined>);
      return entry.answer() as Promise<V>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The values of keys, in their order; `undefined` for each miss. What L1 lacks is one command to L2. */
  async getMany<V = unknown>(keys: readonly string[], options?: ReadOptions): Promise<(V | undefined)[]> {
    this.#checkMany(keys);
    checkReadOptions('getMany()', options);
    const entries = await findMany(this.#space, keys, this.#policy, options?.signal);
    return entries.map((entry) => entry?.value() as V | undefined);
  }

  /** Whether a value is in either tier. */
  async has(key: string, options?: ReadOptions): Promise<boolean> {
    return (this.#held(key, options) ?? (await this.#find(key, options))) !== undefined;
  }

  /** The value if it is in L1, at once. Asks nobody and changes nothing but the order of use. */
  peek<V = unknown>(key: string): V | undefined {
    const entry = this.#held(key, undefined);
    if (entry === undefined) this.#check([key]);
    return entry?.value() as V | undefined;
  }

  /** The value with its tier, age and tags, or `undefined`. */
  async getEntry<V = unknown>(key: string, options?: ReadOptions): Promise<CacheEntry<V> | undefined> {
    const held = this.#held(key, options);
    const entry = held ?? (await this.#find(key, options));
    if (entry === undefined) return undefined;
    const now = this.#space.core.clock.now();
    return {
      key,
      value: entry.value() as V,
      tier: held === undefined ? 'l2' : 'l1',
      ageMs: now - entry.writtenAt,
      freshMs: entry.freshUntil - now,
      tags: [...entry.userTags],
    };
  }

  // Load ----------------------------------------------------------------------------------------------------------------

  /**
   * The value from L1, else from L2, else by `load`, which then fills both tiers. Concurrent misses of a key share one load:
   * on this node always, across nodes where L2 has leases.
   *
   * @returns what L2 would return: the value after a round trip through the encoding. `undefined` if the loader had none.
   * @throws what the loader throws; all who share the load get the same. `UnserializableError` for a value that cannot be kept.
   */
  getOrSet<V>(key: string, load: Loader<V>, options?: LoadOptions): Promise<V> {
    // Not an async function, as get().
    try {
      const entry = this.#held(key, undefined);
      if (entry === undefined) return this.#joinOrLoad(key, load, options);
      if (entry.refreshFrom > 0) this.#refreshAhead(entry, key, load, options);
      return entry.answer() as Promise<V>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As {@link Cache.getOrSet} for many keys, with one call of `load` for all that are in neither tier. */
  async getOrSetMany<V>(
    keys: readonly string[],
    load: BatchLoader<V>,
    options?: LoadManyOptions,
  ): Promise<(V | undefined)[]> {
    return this.#loadMany(keys, load, options);
  }

  async #loadMany<V>(
    keys: readonly string[],
    load: BatchLoader<V>,
    options: LoadManyOptions | undefined,
    meter?: DefinitionMeter,
  ): Promise<(V | undefined)[]> {
    this.#checkMany(keys);
    const { tags = [], ...others } = options ?? {};
    checkLoadOptions('getOrSetMany()', others, this.#policy.rules);
    checkFunction('the loader of getOrSetMany()', load);
    const tagsOf = typeof tags === 'function' ? tags : () => tags;
    // Asked for once, before anything is done: a function need not answer the same twice.
    const tagsByKey = new Map([...new Set(keys)].map((key) => [key, copyTags(tagsOf(key), this.#policy.rules)]));
    const entries = await findOrLoadMany(this.#space, keys, {
      loader: load,
      policy: refinePolicy(this.#policy, others),
      tagsOf: (key) => tagsByKey.get(key) ?? [],
      signal: others.signal,
      meter,
    });
    return entries.map((entry) => entry?.value() as V | undefined);
  }

  /** Loads anew though a fresh value may be held, unless a load is under way already: then that one's value. */
  async refresh<V>(key: string, load: Loader<V>, options?: LoadOptions): Promise<V> {
    return (await this.#load(key, load, options, true))?.value() as V;
  }

  /** A function that answers from the cache and calls `fn` for what is not there. */
  wrap<A extends readonly unknown[], V>(
    fn: (...args: A) => V | PromiseLike<V>,
    options: WrapOptions<A>,
  ): (...args: A) => Promise<V> {
    checkNames('wrap()', options, [...POLICY_NAMES, 'key', 'tags']);
    const { key, tags = [], ...policy } = options;
    checkFunction('what wrap() wraps', fn);
    checkFunction('the option key of wrap()', key);
    refinePolicy(this.#policy, policy);
    return async (...args) =>
      this.getOrSet(key(...args), () => fn(...args), {
        ...policy,
        tags: typeof tags === 'function' ? tags(...args) : tags,
      });
  }

  // Write ---------------------------------------------------------------------------------------------------------------

  /** Stores a value in both tiers; peers drop theirs. When it resolves, no earlier value is served here any more. */
  async set(key: string, value: unknown, options?: StoreOptions): Promise<void> {
    if (options?.tags !== undefined) return this.#set([[key, value]], options);
    this.#space.core.work.checkOpen();
    checkStoreOptions('set()', options, this.#policy.rules);
    this.#checkItem(key, value);
    return this.#track(setOne(this.#space, key, value, refinePolicy(this.#policy, options)));
  }

  /** Stores values, in as few commands as L2 allows. Of a key that comes twice, the later value counts. */
  async setMany(items: Iterable<readonly [key: string, value: unknown]>, options?: StoreOptions): Promise<void> {
    await this.#set([...new Map(items)], options);
  }

  /** Removes a value from both tiers, and from peers. @returns whether there was one. */
  async delete(key: string): Promise<boolean> {
    return (await this.deleteMany([key]))[0] === true;
  }

  /** Removes values. @returns per key whether there was one. */
  async deleteMany(keys: readonly string[]): Promise<boolean[]> {
    this.#checkMany(keys);
    return this.#track(remove(this.#space, keys, 'delete'));
  }

  /** Makes a value stale in both tiers: no longer fresh. @returns whether there was one. */
  async expire(key: string): Promise<boolean> {
    this.#check([key]);
    return (await this.#track(remove(this.#space, [key], 'expire')))[0] === true;
  }

  /** Gives a value a new life, from now on, without writing it anew. @returns whether there was one. */
  async touch(key: string, options?: PolicyOptions): Promise<boolean> {
    this.#check([key]);
    if (options !== undefined) checkNames('touch()', options, POLICY_NAMES);
    return (await this.#track(touch(this.#space, [key], refinePolicy(this.#policy, options))))[0] === true;
  }

  // Atomic --------------------------------------------------------------------------------------------------------------

  /**
   * Runs `work` in a transaction, commits it, and answers with what it returned. Reads inside belong to one moment, and its changes are done
   * all at once or not at all; after a conflict it is run again, so that `work` should do nothing else. Serialisable: see
   * `docs/transactions.md`.
   *
   * @throws `TransactionConflictError` after so many `retries`; what `work` throws, after a roll-back; `L2FailedError` if nobody knows
   * whether it was done; `TransactionUnsupportedError`.
   */
  async transaction<T>(
    work: (transaction: Transaction) => T | PromiseLike<T>,
    options?: TransactionOptions,
  ): Promise<T> {
    this.#check([]);
    return runTransaction(this.#space, this.#policy, work, options);
  }

  /** Begins a transaction that is committed or rolled back by hand. It holds nothing: one that is forgotten does no harm. */
  begin(): Transaction {
    this.#check([]);
    return new Transaction(this.#space, this.#policy);
  }

  // Invalidate ----------------------------------------------------------------------------------------------------------

  /** Makes every value that has one of these tags dead, or stale, on all nodes. Costs the same for one value and for a million. */
  async invalidateTags(tags: readonly string[], options?: InvalidateOptions): Promise<void> {
    this.#space.core.work.checkOpen();
    checkTags(tags, this.#policy.rules);
    const mode = modeOf(options);
    if (tags.length > 0) await this.#track(invalidate(this.#space, tags, mode));
  }

  /** Makes every value of this namespace dead, or stale, on all nodes. Other namespaces stay, those below this one included. */
  async clear(options?: InvalidateOptions): Promise<void> {
    this.#space.core.work.checkOpen();
    await this.#track(invalidate(this.#space, null, modeOf(options)));
  }

  /** Clears, and then physically removes from L2 what was cleared. Takes as long as there are keys. @returns how many there were. */
  async purge(): Promise<number> {
    await this.clear();
    return this.#track(purgeAndTell(this.#space));
  }

  // Shape ---------------------------------------------------------------------------------------------------------------

  /**
   * A namespace below this one: `a` of `shop` is `shop:a`. Handles of the same name share everything but their defaults.
   *
   * @param defaults what calls through this handle use where they say nothing else. Default: this handle's.
   */
  namespace(name: string, defaults?: PolicyOptions): Cache {
    if (defaults !== undefined) checkNames('namespace()', defaults, POLICY_NAMES);
    const { rules } = this.#policy;
    checkNamespace(name, rules);
    const changes = changesBy(defaults, rules);
    const space = this.#openSpace(`${this.name}:${name}`);
    return new Cache(space, refined(this.#defaults, changes), this.#openSpace);
  }

  /** A kind of value: how its key and tags are made from typed parameters, how it is loaded, how long it lives. */
  define<P, V>(options: DefinitionOptions<P, V>): Definition<P, V> {
    const inside: CacheInside = {
      space: this.#space,
      policy: this.#policy,
      held: (key) => this.#held(key, undefined),
      load: (key, load, loading, force, tally) => this.#load(key, load, loading, force, tally),
      loadAhead: (entry, key, load, loading, tally) =>
        refreshAhead(this.#space, this.#wish(key, load, loading, false, tally), entry),
      loadMany: (keys, load, loading, meter) => this.#loadMany(keys, load, loading, meter),
    };
    return define(this, inside, options);
  }

  /** This namespace's counts since the hierarchy was created. */
  stats(): CacheStats {
    return toStats([this.#space.counters]);
  }

  /** What L1 has. What is no key is found out later, since L1 has none of it; until then its hash must not pass for a key's. */
  #held(key: string, options: ReadOptions | undefined): Entry | undefined {
    const space = this.#space;
    space.core.work.checkOpen();
    checkReadOptions('a read', options);
    const entry = typeof key === 'string' ? lookUp(space, key) : undefined;
    return entry !== undefined && space.core.codec.hidesNames && entry.key !== key ? undefined : entry;
  }

  /** What L2 has of a key that L1 has not. */
  #find(key: string, options: ReadOptions | undefined): Promise<Entry | undefined> {
    this.#check([key]);
    return find(this.#space, key, this.#policy, options?.signal);
  }

  #joinOrLoad<V>(key: string, load: Loader<V>, options: LoadOptions | undefined): Promise<V> {
    const crowd = options === undefined && typeof load === 'function' ? this.#join(key) : undefined;
    return (crowd ?? this.#load(key, load, options, false)).then(valueOfEntry<V>);
  }

  #refreshAhead<V>(entry: Entry, key: string, load: Loader<V>, options: LoadOptions | undefined): void {
    refreshAhead(this.#space, this.#wish(key, load, options, false), entry);
  }

  /** The wait of others for the same, if there is nothing to tell this caller from them. */
  #join(key: string): Promise<Entry | undefined> | undefined {
    // What somebody waits for is a key.
    return typeof key === 'string' ? joinCrowd(this.#space, this.#space.idOf(key), this.#policy) : undefined;
  }

  #load(
    key: string,
    loader: Loader<unknown>,
    options: LoadOptions | undefined,
    force: boolean,
    tally?: ReadTally,
  ): Promise<Entry | undefined> {
    this.#check([key]);
    return findOrLoad(this.#space, this.#wish(key, loader, options, force, tally));
  }

  #wish<V>(key: string, loader: Loader<V>, options: LoadOptions | undefined, force: boolean, tally?: ReadTally): Wish {
    checkLoadOptions('getOrSet()', options, this.#policy.rules);
    if (typeof loader !== 'function') checkFunction(`the loader of ${JSON.stringify(key)}`, loader);
    return {
      key,
      loader,
      policy: refinePolicy(this.#policy, options),
      tags: options?.tags === undefined ? NO_TAGS : [...options.tags],
      signal: options?.signal,
      force,
      tally,
    };
  }

  /** @param items of different keys. */
  #set(items: readonly (readonly [key: string, value: unknown])[], options: StoreOptions | undefined): Promise<void> {
    this.#space.core.work.checkOpen();
    const { rules } = this.#policy;
    checkStoreOptions('set()', options, rules);
    for (const [key, value] of items) this.#checkItem(key, value);
    const tags = options?.tags === undefined ? NO_TAGS : [...options.tags];
    return this.#track(set(this.#space, items, refinePolicy(this.#policy, options), tags));
  }

  #checkItem(key: string, value: unknown): void {
    checkKey(key, this.#policy.rules);
    if (value !== undefined) return;
    throw new InvalidValueError(
      `undefined cannot be stored under ${JSON.stringify(key)}, since it means absence: store null, or delete the key`,
      { namespace: this.name, key },
    );
  }

  #check(keys: readonly string[]): void {
    this.#space.core.work.checkOpen();
    const { rules } = this.#space.core.options;
    for (const key of keys) checkKey(key, rules);
  }

  #checkMany(keys: readonly string[]): void {
    // A string would be taken for its characters.
    if (!Array.isArray(keys)) throw new InvalidKeyError(`keys must be an array of strings, not ${typeof keys}`);
    this.#check(keys);
  }

  #track<T>(work: Promise<T>): Promise<T> {
    return this.#space.core.work.track(work);
  }
}

const NO_TAGS: readonly string[] = [];

function valueOfEntry<V>(entry: Entry | undefined): V {
  return entry?.value() as V;
}

/** A copy, since the caller's array is the caller's. @throws {@link InvalidKeyError} */
function copyTags(tags: unknown, rules: Rules): readonly string[] {
  checkTags(tags, rules);
  return [...tags];
}

function modeOf(options: InvalidateOptions | undefined): InvalidationMode {
  checkNames('an invalidation', options, ['mode']);
  const mode = options?.mode ?? 'delete';
  if (mode !== 'delete' && mode !== 'expire') {
    throw new InvalidOptionError(`mode must be 'delete' or 'expire', not ${JSON.stringify(mode)}`);
  }
  return mode;
}
