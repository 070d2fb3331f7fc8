/** async-cache-dedupe 3.4.0 in memory. */
import { createCache } from 'async-cache-dedupe';
import { withLoad } from './async-cache-dedupe.js';
import { type Cache, type CacheOptions, TTL_MS } from './cache.js';

export async function open({ namespace, l1Entries }: CacheOptions): Promise<Cache> {
  const storage = { type: 'memory', options: { size: l1Entries } } as const;
  return withLoad(createCache({ ttl: TTL_MS / 1_000, storage }), namespace);
}
