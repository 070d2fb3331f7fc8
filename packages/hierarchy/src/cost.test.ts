import { describe, expect, test } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely } from '../test/nodes.js';
import type { CostOptions, CostStats, Hierarchy } from './index.js';

const costOf = (cache: Hierarchy, name = 'answer'): CostStats => {
  const cost = cache.stats().definitions[name]?.cost;
  if (cost === undefined) throw new Error('nothing is counted');
  return cost;
};
const totals = (cache: Hierarchy) => {
  const { spent, saved } = costOf(cache);
  return [spent.total, saved.total];
};
const answers = (cache: Hierarchy, cost: number | CostOptions<string>, load = (id: number) => `a${id}`) =>
  cache.define({ name: 'answer', key: String, load, cost, ttl: '2h' });

describe('cost', () => {
  test('is spent by loads and saved by reads that need none', async () => {
    const { cache } = lonely();
    const { get, getMany, refresh } = answers(cache, { unit: 'USD', perLoad: 0.5 });
    await get(1);
    await get(1);
    await getMany([1, 2]);
    await refresh(1);
    expect(totals(cache)).toEqual([1.5, 1]);
    expect(costOf(cache)).toMatchObject({ unit: 'USD', perLoad: 0.5, unpriced: 0 });
  });

  test('is saved by an L2 hit, by sharing a load, and by a stale answer; not by the refresh behind it', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node({ staleWhileRevalidate: '1m' }), await node({ staleWhileRevalidate: '1m' })];
    await answers(n1.cache, 1).get(1);
    await answers(n2.cache, 1).get(1);
    expect(totals(n1.cache)).toEqual([1, 0]);
    expect(totals(n2.cache)).toEqual([0, 1]);

    const { cache, clock } = lonely({ staleWhileRevalidate: '1m' });
    const loader = new HandLoader<string>();
    const held = cache.define({
      ...{ name: 'answer', key: String, cost: 1, ttl: '10s' as const },
      load: (_: number, context) => loader.load(context),
    });
    const both = [held.get(1), held.get(1)];
    await settle();
    loader.finish('a');
    await Promise.all(both);
    expect(totals(cache)).toEqual([1, 1]);
    await clock.advance(11_000);
    await held.get(1);
    expect(totals(cache)).toEqual([1, 2]);
    loader.finish('b');
    await settle();
    expect(totals(cache)).toEqual([2, 2]);
  });

  test('is not saved by a load ahead that finds another node’s value: nobody waited for it', async () => {
    const { node, clock } = cluster();
    const [mine, theirs] = [await node({ without: ['feed'] }), await node({ without: ['feed'] })];
    const [here, there] = [mine, theirs].map(({ cache }) =>
      cache.define({
        ...{ name: 'answer', key: String, cost: 1, ttl: '6s' as const, refreshAhead: 0.5 },
        load: () => clock.now(),
      }),
    );
    const first = await there?.get(1);
    await here?.get(1);
    await clock.advance(3_500);
    await there?.refresh(1);
    expect(await here?.get(1)).toBe(first);
    await settle();
    expect(here?.peek(1)).toBe(clock.now());
    expect(totals(mine.cache)).toEqual([0, 2]);
  });

  test('is that of a failed load as well, which saves nobody anything', async () => {
    const { cache } = lonely();
    const loader = new HandLoader<string>();
    const held = cache.define({
      name: 'answer',
      key: String,
      cost: 1,
      load: (_: number, context) => loader.load(context),
    });
    const both = [held.get(1), held.get(1)].map((read) => expect(read).rejects.toThrow('no'));
    await settle();
    loader.fail(new Error('no'));
    await Promise.all(both);
    expect(totals(cache)).toEqual([1, 0]);
  });

  test('of a load that takes longer than it may is not told of any value', async () => {
    const { cache, clock } = lonely({ loadTimeout: { hard: '1s', late: 0 } });
    const loader = new HandLoader<string>();
    const seen: unknown[] = [];
    const perLoad = ({ value }: { value: unknown }) => {
      seen.push(value);
      return 1;
    };
    const { get } = cache.define({
      ...{ name: 'answer', key: String, cost: { unit: 'USD', perLoad } },
      load: (_: number, context) => loader.load(context),
    });
    const call = get(1);
    call.catch(() => {});
    await settle();
    await clock.advance(2_000);
    await expect(call).rejects.toMatchObject({ code: 'ERR_TIERWISE_LOAD_TIMEOUT' });
    expect(seen).toEqual([undefined]);
  });

  test('may be said by a function of the value and the time it took; reads save what loads cost on average', async () => {
    const { cache, clock } = lonely();
    const loader = new HandLoader<{ tokens: number }>();
    const held = cache.define({
      ...{ name: 'answer', key: String, load: (_: number, context) => loader.load(context) },
      cost: { unit: 'tokens', perLoad: ({ value, ms }) => (value?.tokens ?? 0) + ms },
    });
    const costs: unknown[] = [];
    cache.on('load', ({ cost }) => costs.push(cost));
    for (const [id, tokens] of [
      [1, 100],
      [2, 200],
    ] as const) {
      const reading = held.get(id);
      await settle();
      await clock.advance(10);
      loader.finish({ tokens });
      await reading;
      await held.get(id);
    }
    expect(costs).toEqual([
      { amount: 110, unit: 'tokens' },
      { amount: 210, unit: 'tokens' },
    ]);
    expect(totals(cache)).toEqual([320, 110 + 160]);
    expect(costOf(cache).perLoad).toBe(160);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['answers no number', () => Number.NaN],
    ['answers less than nothing', () => -1],
  ])('a function that %s costs nobody the value', async (_, perLoad) => {
    const { cache } = lonely();
    expect(await answers(cache, { perLoad }).get(1)).toBe('a1');
    expect(costOf(cache)).toMatchObject({ unpriced: 1, spent: { total: 0 } });
  });

  test('is known for the last minute, the last hour and altogether', async () => {
    const { cache, clock } = lonely();
    const { get } = answers(cache, 1);
    const by = () => {
      const { spent, saved } = costOf(cache);
      return [spent, saved].map(({ lastMinute, lastHour, total }) => [lastMinute, lastHour, total]);
    };
    await get(1);
    await get(1);
    await clock.advance(59_000);
    await get(1);
    expect(by()).toEqual([
      [1, 1, 1],
      [2, 2, 2],
    ]);
    await clock.advance(7_000);
    expect(by()).toEqual([
      [0, 1, 1],
      [1, 2, 2],
    ]);
    await clock.advance(60 * 60_000);
    expect(by()).toEqual([
      [0, 0, 1],
      [0, 1, 2],
    ]);
    await clock.advance(30 * 3_600_000);
    expect(by()).toEqual([
      [0, 0, 1],
      [0, 0, 2],
    ]);
  });
});
