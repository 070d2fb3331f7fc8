import type { Contestant, Context, Figures, Stand } from '../scenario.js';
import type { Cache, CacheModule } from './cache.js';

interface Entrant {
  readonly name: string;
  readonly kind: Contestant['kind'];
  /** Imported in the contestant's own process only, so that none runs beside another's code. */
  readonly load: () => Promise<CacheModule>;
}

export const TIERWISE = 'Tierwise';
export const TIERWISE_MEMORY = 'Tierwise without L2';
export const BENTOCACHE = 'bentocache';
export const BENTOCACHE_OBJECTS = 'bentocache, serialize: false';
export const LAYERED_LOADER = 'layered-loader';
export const CACHEABLE = 'cacheable';
export const CACHE_MANAGER = 'cache-manager';
const ASYNC_CACHE_DEDUPE = 'async-cache-dedupe';
export const ASYNC_CACHE_DEDUPE_MEMORY = 'async-cache-dedupe in memory';

const ENTRANTS: readonly Entrant[] = [
  { name: TIERWISE, kind: 'ours', load: () => import('./tierwise.js') },
  { name: TIERWISE_MEMORY, kind: 'ours', load: () => import('./tierwise-memory.js') },
  { name: BENTOCACHE, kind: 'peer', load: () => import('./bentocache.js') },
  { name: BENTOCACHE_OBJECTS, kind: 'peer', load: () => import('./bentocache-objects.js') },
  { name: LAYERED_LOADER, kind: 'peer', load: () => import('./layered-loader.js') },
  { name: CACHEABLE, kind: 'peer', load: () => import('./cacheable.js') },
  { name: CACHE_MANAGER, kind: 'peer', load: () => import('./cache-manager.js') },
  { name: ASYNC_CACHE_DEDUPE, kind: 'peer', load: () => import('./async-cache-dedupe.js') },
  { name: ASYNC_CACHE_DEDUPE_MEMORY, kind: 'peer', load: () => import('./async-cache-dedupe-memory.js') },
];

/** Everyone with two tiers; and who has one at a time, with Redis. */
export const ON_REDIS = [
  TIERWISE,
  BENTOCACHE,
  BENTOCACHE_OBJECTS,
  LAYERED_LOADER,
  CACHEABLE,
  CACHE_MANAGER,
  ASYNC_CACHE_DEDUPE,
];

/** Those of the names that are peers': whom `the fastest peer` is looked for among. */
export function peersAmong(names: readonly string[]): string[] {
  return names.filter((name) => entrant(name).kind === 'peer');
}

/** The same measurement for each of some caches. `prepare` sets up what is measured; the cache is closed afterwards. */
export function cacheContestants(
  names: readonly string[],
  l1Entries: number,
  prepare: (cache: Cache, context: Context, name: string) => Promise<(budgetMs: number) => Promise<Figures>>,
): Contestant[] {
  return names.map((name) => ({
    name,
    kind: entrant(name).kind,
    open: async (context): Promise<Stand> => {
      const cache = await openCache(name, context, l1Entries);
      const measure = await prepare(cache, context, name);
      return {
        measure,
        close: async () => {
          await cache.close();
        },
      };
    },
  }));
}

/** Opens one of them. */
export async function openCache(name: string, context: Context, l1Entries: number): Promise<Cache> {
  const { open } = await entrant(name).load();
  return open({ redisUrl: context.redisUrl, namespace: context.namespace, l1Entries });
}

function entrant(name: string): Entrant {
  const found = ENTRANTS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no contestant ${name}`);
  return found;
}
