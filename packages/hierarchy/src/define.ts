import type { BatchLoadContext } from './batch.js';
import type { Cache } from './cache.js';
import { checkFunction, checkNames } from './check.js';
import type { LoadContext } from './load-context.js';
import { checkReadOptions, POLICY_NAMES, type PolicyOptions, policyOptionsOf, type ReadOptions } from './policy.js';

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

export function define<P, V>(cache: Cache, options: DefinitionOptions<P, V>): Definition<P, V> {
  checkNames('define()', options, [...POLICY_NAMES, 'key', 'load', 'loadMany', 'tags']);
  const { key: keyOf, load, loadMany, tags } = options;
  const policy = policyOptionsOf(options);
  checkFunction('the option key of define()', keyOf);
  checkFunction('the option load of define()', load);
  const tagsOf = (params: P) => (tags === undefined ? [] : tags(params));
  const store = (params: P) => ({ ...policy, tags: tagsOf(params) });
  const loading = (params: P, reading: ReadOptions | undefined) => {
    checkReadOptions('a definition', reading);
    return { ...store(params), signal: reading?.signal };
  };
  const loader = (params: P) => (context: LoadContext) => load(params, context);
  return {
    keyOf,
    get: async (params, reading) => cache.getOrSet(keyOf(params), loader(params), loading(params, reading)),
    getMany: async (list, reading) => {
      checkReadOptions('a definition', reading);
      if (loadMany === undefined) {
        // The user's functions first, since they may throw: then there must be no load yet that nobody waits for.
        const calls = list.map((params) => [keyOf(params), loader(params), loading(params, reading)] as const);
        return Promise.all(calls.map((call) => cache.getOrSet(...call)));
      }
      const byKey = new Map(list.map((params) => [keyOf(params), params]));
      const paramsOf = (key: string) => byKey.get(key) as P;
      return cache.getOrSetMany<V>(list.map(keyOf), (keys, context) => loadMany(keys.map(paramsOf), context), {
        ...policy,
        signal: reading?.signal,
        tags: (key) => tagsOf(paramsOf(key)),
      });
    },
    peek: (params) => cache.peek<V>(keyOf(params)),
    refresh: async (params, reading) => cache.refresh(keyOf(params), loader(params), loading(params, reading)),
    set: async (params, value) => cache.set(keyOf(params), value, store(params)),
    delete: async (params) => cache.delete(keyOf(params)),
    expire: async (params) => cache.expire(keyOf(params)),
    touch: async (params) => cache.touch(keyOf(params), policy),
  };
}
