import { TTL_MS } from '../contestants/cache.js';
import { forEach, keysOf } from '../keys.js';
import type { Contestant, Scenario } from '../scenario.js';
import { sample } from '../values.js';

const ENTRIES = 100_000;
const TIERWISE = 'Tierwise without L2';
const LRU = 'lru-cache';

/** Fills a cache with fresh values and leaves it with what it holds then. */
type Fill = (
  keys: readonly string[],
  decoded: () => object,
) => Promise<{ holds: unknown; close?: () => Promise<void> }>;

function contestant(name: string, kind: Contestant['kind'], fill: Fill): Contestant {
  return {
    name,
    kind,
    open: async () => {
      const { packr } = await import('../contestants/ioredis.js');
      // All of them decode the same bytes, since a value's size depends on how it was made.
      const bytes = packr.pack(sample('100 B'));
      const decoded = () => packr.unpack(bytes) as object;
      const keys = keysOf(ENTRIES);
      const alone: Fill = async () => ({ holds: keys.map(decoded) });
      return {
        measure: async () => {
          const value = await bytesOf(alone, keys, decoded);
          return { memory: ((await bytesOf(fill, keys, decoded)) - value) / ENTRIES };
        },
        close: async () => {},
      };
    },
  };
}

/** By how much the heap, buffers included, is larger for what a cache holds. The keys were there before. */
async function bytesOf(fill: Fill, keys: readonly string[], decoded: () => object): Promise<number> {
  const before = inUse();
  const { holds, close } = await fill(keys, decoded);
  const after = inUse();
  await close?.();
  // Mentioned again, so that it is not garbage yet when it is measured.
  if (holds === undefined) throw new Error('nothing was held');
  return after - before;
}

function inUse(): number {
  // Buffers are given back by finalisers, for which one collection does not suffice.
  for (let time = 0; time < 3; time += 1) globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

export const scenario: Scenario = {
  id: 'P11',
  title: 'Memory per L1 entry, beyond key and value',
  method: `Heap and buffers after collection, with ${ENTRIES.toLocaleString('en')} entries that have been read once, less the same keys and values in an array.`,
  figures: [{ name: 'memory', unit: 'bytes', better: 'lower' }],
  contestants: [
    contestant(LRU, 'raw', async (keys, decoded) => {
      const { openLru } = await import('../contestants/lru-cache.js');
      const cache = openLru(ENTRIES);
      for (const key of keys) cache.set(key, decoded());
      return { holds: cache };
    }),
    contestant('lru-cache with ttl and sizes', 'raw', async (keys, decoded) => {
      const { LRUCache } = await import('lru-cache');
      const cache = new LRUCache<string, object>({ max: ENTRIES, maxSize: 2 ** 31, ttl: TTL_MS });
      for (const key of keys) cache.set(key, decoded(), { size: 100 });
      return { holds: cache };
    }),
    contestant(TIERWISE, 'ours', async (keys, decoded) => {
      const { createHierarchy } = await import('@tierwise/hierarchy');
      const cache = createHierarchy({ namespace: 'bench', l1: { maxEntries: ENTRIES }, ttl: TTL_MS });
      await forEach(keys, (key) => cache.set(key, decoded()));
      for (const key of keys) if (cache.peek(key) === undefined) throw new Error('an entry is missing');
      return { holds: cache, close: () => cache.close() };
    }),
  ],
  targets: [{ of: TIERWISE, against: [LRU], atMost: 1.5 }],
  differences: [
    'lru-cache by itself keeps an order and nothing else; with ttl and sizes it keeps what Tierwise’s L1 is bounded by. Tierwise keeps besides when an entry was written, until when it is fresh and how long it may be kept after that, its version, its generation and its tags.',
  ],
  rounds: { full: { lives: 2, perLife: 3 }, quick: { lives: 1, perLife: 1 } },
};
