/** layered-loader 16.1.0: in-memory cache, RedisCache and a Redis notification pair, as its README has them. No tags: keys instead. */
import type { Value } from '@tierwise/test/coherence/history';
import { keysOf } from '@tierwise/test/coherence/keys';
import { type Subject, type SubjectContext, TTL_MS } from '@tierwise/test/coherence/subject';
import { Redis } from 'ioredis-6';
import { createNotificationPair, Loader, RedisCache } from 'layered-loader';

export const name = 'layered-loader 16.1.0';

export { limits } from '@tierwise/test/coherence/tierwise';

export async function open({ l2, load }: SubjectContext): Promise<Subject> {
  if (l2.kind !== 'redis') throw new Error('layered-loader is measured on Redis');
  const connect = () => new Redis({ host: '127.0.0.1', port: l2.port }).on('error', () => {});
  const [consumerRedis, publisherRedis, redis] = [connect(), connect(), connect()];
  const { publisher, consumer } = createNotificationPair<Value>({
    channel: 'coherence',
    consumerRedis,
    publisherRedis,
  });
  const loader = new Loader<Value>({
    inMemoryCache: { ttlInMsecs: TTL_MS, maxItems: 5_000 },
    asyncCache: new RedisCache<Value>(redis, { json: true, ttlInMsecs: TTL_MS, prefix: 'coherence' }),
    notificationPublisher: publisher,
    notificationConsumer: consumer,
    cacheKeyFromValueResolver: ({ key }) => key,
    dataSourceGetOneFn: load,
    dataSourceGetManyFn: (keys) => Promise.all(keys.map(load)),
  });
  await loader.init();
  return {
    read: async (call, keys) => {
      if (call === 'peek') return [{ value: loader.getInMemoryOnly(keys[0] ?? '') ?? undefined }];
      if (keys.length === 1) return [{ value: (await loader.get(keys[0] ?? '')) ?? undefined }];
      // Answers in an order of its own.
      const found = new Map((await loader.getMany([...keys])).map((value) => [value.key, value]));
      return keys.map((key) => ({ value: found.get(key) }));
    },
    invalidate: async (order) => {
      switch (order.kind) {
        case 'delete':
        case 'expire':
          await loader.invalidateCacheForMany([...order.keys]);
          return;
        case 'set':
          await Promise.all(order.values.map((value) => loader.forceSetValue(value.key, value)));
          return;
        case 'tags':
          await loader.invalidateCacheForMany([...keysOf(order.tags)]);
          return;
        case 'clear':
          await loader.invalidateCache();
          return;
      }
    },
    close: async () => {
      await loader.close();
      for (const client of [consumerRedis, publisherRedis, redis]) client.disconnect();
    },
  };
}
