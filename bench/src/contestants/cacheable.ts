/** cacheable 2.5.0 with keyv 5.6.0, as its README has it: memory as primary store, @keyv/redis as secondary, sync over Redis Pub/Sub. */
import KeyvRedis from '@keyv/redis';
import { Cacheable, createKeyv } from 'cacheable';
import { redisProvider } from '../peers/qified-redis.js';
import { type Cache, type CacheOptions, TTL_MS } from './cache.js';

export async function open({ redisUrl, namespace, l1Entries }: CacheOptions): Promise<Cache> {
  const cache = new Cacheable({
    primary: createKeyv({ lruSize: l1Entries }),
    secondary: new KeyvRedis(redisUrl),
    ttl: TTL_MS,
    namespace,
    sync: { qified: redisProvider(Number(new URL(redisUrl).port)), namespace },
  });
  return {
    getOrSet: (key, load) => cache.getOrSet(key, load),
    set: (key, value) => cache.set(key, value),
    close: () => cache.disconnect(),
  };
}
