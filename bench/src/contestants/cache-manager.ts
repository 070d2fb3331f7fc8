/** cache-manager 7.2.9, as its README has it: a store in memory before one on Redis, both of keyv 5.6.0. Its nodes do not tell each other. */
import KeyvRedis from '@keyv/redis';
import { createCache } from 'cache-manager';
import { CacheableMemory } from 'cacheable';
import { Keyv } from 'keyv';
import { type Cache, type CacheOptions, TTL_MS } from './cache.js';

export async function open({ redisUrl, namespace, l1Entries }: CacheOptions): Promise<Cache> {
  const cache = createCache({
    ttl: TTL_MS,
    stores: [
      new Keyv({ store: new CacheableMemory({ lruSize: l1Entries }) }),
      new Keyv({ store: new KeyvRedis(redisUrl), namespace }),
    ],
  });
  return {
    getOrSet: (key, load) => cache.wrap(key, load),
    set: (key, value) => cache.set(key, value),
    close: () => cache.disconnect(),
  };
}
