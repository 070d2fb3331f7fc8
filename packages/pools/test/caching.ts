import { createHierarchy } from '@tierwise/hierarchy';
import { MemoryStore, memoryL2 } from '@tierwise/l2/memory';
import { onTestFinished } from 'vitest';
import { type HttpPool, httpPool } from '../src/http/http-pool.js';
import type { HttpPoolOptions } from '../src/http/options.js';
import {
  type ResponseCache,
  type ResponseCacheOptions,
  responseCache,
} from '../src/http/response-cache/response-cache.js';

/** A process, as far as a cache can tell: a hierarchy of its own on a store that it shares, and a pool. */
export interface CachingNode {
  readonly pool: HttpPool;
  readonly cache: ResponseCache;
  /** Fetches, and waits until what is to be kept is kept. */
  get(url: string, headers?: Record<string, string>): Promise<{ status: number; text: string; headers: Headers }>;
}

type Headers = { get(name: string): string | null };

export function cachingNode(
  store: MemoryStore = new MemoryStore(),
  cacheOptions: Partial<ResponseCacheOptions> = {},
  poolOptions: HttpPoolOptions = {},
): CachingNode {
  const hierarchy = createHierarchy({ namespace: 'http', l2: memoryL2(store) });
  const cache = responseCache({ hierarchy, ...cacheOptions });
  const pool = httpPool({ retry: false, breaker: false, ...poolOptions, cache });
  onTestFinished(async () => {
    await pool.close({ deadline: 0 });
    await hierarchy.close();
  });
  const get = async (url: string, headers: Record<string, string> = {}) => {
    const response = await pool.fetch(url, { headers });
    const text = await response.text();
    await cache.settled();
    return { status: response.status, text, headers: response.headers };
  };
  return { pool, cache, get };
}
