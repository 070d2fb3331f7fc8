import { TTL_MS } from '../contestants/cache.js';
import { TIERWISE } from '../contestants/roster.js';
import { forEach, inTurn, keysOf } from '../keys.js';
import type { Contestant, Scenario } from '../scenario.js';
import { OPS, throughput } from '../throughput.js';
import { sample } from '../values.js';

const HALF = 50;
const COLD_KEYS = 2_000;
/** Room for the hot ones, and for no cold one until its turn comes again. */
const L1_ENTRIES = 500;
const RAW = 'ioredis, mgetBuffer of the missing half + decode';

const raw: Contestant = {
  name: RAW,
  kind: 'raw',
  open: async ({ redisUrl, namespace }) => {
    const { connect, packr } = await import('../contestants/ioredis.js');
    const redis = await connect(redisUrl);
    const keys = keysOf(COLD_KEYS, namespace);
    const bytes = packr.pack(sample('1 KB'));
    await forEach(keys, (key) => redis.set(key, bytes, 'PX', TTL_MS));
    const next = inTurn(keys, HALF);
    const measure = throughput(async (times) => {
      for (let time = 0; time < times; time += 1) {
        for (const found of await redis.mgetBuffer(next())) packr.unpack(found as Buffer);
      }
    });
    return { measure, close: async () => redis.disconnect() };
  },
};

const tierwise: Contestant = {
  name: TIERWISE,
  kind: 'ours',
  open: async (context) => {
    const { openTierwise } = await import('../contestants/tierwise.js');
    const cache = await openTierwise({ ...context, l1Entries: L1_ENTRIES });
    const [hot, cold] = [keysOf(HALF, 'hot'), keysOf(COLD_KEYS, 'cold')];
    const value = sample('1 KB');
    await forEach([...cold, ...hot], (key) => cache.set(key, value));
    const next = inTurn(cold, HALF);
    const measure = throughput(async (times) => {
      for (let time = 0; time < times; time += 1) {
        const values = await cache.getMany(next().flatMap((key, index) => [key, hot[index] as string]));
        if (values.includes(undefined)) throw new Error('a value was missing');
      }
    });
    return {
      measure: async (budgetMs) => {
        const before = cache.stats();
        const figures = await measure(budgetMs);
        const { l1, l2 } = cache.stats();
        if (l1.hits - before.l1.hits !== l2.hits - before.l2.hits) throw new Error('not just half of them were in L1');
        return figures;
      },
      close: () => cache.close(),
    };
  },
};

export const scenario: Scenario = {
  id: 'P8',
  title: 'getMany of 100, half in L1',
  method:
    'One call for 100 keys of 1 KB, one after the other: 50 that are in memory, and between them 50 of 2,000 that are in Redis alone.',
  figures: [{ ...OPS, unit: 'batches/s' }],
  contestants: [raw, tierwise],
  targets: [{ of: TIERWISE, against: [RAW], atLeast: 0.9 }],
  differences: ['Raw ioredis asks for the missing half only and keeps nothing in memory, as in P3.'],
};
