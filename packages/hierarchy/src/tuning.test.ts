import { describe, expect, test } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster, lonely } from '../test/nodes.js';
import { bestTtl } from './best-ttl.js';
import { changeRateOf } from './change-rate.js';
import type { Hierarchy, HierarchyEventOf, TtlTuningOptions } from './index.js';
import { ReloadWatch } from './reload-watch.js';

const encode = (text: string) => new TextEncoder().encode(text);

describe('the rate of changes', () => {
  test('is that under which what was seen is most likely', () => {
    // At one change per 1,000 ms, one look in e after 1,000 ms finds nothing new.
    const looks = Array.from({ length: 1_000 }, (_, nth) => ({ afterMs: 1_000, changed: nth % 1_000 < 632 }));
    expect(changeRateOf(looks) * 1_000).toBeCloseTo(1, 2);
  });

  test('takes looks after different times together', () => {
    const short = Array.from({ length: 1_000 }, (_, nth) => ({ afterMs: 100, changed: nth < 95 }));
    const long = Array.from({ length: 1_000 }, (_, nth) => ({ afterMs: 2_000, changed: nth < 865 }));
    expect(changeRateOf([...short, ...long]) * 1_000).toBeCloseTo(1, 1);
  });

  test('is none where nothing changed, and finite where all did', () => {
    expect(changeRateOf([{ afterMs: 5, changed: false }])).toBe(0);
    expect(changeRateOf([])).toBe(0);
    const rate = changeRateOf(Array.from({ length: 32 }, () => ({ afterMs: 1_000, changed: true })));
    expect(rate * 1_000).toBeGreaterThan(2);
    expect(rate * 1_000).toBeLessThan(10);
    // Loaded twice in the same millisecond.
    expect(changeRateOf([{ afterMs: 0, changed: true }])).toBe(0);
  });
});

describe('the best time to live', () => {
  const second = 1 / 1_000;

  test('is near the square root of what it exchanges', () => {
    const grounds = { readRate: second, changeRate: second / 3_600, staleWeight: 1 };
    const ideal = Math.sqrt(2 / (grounds.readRate * grounds.changeRate));
    expect(bestTtl(1, 1e9, grounds) / ideal).toBeCloseTo(1, 1);
    // Four times as bad, half as long.
    expect(bestTtl(1, 1e9, { ...grounds, staleWeight: 4 }) / ideal).toBeCloseTo(0.5, 1);
  });

  test('is a bound where nothing changes, or loads cost nothing', () => {
    expect(bestTtl(10, 1_000, { readRate: second, changeRate: 0, staleWeight: 1 })).toBe(1_000);
    expect(bestTtl(10, 1_000, { readRate: second, changeRate: second, staleWeight: Number.MAX_VALUE })).toBe(10);
  });
});

describe('repeated loads', () => {
  test('are compared by what they brought', () => {
    const watch = new ReloadWatch(1_000);
    expect(watch.loaded('a', encode('1'), 10)).toBeUndefined();
    expect(watch.loaded('a', encode('1'), 30)).toEqual({ afterMs: 20, changed: false });
    expect(watch.loaded('a', encode('2'), 35)).toEqual({ afterMs: 5, changed: true });
    expect(watch.loaded('b', encode('2'), 35)).toBeUndefined();
  });

  test('of many keys are seen of a part of them, every time', () => {
    const watch = new ReloadWatch(1_000);
    const sweep = (now: number) =>
      Array.from({ length: 10_000 }, (_, nth) => watch.loaded(`k${nth}`, encode('1'), now)).filter(
        (reload) => reload !== undefined,
      ).length;
    expect(sweep(0)).toBe(0);
    expect(watch.size).toBeLessThanOrEqual(1_000);
    // The same ones each time, which the latest thousand would never be.
    expect(sweep(500)).toBe(watch.size);
    expect(watch.size).toBeGreaterThan(250);
  });

  test('are not waited for where there are new keys and the old ones do not come back', () => {
    const watch = new ReloadWatch(1_000);
    for (let nth = 0; nth < 1_000; nth += 1) watch.loaded(`old${nth}`, encode('1'), 0);
    watch.loaded('new', encode('1'), 2_000);
    expect(watch.size).toBe(1);
    expect(watch.loaded('new', encode('1'), 2_001)).toEqual({ afterMs: 1, changed: false });
  });
});

type Tuned = HierarchyEventOf<'tuned'> & { readonly what: 'ttl' };

const tunedEvents = (cache: Hierarchy): Tuned[] => {
  const events: Tuned[] = [];
  cache.on('tuned', (event) => {
    if (event.what === 'ttl') events.push(event);
  });
  return events;
};
const tuningOf = (cache: Hierarchy) => cache.stats().definitions.price?.tuning?.ttl;
const BOUNDS: TtlTuningOptions = { min: '1s', max: '10m', mode: 'auto' };
const MINUTE = 60_000;

/** Reads one key each second, whose value changes every so often. */
async function readFor(minutes: number, changeEveryMs: number, tuning: TtlTuningOptions, cost?: number) {
  const { cache, clock } = lonely();
  const tuned = tunedEvents(cache);
  const price = cache.define({
    ...{ name: 'price', key: String, ttl: '1m' as const, cost, tuning: { ttl: tuning } },
    load: (_: number) => Math.floor(clock.now() / changeEveryMs),
  });
  for (let second = 0; second < minutes * 60; second += 1) {
    await price.get(1);
    await clock.advance(1_000);
  }
  return { cache, clock, price, tuned };
}

describe('tuning of the ttl', () => {
  test('makes it shorter for what changes often, within its bounds, and tells each change', async () => {
    const { cache, tuned } = await readFor(70, 2_000, { ...BOUNDS, min: '5s' });
    const ttlMs = tuningOf(cache)?.ttlMs ?? 0;
    expect(ttlMs).toBe(5_000);
    expect(tuned.map(({ beforeMs }) => beforeMs)).toEqual([
      MINUTE,
      ...tuned.map(({ afterMs }) => afterMs).slice(0, -1),
    ]);
    expect(tuned[0]).toMatchObject({ definition: 'price', namespace: 'test', mode: 'auto', afterMs: MINUTE / 2 });
    expect(tuned[0]?.reasons).toMatchObject({ unchanged: 0 });
    expect(cache.stats().definitions.price?.loads.started).toBeGreaterThan(120);
  });

  test('makes it longer for what does not change, and no longer than its bound', async () => {
    const { cache, tuned } = await readFor(120, 1e12, BOUNDS);
    expect(tuningOf(cache)).toMatchObject({ mode: 'auto', minMs: 1_000, maxMs: 600_000 });
    expect(tuned.map(({ afterMs }) => afterMs)).toEqual([2 * MINUTE, 4 * MINUTE]);
    expect(tuned[0]?.reasons).toMatchObject({ unchanged: 1, changesPerHour: 0 });
    expect(tuned[0]?.reasons.hitRatio).toBeCloseTo(59 / 60, 2);
    expect(tuned[0]?.reasons.readsPerMinute).toBeGreaterThan(55);
    expect(tuned[0]?.reasons.readsPerMinute).toBeLessThan(60);
  });

  test('weighs what a load costs against what a stale answer costs', async () => {
    const dear = await readFor(90, 30_000, { ...BOUNDS, staleCost: 0.01 }, 10);
    const cheap = await readFor(90, 30_000, { ...BOUNDS, staleCost: 10 }, 0.01);
    expect(tuningOf(dear.cache)?.ttlMs).toBeGreaterThan(MINUTE);
    expect(tuningOf(cheap.cache)?.ttlMs).toBeLessThan(MINUTE / 2);
    expect(tuningOf(dear.cache)?.reasons?.loadCost).toBe(10);
  });

  test('leaves it alone where it only advises', async () => {
    const { cache, clock, price, tuned } = await readFor(60, 2_000, { ...BOUNDS, mode: 'advise' });
    expect(tuned[0]).toMatchObject({ mode: 'advise', beforeMs: MINUTE, afterMs: MINUTE / 2 });
    expect(tuningOf(cache)?.ttlMs).toBeLessThan(MINUTE);
    await price.refresh(1);
    expect((await cache.getEntry('1'))?.freshMs).toBe(MINUTE);
    expect(clock.timers).toBeLessThanOrEqual(1);
  });

  test('says nothing before it knows anything', async () => {
    const { cache, tuned } = await readFor(10, 2_000, { ...BOUNDS, mode: 'advise' });
    expect(tuningOf(cache)).toMatchObject({ ttlMs: undefined, reasons: undefined });
    expect(tuned).toEqual([]);
  });

  test('keeps the deadlines of what is stored already, in both tiers', async () => {
    const { node } = cluster();
    const { cache, clock } = await node();
    const tuned = tunedEvents(cache);
    const price = cache.define({
      ...{ name: 'price', key: String, ttl: '1m' as const, tuning: { ttl: BOUNDS } },
      load: () => 'always the same',
    });
    while (tuned.length === 0) {
      // Some are loaded with the former ttl, just before it changes with one that is loaded again.
      await price.get(2);
      await price.get(1);
      if (tuned.length === 0) await clock.advance(MINUTE);
    }
    expect(tuned[0]?.afterMs).toBe(2 * MINUTE);
    const freshMs = async (key: string) => (await cache.getEntry(key))?.freshMs;
    expect(await freshMs('2')).toBe(MINUTE);
    await price.set(3, 'always the same');
    expect(await freshMs('3')).toBe(2 * MINUTE);
    await price.get(4);
    expect(await freshMs('4')).toBe(2 * MINUTE);
    await clock.advance(MINUTE);
    const loads = cache.stats().loads.started;
    await price.get(2);
    expect(cache.stats().loads.started).toBe(loads + 1);
    await settle();
  });

  test('starts within its bounds', async () => {
    const { cache } = lonely({ ttl: '1h' });
    const price = cache.define({ name: 'price', key: String, load: () => 1, tuning: { ttl: BOUNDS } });
    await price.get(1);
    expect((await cache.getEntry('1'))?.freshMs).toBe(600_000);
  });

  test.each([
    [{}, 'tuning needs ttl'],
    [{ ttl: { min: '1s', max: '1m', mode: 'off' } }, 'tuning.ttl.mode'],
    [{ ttl: { min: '2m', max: '1m', mode: 'auto' } }, 'tuning.ttl.max'],
    [{ ttl: { min: 0, max: '1m', mode: 'auto' } }, 'tuning.ttl.min'],
    [{ ttl: { min: 1, max: '1m', mode: 'auto', staleCost: 0 } }, 'staleCost'],
    [{ ttl: { min: 1, max: '1m', mode: 'auto', target: 1 } }, 'target'],
    [{ ttl: BOUNDS, l1: true }, 'l1'],
  ])('is refused as %j', (tuning, reason) => {
    const { cache } = lonely();
    const options = { name: 'price', key: String, load: () => 1, tuning: tuning as { ttl: TtlTuningOptions } };
    expect(() => cache.define(options)).toThrow(reason);
  });

  test('of two definitions of one name is the same, or refused', () => {
    const { cache } = lonely();
    const define = (max: TtlTuningOptions['max'], ttl: '1m' | '2m') =>
      cache.define({ name: 'price', key: String, ttl, load: () => 1, tuning: { ttl: { ...BOUNDS, max } } });
    define('10m', '1m');
    define('10m', '2m');
    expect(() => define('11m', '1m')).toThrow('other bounds');
  });
});
