import { TTL_MS } from '../contestants/cache.js';
import { cacheContestants, ON_REDIS, peersAmong, TIERWISE } from '../contestants/roster.js';
import type { Contestant, Scenario } from '../scenario.js';
import { OPS, throughput } from '../throughput.js';
import { sample } from '../values.js';

const CALLERS = 100;
const RAW = 'ioredis, GET + load + SET';

/** Each time another hundred keys, which nobody has asked for before. */
function measureMisses(getOrSet: (key: string, load: () => Promise<unknown>) => Promise<unknown>) {
  const value = sample('1 KB');
  let serial = 0;
  let loads = 0;
  const load = async () => {
    loads += 1;
    return value;
  };
  return throughput(async (times) => {
    const before = loads;
    for (let time = 0; time < times; time += 1) {
      const calls: Promise<unknown>[] = [];
      for (let caller = 0; caller < CALLERS; caller += 1) {
        serial += 1;
        calls.push(getOrSet(`user:${serial}`, load));
      }
      await Promise.all(calls);
    }
    if (loads - before !== times * CALLERS) throw new Error(`${loads - before} loads for ${times * CALLERS} misses`);
  }, CALLERS);
}

function raw(name: string, autoPipelining: boolean): Contestant {
  return {
    name,
    kind: 'raw',
    open: async ({ redisUrl, namespace }) => {
      const { connect, packr } = await import('../contestants/ioredis.js');
      const redis = await connect(redisUrl, autoPipelining);
      const measure = measureMisses(async (key, load) => {
        const found = await redis.getBuffer(namespace + key);
        if (found !== null) return packr.unpack(found);
        const value = await load();
        await redis.set(namespace + key, packr.pack(value), 'PX', TTL_MS);
        return value;
      });
      return { measure, close: async () => redis.disconnect() };
    },
  };
}

export const scenario: Scenario = {
  id: 'P6',
  title: 'miss → load → fill, 100 at once',
  method:
    '100 calls of `getOrSet` in one turn of the event loop for 100 keys that are in no tier; the load answers at once, with 1 KB.',
  figures: [OPS],
  contestants: [
    raw(RAW, false),
    raw('ioredis auto-pipelined, GET + load + SET', true),
    ...cacheContestants(ON_REDIS, 5_000, async (cache) => measureMisses(cache.getOrSet)),
  ],
  targets: [
    { of: TIERWISE, against: [RAW], atLeast: 0.5 },
    { of: TIERWISE, against: peersAmong(ON_REDIS), called: 'the fastest peer', atLeast: 2 },
  ],
  differences: [
    'Tierwise asks Redis for the lease of each key, so that of all processes one loads, and a value that was invalidated meanwhile is not stored; the peers load once per process.',
    'Tierwise, bentocache and cacheable tell their peers of what was stored.',
  ],
};
