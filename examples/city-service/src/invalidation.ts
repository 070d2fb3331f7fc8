import type { Hierarchy } from '@tierwise/hierarchy';
import { cityKey, countryTag, placeTag, weatherKey } from './city.js';

/** What `POST /invalidations` takes: what changed in the source, and by which call the cache is to forget it. */
export type Invalidation =
  | { readonly by: 'tag' | 'tag-expire' | 'delete' | 'expire'; readonly id: number }
  | { readonly by: 'country'; readonly country: string }
  | { readonly by: 'clear' };

/** Resolves when the invalidation holds. */
export async function invalidate(cache: Hierarchy, what: Invalidation): Promise<void> {
  switch (what.by) {
    case 'tag':
      return cache.invalidateTags([placeTag(what.id)]);
    case 'tag-expire':
      return cache.invalidateTags([placeTag(what.id)], { mode: 'expire' });
    case 'delete':
      await cache.deleteMany([cityKey(what.id), weatherKey(what.id)]);
      return;
    case 'expire':
      await Promise.all([cache.expire(cityKey(what.id)), cache.expire(weatherKey(what.id))]);
      return;
    case 'country':
      return cache.invalidateTags([countryTag(what.country)]);
    case 'clear':
      return cache.clear();
  }
}
