import { describe, expect, test } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely } from '../test/nodes.js';
import { worlds } from '../test/worlds.js';
import type { HierarchyEvent, LoadContext } from './index.js';

const TTL = 1_000;
const failing = () => Promise.reject(new Error('source down'));

describe('refreshAhead (37)', () => {
  const options = { ttl: TTL, refreshAhead: 0.5 };

  test.each(worlds)(
    '%s: the first hit past the threshold begins one load and is not delayed by it',
    async (_, world) => {
      const { cache, clock } = await world(options);
      const loader = new HandLoader<string>();
      await cache.set('k', 'old');
      // Half of the life, give or take a tenth of that half.
      await clock.advance(449);
      expect(await cache.getOrSet('k', loader.load)).toBe('old');
      await settle();
      expect(loader.count).toBe(0);
      await clock.advance(102);
      expect(await Promise.all([1, 2, 3].map(() => cache.getOrSet('k', loader.load)))).toEqual(['old', 'old', 'old']);
      await loader.begun();
      expect(await cache.getOrSet('k', loader.load)).toBe('old');
      loader.finish('new');
      await settle();
      expect(await cache.getOrSet('k', loader.load)).toBe('new');
      expect([loader.count, cache.stats().loads.ahead]).toEqual([1, 1]);
      await clock.advance(TTL - 1);
      expect(await cache.get('k')).toBe('new');
    },
  );

  test('a batch does as well', async () => {
    const { cache, clock } = lonely(options);
    await cache.setMany([
      ['a', 1],
      ['b', 2],
    ]);
    await clock.advance(600);
    const asked: (readonly string[])[] = [];
    const load = (keys: readonly string[]) => {
      asked.push(keys);
      return keys.map(() => 3);
    };
    expect(await cache.getOrSetMany(['a', 'b'], load)).toEqual([1, 2]);
    await settle();
    expect(asked).toEqual([['a', 'b']]);
    expect(await cache.getMany(['a', 'b'])).toEqual([3, 3]);
  });

  test('a peer’s newer value in L2 is taken instead of a load', async () => {
    const { node, clock } = cluster();
    const [one, two] = [await node(options), await node(options)];
    await one.cache.set('k', 'old');
    await clock.advance(600);
    one.l2.holdNews();
    await two.cache.set('k', 'by the peer');
    const loader = new HandLoader<string>();
    expect(await one.cache.getOrSet('k', loader.load)).toBe('old');
    await settle();
    expect(await one.cache.getOrSet('k', loader.load)).toBe('by the peer');
    expect(loader.count).toBe(0);
    one.l2.releaseNews();
  });

  test.each(worlds)(
    '%s: the load ahead fails: no other before its back-off is over; the value stays to its end',
    async (_, world) => {
      const { cache, clock } = await world({ ...options, loadBackoff: 300 });
      let loads = 0;
      const read = () => cache.getOrSet('k', () => Promise.reject(new Error(`down ${++loads}`)));
      await cache.set('k', 'old');
      await clock.advance(600);
      for (let hit = 0; hit < 3; hit += 1) {
        expect(await read()).toBe('old');
        await settle();
      }
      expect(loads).toBe(1);
      await clock.advance(300);
      expect(await read()).toBe('old');
      await settle();
      expect(loads).toBe(2);
      await clock.advance(100);
      await expect(read()).rejects.toThrow('down');
    },
  );
});

describe('what a loader knows and says', () => {
  test.each(worlds)('%s: it is shown the value that it replaces, and may say that it still holds', async (_, world) => {
    const { cache, clock } = await world({ ttl: TTL, staleIfError: '1h' });
    const seen: LoadContext['previous'][] = [];
    const load = (context: LoadContext) => {
      seen.push(context.previous);
      return context.previous === undefined ? 'first' : context.notModified<string>();
    };
    expect(await cache.getOrSet('k', load, { tags: ['t'] })).toBe('first');
    await clock.advance(TTL + 1);
    expect(await cache.getOrSet('k', load, { tags: ['t'] })).toBe('first');
    expect(seen).toEqual([undefined, { value: 'first', ageMs: TTL + 1, tags: ['t'] }]);
    await clock.advance(TTL - 1);
    expect(await cache.get('k')).toBe('first');
  });

  test('refresh shows it the fresh value', async () => {
    const { cache } = await cluster().node();
    await cache.set('k', 'fresh');
    expect(await cache.refresh('k', ({ previous }) => `${previous?.value} and more`)).toBe('fresh and more');
  });

  test('notModified without a previous value is an error that says so', async () => {
    const { cache } = lonely();
    await expect(cache.getOrSet('k', ({ notModified }) => notModified())).rejects.toThrow('ctx.previous');
  });

  test('what was deleted is not shown, even to a load that was about to begin', async () => {
    const { cache, l2, clock } = await cluster().node({ ttl: TTL, staleIfError: '1h' });
    await cache.set('k', 'old');
    await clock.advance(TTL);
    const held = l2.hold('acquire');
    const seen: unknown[] = [];
    const read = cache.getOrSet('k', ({ previous }) => {
      seen.push(previous?.value);
      return 'new';
    });
    await held.arrived;
    await cache.delete('k');
    held.release();
    expect(await read).toBe('new');
    expect(seen).toEqual([undefined]);
  });
});

describe('how long values live', () => {
  test('negativeTtl is the ttl of null, and of nothing else', async () => {
    const { cache, clock } = await cluster().node({ ttl: TTL, negativeTtl: 100 });
    await cache.setMany([
      ['null', null],
      ['false', false],
    ]);
    await cache.getOrSet('loaded', () => null);
    await clock.advance(99);
    expect(await cache.getMany(['null', 'false', 'loaded'])).toEqual([null, false, null]);
    await clock.advance(1);
    expect(await cache.getMany(['null', 'false', 'loaded'])).toEqual([undefined, false, undefined]);
  });

  test('negativeTtl 0: a null ends the earlier value and is not kept, beside others that are', async () => {
    const { cache } = await cluster().node({ negativeTtl: 0 });
    await cache.set('null', 1);
    await cache.setMany([
      ['null', null],
      ['other', 2],
    ]);
    expect(await cache.getMany(['null', 'other'])).toEqual([undefined, 2]);
  });

  test('ttlJitter shortens by up to its part, differently for each', async () => {
    const { cache } = await cluster().node({ ttl: 1_000, ttlJitter: 0.2 });
    const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);
    await cache.setMany(keys.map((key) => [key, 1]));
    const lives = await Promise.all(keys.map(async (key) => (await cache.getEntry(key))?.freshMs ?? 0));
    expect(Math.min(...lives)).toBeGreaterThanOrEqual(800);
    expect(Math.max(...lives)).toBeLessThanOrEqual(1_000);
    expect(new Set(lives).size).toBeGreaterThan(20);
  });

  test('a loader may choose its windows', async () => {
    const { cache, clock } = lonely({ ttl: TTL });
    await cache.getOrSet('k', ({ setOptions }) => {
      setOptions({ ttl: 100, staleIfError: 1_000 });
      return 'old';
    });
    await clock.advance(500);
    expect(await cache.getOrSet('k', failing, { staleIfError: 1_000 })).toBe('old');
  });

  test('a stale event names its reason and carries the value', async () => {
    const { cache, clock } = lonely({ ttl: TTL, staleWhileRevalidate: 500 });
    const events: HierarchyEvent[] = [];
    cache.on('stale', (event) => events.push(event));
    await cache.set('k', 'old');
    await clock.advance(TTL);
    await cache.getOrSet('k', () => 'new');
    await settle();
    expect(events).toEqual([{ type: 'stale', namespace: 'test', key: 'k', reason: 'revalidate', value: 'old' }]);
  });
});
