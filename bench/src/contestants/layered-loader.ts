/** layered-loader 16.1.0, as its README has it: in-memory cache, RedisCache with JSON, a Redis notification pair. */
import { Redis } from 'ioredis-6';
import { createNotificationPair, Loader, RedisCache } from 'layered-loader';
import { type Cache, type CacheOptions, TTL_MS } from './cache.js';

export async function open({ redisUrl, namespace, l1Entries }: CacheOptions): Promise<Cache> {
  const connect = () => new Redis(redisUrl);
  const [consumerRedis, publisherRedis, redis] = [connect(), connect(), connect()];
  const { publisher, consumer } = createNotificationPair<unknown>({
    channel: namespace,
    consumerRedis,
    publisherRedis,
  });
  let loadNow: () => Promise<unknown> = async () => undefined;
  const loader = new Loader<unknown>({
    inMemoryCache: { ttlInMsecs: TTL_MS, maxItems: l1Entries },
    asyncCache: new RedisCache<unknown>(redis, { json: true, ttlInMsecs: TTL_MS, prefix: namespace }),
    notificationPublisher: publisher,
    notificationConsumer: consumer,
    dataSourceGetOneFn: () => loadNow(),
  });
  await loader.init();
  return {
    getOrSet: (key, load) => {
      loadNow = load;
      return loader.get(key);
    },
    set: (key, value) => loader.forceSetValue(key, value),
    close: async () => {
      await loader.close();
      for (const client of [consumerRedis, publisherRedis, redis]) client.disconnect();
    },
  };
}
