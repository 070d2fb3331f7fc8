/** bentocache 1.6.1: L1, L2 and bus on Redis, as its docs' page on multi-tier has them. */
import type { Value } from '@tierwise/test/coherence/history';
import { type Subject, type SubjectContext, TTL_MS } from '@tierwise/test/coherence/subject';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';

export const name = 'bentocache 1.6.1';

export { limits } from '@tierwise/test/coherence/tierwise';

export async function open({ l2, load, tagsOf }: SubjectContext): Promise<Subject> {
  if (l2.kind !== 'redis') throw new Error('bentocache is measured on Redis');
  const connection = { host: '127.0.0.1', port: l2.port };
  const cache = new BentoCache({
    default: 'all',
    ttl: TTL_MS,
    stores: {
      all: bentostore()
        .useL1Layer(memoryDriver({ maxSize: '64mb' }))
        .useL2Layer(redisDriver({ connection }))
        .useBus(redisBusDriver({ connection })),
    },
  });
  const getOrSet = async (key: string) => ({
    value: await cache.getOrSet<Value>({ key, tags: [...tagsOf(key)], factory: () => load(key) }),
  });
  const get = async (key: string) => ({ value: (await cache.get<Value>({ key })) ?? undefined });
  return {
    read: (call, keys) => Promise.all(keys.map(call.startsWith('getOrSet') ? getOrSet : get)),
    invalidate: async (order) => {
      switch (order.kind) {
        case 'delete':
          await cache.deleteMany({ keys: [...order.keys] });
          return;
        case 'expire':
          await Promise.all(order.keys.map((key) => cache.expire({ key })));
          return;
        case 'set':
          await Promise.all(
            order.values.map((value) => cache.set({ key: value.key, value, tags: [...tagsOf(value.key)] })),
          );
          return;
        case 'tags':
          await cache.deleteByTag({ tags: [...order.tags] });
          return;
        case 'clear':
          await cache.clear();
          return;
      }
    },
    close: () => cache.disconnectAll(),
  };
}
