/** Reads and writes of L2. Hits there: more keys than the first tier has room for, asked in turn, so that none is ever found there. */
import { forEach, inTurn, keysOf, mustNotLoad } from '../keys.js';
import type { Contestant, Stand } from '../scenario.js';
import { throughput } from '../throughput.js';
import { type Size, sample } from '../values.js';
import { TTL_MS } from './cache.js';
import { cacheContestants } from './roster.js';
import type { openTierwise } from './tierwise.js';

type TierwiseCache = Awaited<ReturnType<typeof openTierwise>>;

export const KEYS = 2_000;
export const L1_ENTRIES = 500;

/** @param callers how many ask at once, each for a key of its own. */
export function cachesHittingL2(names: readonly string[], callers: number): Contestant[] {
  return cacheContestants(names, L1_ENTRIES, async (cache) => {
    const keys = keysOf(KEYS);
    const value = sample('1 KB');
    await forEach(keys, (key) => cache.getOrSet(key, async () => value));
    return measureReads(keys, callers, (key) => cache.getOrSet(key, mustNotLoad));
  });
}

/** Reads by `read`, so many at once. */
export function measureReads(keys: readonly string[], callers: number, read: (key: string) => Promise<unknown>) {
  const next = inTurn(keys, callers);
  return throughput(
    callers === 1
      ? async (times) => {
          for (let time = 0; time < times; time += 1) present(await read(next()[0] as string));
        }
      : async (times) => {
          for (let time = 0; time < times; time += 1) (await Promise.all(next().map(read))).forEach(present);
        },
    callers,
  );
}

/** Writes by `write`, so many at once. */
export function measureWrites(
  keys: readonly string[],
  callers: number,
  write: (key: string, value: unknown) => Promise<unknown>,
) {
  const next = inTurn(keys, callers);
  const value = sample('1 KB');
  return throughput(async (times) => {
    for (let time = 0; time < times; time += 1) await Promise.all(next().map((key) => write(key, value)));
  }, callers);
}

/** Raw `GET` and decoding. */
export function rawHittingRedis(
  name: string,
  callers: number,
  autoPipelining: boolean,
  size: Size = '1 KB',
): Contestant {
  return {
    name,
    kind: 'raw',
    open: async ({ redisUrl, namespace }): Promise<Stand> => {
      const { connect, packr } = await import('./ioredis.js');
      const redis = await connect(redisUrl, autoPipelining);
      const keys = keysOf(KEYS, namespace);
      const bytes = packr.pack(sample(size));
      await forEach(keys, (key) => redis.set(key, bytes, 'PX', TTL_MS));
      const read = async (key: string) => {
        const found = await redis.getBuffer(key);
        return found === null ? undefined : packr.unpack(found);
      };
      return { measure: measureReads(keys, callers, read), close: async () => redis.disconnect() };
    },
  };
}

/** Tierwise with values of another size. */
export function tierwiseHittingL2(name: string, callers: number, size: Size): Contestant {
  return {
    name,
    kind: 'ours',
    open: async (context): Promise<Stand> => {
      const { openTierwise } = await import('./tierwise.js');
      return tierwiseReads(await openTierwise({ ...context, l1Entries: L1_ENTRIES }), callers, size);
    },
  };
}

/** Fills a cache of ours and reads from its L2; sees to it that nothing is found in L1. */
export async function tierwiseReads(
  cache: TierwiseCache,
  callers: number,
  size: Size = '1 KB',
  tagsOf: (index: number) => string[] = () => [],
): Promise<Stand> {
  const keys = keysOf(KEYS);
  const value = sample(size);
  await forEach(keys, (key, index) => cache.set(key, value, { tags: tagsOf(index) }));
  const measure = measureReads(keys, callers, (key) => cache.getOrSet(key, mustNotLoad));
  return {
    measure: async (budgetMs) => {
      const before = cache.stats().l1.hits;
      const figures = await measure(budgetMs);
      if (cache.stats().l1.hits > before) throw new Error('some of them were hits in L1');
      return figures;
    },
    close: () => cache.close(),
  };
}

function present(value: unknown): void {
  if (value === undefined || value === null) throw new Error('a value was missing');
}
