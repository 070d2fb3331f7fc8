/** async-cache-dedupe 3.4.0 on Redis: it has one tier at a time. */
import { createCache } from 'async-cache-dedupe';
import { Redis } from 'ioredis';
import { type Cache, type CacheOptions, TTL_MS } from './cache.js';

export async function open({ redisUrl, namespace }: CacheOptions): Promise<Cache> {
  const client = new Redis(redisUrl);
  const cache = withLoad(
    createCache({ ttl: TTL_MS / 1_000, storage: { type: 'redis', options: { client } } }),
    namespace,
  );
  return { ...cache, close: async () => client.disconnect() };
}

/** Its functions are defined once, so that the load of the latest call is the one that runs. */
export function withLoad(cache: ReturnType<typeof createCache>, namespace: string): Cache {
  let loadNow: () => Promise<unknown> = async () => undefined;
  const defined = cache.define(namespace, (_key: string) => loadNow()) as unknown as Record<
    string,
    (key: string) => Promise<unknown>
  >;
  return {
    getOrSet: (key, load) => {
      loadNow = load;
      return (defined[namespace] as (key: string) => Promise<unknown>)(key);
    },
    close: async () => {},
  };
}
