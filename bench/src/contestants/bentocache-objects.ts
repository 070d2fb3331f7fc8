/** bentocache with `serialize: false`: L1 holds the objects themselves, so that whoever changes one changes the cache. */
import { openBento } from './bentocache.js';
import type { CacheOptions } from './cache.js';

export const open = (options: CacheOptions) => openBento(options, false);
