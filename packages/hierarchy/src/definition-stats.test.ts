import { describe, expect, test } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely } from '../test/nodes.js';
import type { Hierarchy, HierarchyEventOf } from './index.js';

const of = (cache: Hierarchy, name = 'user') => {
  const stats = cache.stats().definitions[name];
  if (stats === undefined) throw new Error(`there are no figures of ${name}`);
  return stats;
};

describe('figures of a definition', () => {
  test('count its own reads, by tier, and nobody else’s', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const [mine, theirs] = [n1, n2].map(({ cache }) =>
      cache.define({ name: 'user', key: (id: number) => `user:${id}`, load: (id) => id }),
    );
    await n1.cache.getOrSet('other', () => 1);
    await n1.cache.getOrSet('other', () => 1);
    await mine?.get(1);
    await mine?.get(1);
    expect(mine?.peek(1)).toBe(1);
    expect(mine?.peek(2)).toBeUndefined();
    expect(of(n1.cache)).toMatchObject({
      l1: { gets: 4, hits: 2, misses: 2 },
      l2: { gets: 1, hits: 0, misses: 1 },
      loads: { started: 1, stored: 1, failed: 0 },
    });
    await theirs?.get(1);
    expect(of(n2.cache)).toMatchObject({
      l1: { hits: 0, misses: 1 },
      l2: { hits: 1, misses: 0 },
      loads: { started: 0 },
    });
    expect(n1.cache.stats().l1.hits).toBe(3);
  });

  test('count the keys of a batch, with and without loadMany', async () => {
    const { cache } = lonely();
    const one = cache.define({ name: 'one', key: (id: number) => `one:${id}`, load: (id) => id });
    const many = cache.define({
      name: 'many',
      key: (id: number) => `many:${id}`,
      load: (id) => id,
      loadMany: (ids) => ids,
    });
    for (const definition of [one, many]) {
      await definition.get(1);
      await definition.getMany([1, 2, 3]);
    }
    const expected = { l1: { hits: 1, misses: 3 }, loads: { started: 3, stored: 3 } };
    expect(of(cache, 'one')).toMatchObject(expected);
    expect(of(cache, 'many')).toMatchObject(expected);
  });

  test('count loads by outcome, shared ones, and how long loaders ran', async () => {
    const { cache, clock } = lonely();
    const loader = new HandLoader<number>();
    const users = cache.define({ name: 'user', key: String, load: (_: number, context) => loader.load(context) });
    const both = [users.get(1), users.get(1)];
    await settle();
    await clock.advance(30);
    loader.finish(1);
    await Promise.all(both);
    const failing = users.refresh(1);
    await settle();
    await clock.advance(12);
    loader.fail(new Error('no'));
    await expect(failing).rejects.toThrow('no');
    expect(of(cache).loads).toMatchObject({ started: 2, stored: 1, failed: 1, shared: 1, ms: 42 });
    expect(of(cache).coalesced).toBe(1);
  });

  test('count stale answers, loads ahead, waits and writes', async () => {
    const { cache, clock } = lonely({ staleWhileRevalidate: '1m' });
    const users = cache.define({ name: 'user', key: String, load: (id: number) => id, ttl: '10s', refreshAhead: 0.5 });
    await users.get(1);
    await clock.advance(12_000);
    await users.get(1);
    await settle();
    expect(of(cache)).toMatchObject({ stale: { revalidate: 1 }, loads: { started: 2 } });
    await clock.advance(8_000);
    await users.get(1);
    await settle();
    expect(of(cache).loads).toMatchObject({ started: 3, ahead: 1 });
    await users.set(2, 2);
    await users.touch(2);
    await users.expire(2);
    await users.delete(2);
    expect(of(cache).writes).toMatchObject({ sets: 1, deletes: 3 });
  });

  test('are told with the load event', async () => {
    const { cache } = lonely();
    const loads: HierarchyEventOf<'load'>[] = [];
    cache.on('load', (event) => loads.push(event));
    await cache.define({ name: 'user', key: String, load: (id: number) => id }).get(1);
    await cache.define({ key: (id: number) => `x${id}`, load: (id) => id }).get(1);
    expect(loads.map(({ key, definition, cost }) => [key, definition, cost])).toEqual([
      ['1', 'user', undefined],
      ['x1', undefined, undefined],
    ]);
  });

  test('belong to the name, and beyond a hundred names to all others together', async () => {
    const { cache } = lonely();
    const define = (name: string | undefined) => cache.define({ name, key: String, load: (id: number) => id });
    await define('a').get(1);
    await define('a').get(1);
    expect(of(cache, 'a').l1).toMatchObject({ hits: 1, misses: 1 });
    await define(undefined).get(1);
    expect(Object.keys(cache.stats().definitions)).toEqual(['a']);
    for (let nth = 1; nth < 100; nth += 1) define(`n${nth}`);
    await define('n99').get(1);
    await define('too-many').get(1);
    await define('even-more').get(1);
    expect(of(cache, 'n99').l1.hits).toBe(1);
    expect(of(cache, 'other').l1.hits).toBe(2);
    expect(Object.keys(cache.stats().definitions)).toHaveLength(101);
  });

  test.each([
    [{ name: '' }, 'the name of a definition'],
    [{ name: 'a b' }, 'the name of a definition'],
    [{ name: 'other' }, 'stands for many'],
    [{ cost: 1 }, 'needs a name'],
    [{ name: 'a', cost: -1 }, 'cost.perLoad'],
    [{ name: 'a', cost: { perLoad: 1, unit: 'a b' } }, 'cost.unit'],
    [{ name: 'a', cost: { perLoad: 1, currency: 'USD' } }, 'currency'],
  ])('are refused for %j', (options, reason) => {
    const { cache } = lonely();
    const define = () => cache.define({ key: String, load: (id: number) => id, ...(options as object) });
    expect(define).toThrow(reason);
  });

  test('are of one unit', () => {
    const { cache } = lonely();
    const define = (unit: string) =>
      cache.define({ name: 'a', key: String, load: (id: number) => id, cost: { unit, perLoad: 1 } });
    define('USD');
    define('USD');
    expect(() => define('tokens')).toThrow('another unit of cost');
  });
});
