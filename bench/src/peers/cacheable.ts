/** cacheable 2.5.0 with keyv 5.6.0: @keyv/redis as secondary store, sync over Redis, as its README has them. `getOrSet` takes no tags: keys instead. */
import KeyvRedis from '@keyv/redis';
import type { Value } from '@tierwise/test/coherence/history';
import { keysOf } from '@tierwise/test/coherence/keys';
import { type Subject, type SubjectContext, TTL_MS } from '@tierwise/test/coherence/subject';
import { Cacheable } from 'cacheable';
import { redisProvider } from './qified-redis.js';

export const name = 'cacheable 2.5.0';

export { limits } from '@tierwise/test/coherence/tierwise';

export async function open({ l2, load }: SubjectContext): Promise<Subject> {
  if (l2.kind !== 'redis') throw new Error('cacheable is measured on Redis');
  const secondary = new KeyvRedis(`redis://127.0.0.1:${l2.port}`);
  secondary.on('error', () => {});
  const cache = new Cacheable({
    secondary,
    ttl: TTL_MS,
    namespace: 'coherence',
    sync: { qified: redisProvider(l2.port) },
  });
  cache.on('error', () => {});
  const getOrSet = async (key: string) => ({
    value: await cache.getOrSet<Value>(key, () => load(key)),
  });
  return {
    read: async (call, keys) => {
      if (call.startsWith('getOrSet')) return Promise.all(keys.map(getOrSet));
      if (call === 'getMany') return (await cache.getMany<Value>([...keys])).map((value) => ({ value }));
      return [{ value: await cache.get<Value>(keys[0] ?? '') }];
    },
    invalidate: async (order) => {
      switch (order.kind) {
        case 'delete':
        case 'expire':
          await cache.deleteMany([...order.keys]);
          return;
        case 'set':
          await cache.setMany(order.values.map((value) => ({ key: value.key, value })));
          return;
        case 'tags':
          await cache.deleteMany([...keysOf(order.tags)]);
          return;
        case 'clear':
          await cache.clear();
          return;
      }
    },
    close: () => cache.disconnect(),
  };
}
