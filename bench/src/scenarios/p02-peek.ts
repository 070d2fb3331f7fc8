import { TIERWISE, TIERWISE_MEMORY } from '../contestants/roster.js';
import { forEach, keysOf } from '../keys.js';
import type { Contestant, Scenario } from '../scenario.js';
import { OPS, throughput } from '../throughput.js';
import { sample } from '../values.js';

const LRU = 'lru-cache, get';
const LAYERED = 'layered-loader, getInMemoryOnly';
const KEYS = 1_000;

export const scenario: Scenario = {
  id: 'P2',
  title: 'L1 hit, synchronous',
  method: '`cache.peek(key)` over 1,000 keys of 1 KB that are all in memory.',
  figures: [OPS],
  contestants: [
    contestant(LRU, 'raw', async () => {
      const { openLru } = await import('../contestants/lru-cache.js');
      const cache = openLru(2 * KEYS);
      return {
        look: (key) => cache.get(key),
        fill: async (key) => cache.set(key, sample('1 KB') as object),
        close: async () => {},
      };
    }),
    contestant(TIERWISE, 'ours', async (context) => {
      const { openTierwise } = await import('../contestants/tierwise.js');
      const cache = await openTierwise({ ...context, l1Entries: 2 * KEYS });
      return {
        look: (key) => cache.peek(key),
        fill: (key) => cache.set(key, sample('1 KB')),
        close: () => cache.close(),
      };
    }),
    contestant(TIERWISE_MEMORY, 'ours', async ({ namespace }) => {
      const { createHierarchy } = await import('@tierwise/hierarchy');
      const cache = createHierarchy({ namespace });
      return {
        look: (key) => cache.peek(key),
        fill: (key) => cache.set(key, sample('1 KB')),
        close: () => cache.close(),
      };
    }),
    contestant(LAYERED, 'peer', async () => {
      const { Loader } = await import('layered-loader');
      const loader = new Loader<unknown>({ inMemoryCache: { ttlInMsecs: 600_000, maxItems: 2 * KEYS } });
      return {
        look: (key) => loader.getInMemoryOnly(key),
        fill: (key) => loader.forceSetValue(key, sample('1 KB')),
        close: () => loader.close(),
      };
    }),
  ],
  targets: [{ of: TIERWISE, against: [LRU], atLeast: 0.6 }],
  differences: ['lru-cache by itself checks no deadline: it was set up without a ttl. layered-loader checks one.'],
};

interface Memory {
  look(key: string): unknown;
  fill(key: string): Promise<unknown>;
  close(): Promise<void>;
}

function contestant(
  name: string,
  kind: Contestant['kind'],
  open: (context: Parameters<Contestant['open']>[0]) => Promise<Memory>,
): Contestant {
  return {
    name,
    kind,
    open: async (context) => {
      const memory = await open(context);
      const keys = keysOf(KEYS);
      await forEach(keys, (key) => memory.fill(key));
      const measure = throughput((times) => {
        let hits = 0;
        for (let time = 0; time < times; time += 1) {
          for (let index = 0; index < KEYS; index += 1) {
            if (memory.look(keys[index] as string) !== undefined) hits += 1;
          }
        }
        if (hits !== times * KEYS) throw new Error('not all of them were hits');
      }, KEYS);
      return { measure, close: memory.close };
    },
  };
}
