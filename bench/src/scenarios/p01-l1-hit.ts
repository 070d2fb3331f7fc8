import {
  ASYNC_CACHE_DEDUPE_MEMORY,
  BENTOCACHE,
  BENTOCACHE_OBJECTS,
  CACHE_MANAGER,
  CACHEABLE,
  cacheContestants,
  LAYERED_LOADER,
  peersAmong,
  TIERWISE,
  TIERWISE_MEMORY,
} from '../contestants/roster.js';
import { forEach, keysOf, mustNotLoad } from '../keys.js';
import type { Scenario } from '../scenario.js';
import { OPS, throughput } from '../throughput.js';
import { sample } from '../values.js';

const LRU = 'lru-cache, await get';
const KEYS = 1_000;
const CACHES = [
  TIERWISE,
  TIERWISE_MEMORY,
  BENTOCACHE,
  BENTOCACHE_OBJECTS,
  LAYERED_LOADER,
  CACHEABLE,
  CACHE_MANAGER,
  ASYNC_CACHE_DEDUPE_MEMORY,
];

export const scenario: Scenario = {
  id: 'P1',
  title: 'L1 hit, awaited',
  method:
    '`await cache.getOrSet(key, load)`, one after the other, over 1,000 keys of 1 KB that are all in memory; Redis behind it.',
  figures: [OPS],
  contestants: [
    {
      name: LRU,
      kind: 'raw',
      open: async () => {
        const { openLru } = await import('../contestants/lru-cache.js');
        const cache = openLru(2 * KEYS);
        const keys = keysOf(KEYS);
        for (const key of keys) cache.set(key, sample('1 KB') as object);
        const measure = throughput(async (times) => {
          let hits = 0;
          for (let time = 0; time < times; time += 1) {
            for (let index = 0; index < KEYS; index += 1) {
              if ((await cache.get(keys[index] as string)) !== undefined) hits += 1;
            }
          }
          if (hits !== times * KEYS) throw new Error('not all of them were hits');
        }, KEYS);
        return { measure, close: async () => {} };
      },
    },
    ...cacheContestants(CACHES, 2 * KEYS, async (cache) => {
      const keys = keysOf(KEYS);
      await forEach(keys, (key) => cache.getOrSet(key, async () => sample('1 KB')));
      return throughput(async (times) => {
        let hits = 0;
        for (let time = 0; time < times; time += 1) {
          for (let index = 0; index < KEYS; index += 1) {
            if ((await cache.getOrSet(keys[index] as string, mustNotLoad)) !== undefined) hits += 1;
          }
        }
        if (hits !== times * KEYS) throw new Error('not all of them were hits');
      }, KEYS);
    }),
  ],
  targets: [
    { of: TIERWISE, against: [LRU], atLeast: 0.65 },
    { of: TIERWISE, against: peersAmong(CACHES), called: 'the fastest peer', atLeast: 1.1 },
    { of: TIERWISE, against: [BENTOCACHE], called: "bentocache's default", atLeast: 30 },
  ],
  differences: [
    'Tierwise answers with a frozen object that all readers share; lru-cache, bentocache with `serialize: false`, layered-loader and async-cache-dedupe with an object that all share and may change; bentocache by default, cacheable and cache-manager with a copy for each reader.',
    'async-cache-dedupe has one tier at a time: here memory. It loads a value again when it is past its time, and checks no more than that.',
  ],
};
