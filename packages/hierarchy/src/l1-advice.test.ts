import { describe, expect, test } from 'vitest';
import { cluster, lonely } from '../test/nodes.js';
import type { Hierarchy, HierarchyEventOf } from './index.js';

const TUNED = { tuning: { l1: true }, l1: { maxEntries: 100 } } as const;
const adviceOf = (cache: Hierarchy) => cache.stats().memory.advice;

/** Reads so many keys in turn, again and again, until so many reads were made. */
async function readInTurn(cache: Hierarchy, keys: number, reads: number): Promise<void> {
  for (let nth = 0; nth < reads; nth += 1) await cache.getOrSet(`k${nth % keys}`, () => nth);
}

describe('advice on the size of L1', () => {
  test('is to double it where an L1 of twice the size would have answered more', async () => {
    const { cache } = lonely(TUNED);
    const tuned: HierarchyEventOf<'tuned'>[] = [];
    cache.on('tuned', (event) => tuned.push(event));
    // An LRU of 100 answers none of these, one of 150 all but the first round.
    await readInTurn(cache, 150, 3_000);
    const advice = { size: 'larger', maxEntries: 200, maxBytes: 64 * 2 ** 20 };
    expect(adviceOf(cache)).toMatchObject(advice);
    expect(adviceOf(cache)?.gain).toBeGreaterThan(0.8);
    expect(tuned).toEqual([
      {
        type: 'tuned',
        what: 'l1',
        before: { maxEntries: 100, maxBytes: 64 * 2 ** 20 },
        advice: expect.objectContaining(advice),
      },
    ]);
  });

  test('is that it is enough where twice the size would answer no more', async () => {
    const { cache } = lonely(TUNED);
    const tuned: unknown[] = [];
    cache.on('tuned', (event) => tuned.push(event));
    await readInTurn(cache, 201, 3_000);
    expect(adviceOf(cache)).toEqual({ size: 'enough', gain: 0, maxEntries: 100, maxBytes: 64 * 2 ** 20 });
    expect(tuned).toEqual([]);
  });

  test('is about the bound that is in the way', async () => {
    const { cache } = lonely({ ...TUNED, l1: { maxEntries: 100, maxBytes: 400 } });
    for (let nth = 0; nth < 1_500; nth += 1) await cache.getOrSet(`k${nth % 15}`, () => 'x'.repeat(37));
    expect(adviceOf(cache)).toMatchObject({ size: 'larger', maxEntries: 100, maxBytes: 800 });
    // Neither these ten values nor twice as many are enough for 25 in turn.
    const other = lonely({ ...TUNED, l1: { maxEntries: 100, maxBytes: 400 } });
    for (let nth = 0; nth < 1_500; nth += 1) await other.cache.getOrSet(`k${nth % 25}`, () => 'x'.repeat(37));
    expect(adviceOf(other.cache)).toMatchObject({ size: 'enough', gain: 0 });
  });

  test('counts nothing that would have been too old, or was written or invalidated meanwhile', async () => {
    const { node } = cluster();
    const { cache, clock } = await node({ ...TUNED, ttl: '1h' });
    const round = async (between: () => Promise<unknown>) => {
      cache.reconfigure({ l1: { maxEntries: 101 } });
      cache.reconfigure({ l1: { maxEntries: 100 } });
      for (let times = 0; times < 22; times += 1) {
        for (let nth = 0; nth < 150; nth += 1) {
          await cache.getOrSet(`k${nth}`, () => nth, { tags: ['all'] });
        }
        await between();
      }
      return adviceOf(cache)?.gain;
    };
    const keys = Array.from({ length: 150 }, (_, nth) => `k${nth}`);
    expect(await round(async () => {})).toBeGreaterThan(0.5);
    expect(await round(() => clock.advance(3_600_000))).toBe(0);
    expect(await round(() => cache.deleteMany(keys))).toBe(0);
    expect(await round(() => cache.invalidateTags(['all']))).toBe(0);
    expect(await round(() => cache.clear())).toBe(0);
  });

  test('is not there where it was not asked for, nor before anything is known', async () => {
    const { cache } = lonely({ l1: { maxEntries: 100 } });
    await readInTurn(cache, 150, 1_500);
    expect(adviceOf(cache)).toBeUndefined();
    const asked = lonely(TUNED);
    await readInTurn(asked.cache, 150, 500);
    expect(adviceOf(asked.cache)).toBeUndefined();
  });

  test('begins anew with other bounds', async () => {
    const { cache } = lonely(TUNED);
    await readInTurn(cache, 150, 1_500);
    expect(adviceOf(cache)).toBeDefined();
    cache.reconfigure({ l1: { maxEntries: 200 } });
    expect(adviceOf(cache)).toBeUndefined();
  });

  test('is switched on by true', () => {
    expect(() => lonely({ tuning: { l1: 'yes' as unknown as boolean } })).toThrow('tuning.l1');
    expect(() => lonely({ tuning: { l2: true } as object })).toThrow('l2');
  });
});
