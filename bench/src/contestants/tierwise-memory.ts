/** Tierwise without an L2. */
import { createHierarchy } from '@tierwise/hierarchy';
import { type Cache, type CacheOptions, TTL_MS } from './cache.js';

export async function open({ namespace, l1Entries }: CacheOptions): Promise<Cache> {
  const cache = createHierarchy({ namespace, l1: { maxEntries: l1Entries, maxBytes: '2gb' }, ttl: TTL_MS });
  return {
    getOrSet: (key, load) => cache.getOrSet(key, load),
    set: (key, value) => cache.set(key, value),
    close: () => cache.close(),
  };
}
