/** Tierwise: memory, Redis, feed over Redis. All options that are not named are the defaults. */
import { createHierarchy, type HierarchyOptions } from '@tierwise/hierarchy';
import { redisL2 } from '@tierwise/l2-redis';
import { type Cache, type CacheOptions, TTL_MS } from './cache.js';

export async function open(options: CacheOptions): Promise<Cache> {
  const cache = await openTierwise(options);
  return {
    getOrSet: (key, load) => cache.getOrSet(key, load),
    set: (key, value) => cache.set(key, value),
    close: () => cache.close(),
  };
}

/** With its own interface, for scenarios of ours alone. */
export async function openTierwise(options: CacheOptions, more: Partial<HierarchyOptions> = {}) {
  const cache = createHierarchy({
    namespace: options.namespace,
    l1: { maxEntries: options.l1Entries, maxBytes: '2gb' },
    l2: redisL2({ url: options.redisUrl }),
    ttl: TTL_MS,
    ...more,
  });
  await cache.ready();
  return cache;
}
