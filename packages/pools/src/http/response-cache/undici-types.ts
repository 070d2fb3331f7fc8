import type { cacheStores } from 'undici';

/** The types of undici's cache interceptor, which it does not export by name. */
export namespace CacheStore {
  type Memory = InstanceType<typeof cacheStores.MemoryCacheStore>;
  export type Key = Parameters<Memory['createWriteStream']>[0];
  export type Value = Parameters<Memory['createWriteStream']>[1];
  export type Result = NonNullable<Awaited<ReturnType<Memory['get']>>>;
}
