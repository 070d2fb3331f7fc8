/** bentocache 1.6.1, as its docs' page on multi-tier has it: memory, Redis and a bus over Redis. L1 holds serialised values, its default. */
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { type Cache, type CacheOptions, TTL_MS } from './cache.js';

export const open = (options: CacheOptions) => openBento(options, true);

export async function openBento({ redisUrl, namespace, l1Entries }: CacheOptions, serialize: boolean): Promise<Cache> {
  const { hostname: host, port, username, password } = new URL(redisUrl);
  const connection = { host, port: Number(port), username, password };
  const cache = new BentoCache({
    default: 'all',
    ttl: TTL_MS,
    prefix: namespace,
    stores: {
      all: bentostore()
        .useL1Layer(memoryDriver({ maxItems: l1Entries, serialize }))
        .useL2Layer(redisDriver({ connection }))
        .useBus(redisBusDriver({ connection })),
    },
  });
  return {
    getOrSet: (key, load) => cache.getOrSet({ key, factory: load }),
    set: (key, value) => cache.set({ key, value }),
    close: () => cache.disconnectAll(),
  };
}
