import { TTL_MS } from '../contestants/cache.js';
import { forEach, keysOf } from '../keys.js';
import type { Contestant, Scenario } from '../scenario.js';
import { shuffle } from '../statistics.js';

const [SMALL, LARGE] = [1_000, 1_000_000];
const [EVENLY, SKEWED] = ['all keys alike', 'skewed'];
/** Look-ups between two looks at the clock. */
const PIECE = 2_000;

/** What is looked up in: one way in, one way out. */
interface Memory {
  get(key: string): unknown;
  set(key: string, value: object): unknown;
}

const KINDS: readonly { name: string; kind: Contestant['kind']; open: (entries: number) => Promise<Memory> }[] = [
  {
    name: 'Tierwise',
    kind: 'ours',
    open: async (entries) => {
      const { createHierarchy } = await import('@tierwise/hierarchy');
      const cache = createHierarchy({ namespace: 'bench', l1: { maxEntries: entries, maxBytes: '2gb' }, ttl: TTL_MS });
      return {
        get: (key) => cache.getOrSet(key, mustNotBeCalled),
        set: (key, value) => cache.set(key, value),
      };
    },
  },
  {
    name: 'lru-cache',
    kind: 'raw',
    open: async (entries) => (await import('../contestants/lru-cache.js')).openLru(entries),
  },
  { name: 'Map', kind: 'raw', open: async () => new Map<string, object>() },
];

function contestants(): Contestant[] {
  return KINDS.flatMap(({ name, kind, open }) =>
    [SMALL, LARGE].map((entries) => ({
      name: nameOf(name, entries),
      kind,
      open: async () => {
        const memory = await open(entries);
        const keys = keysOf(entries);
        await forEach(keys, async (key, id) => memory.set(key, { id }));
        // Values are decoded when they are first read: not to be measured here.
        for (const key of keys) await memory.get(key);
        const evenly = hits(memory, keys, () => Math.random() * entries);
        const skewed = hits(memory, shuffle(keys), () => entries ** Math.random() - 1);
        return {
          measure: async (budgetMs: number) => ({
            [EVENLY]: await evenly(budgetMs / 2),
            [SKEWED]: await skewed(budgetMs / 2),
          }),
          close: async () => {},
        };
      },
    })),
  );
}

/**
 * Awaits hits for so long, after some that do not count: the processor's caches hold what another contestant or the garbage collector
 * has left there.
 *
 * @returns how long one takes, in nanoseconds.
 */
function hits(memory: Memory, keys: readonly string[], indexOf: () => number): (budgetMs: number) => Promise<number> {
  // As long for few keys as for many, and walked through from one end to the other, so that the walk costs the same.
  const order = Array.from({ length: 1 << 20 }, () => keys[Math.floor(indexOf())] as string);
  let next = 0;
  const awaitHits = async (budgetMs: number): Promise<number> => {
    const began = performance.now();
    let count = 0;
    let tookMs = 0;
    while (tookMs < budgetMs) {
      for (let index = 0; index < PIECE; index += 1) {
        next = (next + 1) % order.length;
        if ((await memory.get(order[next] as string)) === undefined) throw new Error('not a hit');
      }
      count += PIECE;
      tookMs = performance.now() - began;
    }
    return (tookMs * 1e6) / count;
  };
  return async (budgetMs) => {
    await awaitHits(budgetMs / 4);
    return awaitHits(budgetMs);
  };
}

function nameOf(kind: string, entries: number): string {
  return `${kind}, ${entries.toLocaleString('en')} entries`;
}

async function mustNotBeCalled(): Promise<never> {
  throw new Error('a value was loaded that was to be found');
}

export const scenario: Scenario = {
  id: 'P10',
  title: 'L1 hit among 1,000,000 entries',
  method:
    'Awaited hits on random keys, small values, no L2; all keys alike, and as skewed as Zipf’s law (1) has it. The more there is, the less of it is in the processor’s caches: what that costs on this machine shows beside it with a Map.',
  figures: [
    { name: EVENLY, unit: 'ns', better: 'lower' },
    { name: SKEWED, unit: 'ns', better: 'lower' },
  ],
  contestants: contestants(),
  targets: [{ of: nameOf('Tierwise', LARGE), against: [nameOf('Tierwise', SMALL)], atMost: 2 }],
  differences: ['The Map is not bounded and keeps no order of use.'],
  measureMs: { full: 400, quick: 200 },
  // Filling a million entries takes longer than all else.
  rounds: { full: { lives: 1, perLife: 11 }, quick: { lives: 1, perLife: 5 } },
};
