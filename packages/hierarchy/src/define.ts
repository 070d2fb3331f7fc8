import type { BatchLoadContext, BatchLoader } from './batch.js';
import type { Cache, LoadManyOptions } from './cache.js';
import { checkFunction, checkNames } from './check.js';
import { type CostOptions, priceOf } from './cost.js';
import { type DefinitionMeter, OTHER_DEFINITIONS, type ReadTally } from './definition-stats.js';
import type { Entry } from './entry.js';
import { InvalidOptionError } from './errors.js';
import type { Loader } from './load.js';
import type { LoadContext } from './load-context.js';
import {
  checkReadOptions,
  type LoadOptions,
  POLICY_NAMES,
  type Policy,
  type PolicyOptions,
  policyOptionsOf,
  type ReadOptions,
  refinePolicy,
} from './policy.js';
import type { Space } from './space.js';
import { type TtlTuningOptions, ttlTuningOf } from './ttl-tuner.js';

/** A kind of value: see {@link Cache.define}. */
export interface DefinitionOptions<P, V> extends PolicyOptions {
  /** The key of these parameters. Different parameters must give different keys. */
  readonly key: (params: P) => string;
  readonly load: (params: P, context: LoadContext) => V | PromiseLike<V>;
  /** Loads many at once, in order. Default: {@link DefinitionOptions.load} for each. */
  readonly loadMany?: (
    params: readonly P[],
    context: BatchLoadContext,
  ) => readonly (V | undefined)[] | PromiseLike<readonly (V | undefined)[]>;
  readonly tags?: ((params: P) => readonly string[]) | undefined;
  /**
   * What it is called in `stats().definitions` and in metrics: up to 64 characters of `A`–`Z`, `a`–`z`, `0`–`9`, `.`, `_`, `:` and `-`. Definitions
   * of one name share their figures; more than 100 names are `other` together. Default: none, and no figures of its own.
   */
  readonly name?: string | undefined;
  /**
   * What a load costs, so that `stats()` can say what was spent and what was saved. A number is `{ perLoad: number }`. Needs a `name`; where
   * several definitions have it, the first one's counts. Default: not counted.
   */
  readonly cost?: number | CostOptions<V> | undefined;
  /** Has a better `ttl` looked for. Needs a `name`. What is beyond 100 names is not tuned. Default: not. See `docs/tuning.md`. */
  readonly tuning?: { readonly ttl: TtlTuningOptions } | undefined;
}

/** Calls of {@link Cache}, by typed parameters instead of keys. */
export interface Definition<P, V> {
  /** The key of these parameters. */
  keyOf(params: P): string;
  /** The value from either tier or, loaded, from the source. */
  get(params: P, options?: ReadOptions): Promise<V>;
  /** The same for many, with one call of `loadMany` for all that are in neither tier. */
  getMany(params: readonly P[], options?: ReadOptions): Promise<(V | undefined)[]>;
  /** The value if it is in L1. */
  peek(params: P): V | undefined;
  /** Loads anew. */
  refresh(params: P, options?: ReadOptions): Promise<V>;
  set(params: P, value: Exclude<V, undefined>): Promise<void>;
  delete(params: P): Promise<boolean>;
  expire(params: P): Promise<boolean>;
  touch(params: P): Promise<boolean>;
}

/** What a definition does with its handle that is nobody else's to do: calls whose reads are counted for the definition as well. */
export interface CacheInside {
  readonly space: Space;
  /** The handle's, as it is now. */
  readonly policy: Policy;
  held(key: string): Entry | undefined;
  load<V>(
    key: string,
    load: Loader<V>,
    options: LoadOptions,
    force: boolean,
    tally: ReadTally | undefined,
  ): Promise<Entry | undefined>;
  loadAhead<V>(entry: Entry, key: string, load: Loader<V>, options: LoadOptions, tally: ReadTally | undefined): void;
  loadMany<V>(
    keys: readonly string[],
    load: BatchLoader<V>,
    options: LoadManyOptions,
    meter: DefinitionMeter | undefined,
  ): Promise<(V | undefined)[]>;
}

const NAMES = [...POLICY_NAMES, 'key', 'load', 'loadMany', 'tags', 'name', 'cost', 'tuning'];

export function define<P, V>(cache: Cache, inside: CacheInside, options: DefinitionOptions<P, V>): Definition<P, V> {
  checkNames('define()', options, NAMES);
  const { key: keyOf, load, loadMany, tags } = options;
  checkFunction('the option key of define()', keyOf);
  checkFunction('the option load of define()', load);
  const meter = meterOf(inside, options);
  const own = policyOptionsOf(options);
  const tuner = meter?.tuner;
  /** Asked for each time: the tuner may have found another `ttl`. */
  const policy = () => (tuner?.ttlMs === undefined ? own : { ...own, ttl: tuner.ttlMs });
  const tagsOf = (params: P) => (tags === undefined ? [] : tags(params));
  const store = (params: P) => ({ ...policy(), tags: tagsOf(params) });
  const loading = (params: P, reading: ReadOptions | undefined) => ({ ...store(params), signal: reading?.signal });
  const loader = (params: P) => (context: LoadContext) => load(params, context);
  const bring = async (params: P, key: string, reading: ReadOptions | undefined, force: boolean): Promise<V> => {
    const entry = await inside.load(key, loader(params), loading(params, reading), force, meter?.read());
    return entry?.value() as V;
  };
  const getKey = async (params: P, key: string, reading: ReadOptions | undefined): Promise<V> => {
    const entry = inside.held(key);
    meter?.lookedUp(entry !== undefined);
    if (entry === undefined) return bring(params, key, reading, false);
    if (entry.refreshFrom > 0) {
      inside.loadAhead(entry, key, loader(params), loading(params, reading), meter?.read().behind());
    }
    return entry.value() as V;
  };
  return {
    keyOf,
    get: async (params, reading) => {
      checkReadOptions('a definition', reading);
      return getKey(params, keyOf(params), reading);
    },
    getMany: async (list, reading) => {
      checkReadOptions('a definition', reading);
      if (loadMany === undefined) {
        // The user's functions first, since they may throw: then there must be no load yet that nobody waits for.
        const keys = list.map(keyOf);
        list.forEach(tagsOf);
        return Promise.all(list.map((params, index) => getKey(params, keys[index] as string, reading)));
      }
      const byKey = new Map(list.map((params) => [keyOf(params), params]));
      const paramsOf = (key: string) => byKey.get(key) as P;
      const loadAll: BatchLoader<V> = (keys, context) => loadMany(keys.map(paramsOf), context);
      const how = { ...policy(), signal: reading?.signal, tags: (key: string) => tagsOf(paramsOf(key)) };
      return inside.loadMany(list.map(keyOf), loadAll, how, meter);
    },
    peek: (params) => {
      const value = cache.peek<V>(keyOf(params));
      if (meter !== undefined) meter.counters[value === undefined ? 'l1Misses' : 'l1Hits'] += 1;
      return value;
    },
    refresh: async (params, reading) => {
      checkReadOptions('a definition', reading);
      return bring(params, keyOf(params), reading, true);
    },
    set: async (params, value) => {
      await cache.set(keyOf(params), value, store(params));
      if (meter !== undefined) meter.counters.sets += 1;
    },
    delete: async (params) => counted(meter, await cache.delete(keyOf(params))),
    expire: async (params) => counted(meter, await cache.expire(keyOf(params))),
    touch: async (params) => counted(meter, await cache.touch(keyOf(params), policy())),
  };
}

function counted(meter: DefinitionMeter | undefined, answer: boolean): boolean {
  if (meter !== undefined) meter.counters.deletes += 1;
  return answer;
}

/** What counts for a definition, if it has a name. @throws {@link InvalidOptionError} */
function meterOf<P, V>({ space, policy }: CacheInside, options: DefinitionOptions<P, V>): DefinitionMeter | undefined {
  const { name, cost, tuning } = options;
  const { ttlMs, rules } = refinePolicy(policy, options);
  const price = priceOf(cost);
  checkNames('tuning', tuning, ['ttl']);
  const ttl = tuning && ttlTuningOf(tuning.ttl, ttlMs, rules);
  if (name === undefined) {
    if (price === undefined && ttl === undefined) return undefined;
    throw new InvalidOptionError('a definition with cost or tuning needs a name, under which its figures are found');
  }
  if (typeof name !== 'string' || !/^[\w.:-]{1,64}$/.test(name) || name === OTHER_DEFINITIONS) {
    throw new InvalidOptionError(
      `the name of a definition must be 1 to 64 letters, digits, '.', '_', ':' or '-', and not '${OTHER_DEFINITIONS}', ` +
        `which stands for many: ${JSON.stringify(name)}`,
    );
  }
  return space.core.definitions.open({ name, namespace: space.name, price, ttl });
}
