import { L2UnavailableError } from '@tierwise/l2';
import { describe, expect, test } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely } from '../test/nodes.js';
import type { HierarchyEvent, HierarchyOptions, LoadContext } from './index.js';

const TTL = 1_000;
const failing = () => Promise.reject(new Error('source down'));
const never = () => new Promise<never>(() => {});

/** With an L2 and without: stale values are L1's matter as much as L2's. */
const worlds = [
  ['with an L2', (options: Partial<HierarchyOptions>) => cluster().node(options)],
  ['in L1 alone', async (options: Partial<HierarchyOptions>) => lonely(options)],
] as const;

describe.each(worlds)('staleWhileRevalidate %s (33)', (_, world) => {
  const start = () => world({ ttl: TTL, staleWhileRevalidate: 500 });

  test('the old value at once, one load behind it, the new value afterwards', async () => {
    const { cache, clock } = await start();
    await cache.set('k', 'old');
    await clock.advance(TTL + 499);
    const loader = new HandLoader<string>();
    expect(await Promise.all([1, 2, 3].map(() => cache.getOrSet('k', loader.load)))).toEqual(['old', 'old', 'old']);
    await loader.begun();
    expect(await cache.getOrSet('k', loader.load)).toBe('old');
    loader.finish('new');
    await settle();
    expect(await cache.getOrSet('k', loader.load)).toBe('new');
    expect(loader.count).toBe(1);
    expect(cache.stats().stale.revalidate).toBe(4);
    // One goes behind for all of them, rather than each for itself.
    expect(cache.stats().loads.shared).toBe(0);
  });

  test('when its time is over, callers wait for the load', async () => {
    const { cache, clock } = await start();
    await cache.set('k', 'old');
    await clock.advance(TTL + 500);
    expect(await cache.getOrSet('k', () => 'new')).toBe('new');
  });

  test('get and has, which cannot load, do not see what is stale', async () => {
    const { cache, clock } = await start();
    await cache.set('k', 'old');
    await clock.advance(TTL);
    expect([await cache.get('k'), await cache.has('k'), cache.peek('k')]).toEqual([undefined, false, undefined]);
  });

  test.each(['delete', 'clear', 'invalidateTags'] as const)('%s ends a stale value', async (way) => {
    const { cache, clock } = await start();
    await cache.set('k', 'old', { tags: ['t'] });
    await clock.advance(TTL);
    if (way === 'delete') await cache.delete('k');
    else if (way === 'clear') await cache.clear();
    else await cache.invalidateTags(['t']);
    expect(await cache.getOrSet('k', () => 'new')).toBe('new');
  });

  test('what was expired by order is not answered at once', async () => {
    const { cache } = await start();
    await cache.set('k', 'old');
    await cache.expire('k');
    expect(await cache.getOrSet('k', () => 'new')).toBe('new');
  });

  test('what was expired by a tag is not answered at once', async () => {
    const { cache } = await start();
    await cache.set('k', 'old', { tags: ['t'] });
    await cache.invalidateTags(['t'], { mode: 'expire' });
    expect(await cache.getOrSet('k', () => 'new')).toBe('new');
  });

  test('what has grown old and was then expired by a tag is not answered at once', async () => {
    const { cache, clock } = await start();
    await cache.set('k', 'old', { tags: ['t'] });
    await clock.advance(TTL);
    await cache.invalidateTags(['t'], { mode: 'expire' });
    expect(await cache.getOrSet('k', () => 'new')).toBe('new');
  });

  test('a delete while the value is loaded anew behind: neither the old value nor the loaded one comes back', async () => {
    const { cache, clock } = await start();
    await cache.set('k', 'old');
    await clock.advance(TTL);
    const loader = new HandLoader<string>();
    expect(await cache.getOrSet('k', loader.load)).toBe('old');
    await loader.begun();
    await cache.delete('k');
    loader.finish('loaded before the delete');
    await settle();
    expect(await cache.get('k')).toBe(undefined);
    expect(await cache.getOrSet('k', () => 'after')).toBe('after');
  });

  test('a load that fails behind is not repeated before its back-off is over, and reaches nobody', async () => {
    const { cache, clock } = await start();
    await cache.set('k', 'old', { staleWhileRevalidate: '1h' });
    await clock.advance(TTL);
    let loads = 0;
    const read = () =>
      cache.getOrSet('k', () => Promise.reject(new Error(`down ${++loads}`)), {
        staleWhileRevalidate: '1h',
        loadBackoff: 1_000,
      });
    expect(await read()).toBe('old');
    await settle();
    expect(await read()).toBe('old');
    await settle();
    expect(loads).toBe(1);
    await clock.advance(1_000);
    expect(await read()).toBe('old');
    await settle();
    expect(loads).toBe(2);
  });
});

describe('staleWhileRevalidate across nodes (33)', () => {
  const options = { ttl: TTL, staleWhileRevalidate: 500 };

  test('a node that has nothing in L1 gets the stale value from L2 at once, and everyone the new one', async () => {
    const { node, clock } = cluster();
    const [writer, reader] = [await node(options), await node(options)];
    await writer.cache.set('k', 'old');
    await clock.advance(TTL);
    const loader = new HandLoader<string>();
    expect(await reader.cache.getOrSet('k', loader.load)).toBe('old');
    await loader.begun();
    loader.finish('new');
    await settle();
    expect([await reader.cache.get('k'), await writer.cache.get('k')]).toEqual(['new', 'new']);
  });

  test('two nodes answer the stale value: one load in the cluster', async () => {
    const { node, clock } = cluster();
    const [one, two] = [await node(options), await node(options)];
    await one.cache.set('k', 'old');
    await two.cache.get('k');
    await clock.advance(TTL);
    const loader = new HandLoader<string>();
    expect(await one.cache.getOrSet('k', loader.load)).toBe('old');
    expect(await two.cache.getOrSet('k', loader.load)).toBe('old');
    await loader.begun();
    await settle();
    loader.finish('new');
    await settle();
    expect(loader.count).toBe(1);
    expect([await one.cache.get('k'), await two.cache.get('k')]).toEqual(['new', 'new']);
  });

  test('a peer has put a fresh value into L2 that this node has not heard of yet: it is taken instead of a load', async () => {
    const { node, clock } = cluster();
    const [one, two] = [await node(options), await node(options)];
    await one.cache.set('k', 'old');
    await clock.advance(TTL);
    one.l2.holdNews();
    await two.cache.set('k', 'by the peer');
    const loader = new HandLoader<string>();
    expect(await one.cache.getOrSet('k', loader.load)).toBe('old');
    await settle();
    expect(await one.cache.getOrSet('k', loader.load)).toBe('by the peer');
    expect(loader.count).toBe(0);
    one.l2.releaseNews();
  });

  test('a peer deletes the key: the stale value is gone here as soon as the news is', async () => {
    const { node, clock } = cluster();
    const [one, two] = [await node(options), await node(options)];
    await one.cache.set('k', 'old');
    await clock.advance(TTL);
    await two.cache.delete('k');
    await settle();
    expect(await one.cache.getOrSet('k', () => 'new')).toBe('new');
  });
});

describe.each(worlds)('staleIfError %s (34)', (_, world) => {
  const start = (options: Partial<HierarchyOptions> = {}) =>
    world({ ttl: TTL, staleIfError: 10_000, loadBackoff: { first: 1_000, max: 4_000 }, ...options });

  test('the load fails: the old value; no other load before the back-off is over; past the window the error', async () => {
    const { cache, clock } = await start();
    const reasons: string[] = [];
    cache.on('stale', ({ reason }) => reasons.push(reason));
    await cache.set('k', 'old');
    await clock.advance(TTL);
    let loads = 0;
    const read = () => cache.getOrSet('k', () => Promise.reject(new Error(`down ${++loads}`)));
    expect(await read()).toBe('old');
    expect(await read()).toBe('old');
    expect([loads, ...reasons]).toEqual([1, 'error', 'error']);
    await clock.advance(1_000);
    expect(await read()).toBe('old');
    expect(loads).toBe(2);
    await clock.advance(9_000);
    await expect(read()).rejects.toThrow('down 3');
    await expect(read()).rejects.toThrow('down 4');
  });

  test('the back-off doubles up to its limit, and is forgotten after a load that succeeds', async () => {
    const { cache, clock } = await start({ staleIfError: '1h' });
    await cache.set('k', 'old');
    await clock.advance(TTL);
    let loads = 0;
    const read = () => cache.getOrSet('k', () => Promise.reject(new Error(`down ${++loads}`)));
    const restsFor = async () => {
      await read();
      const before = loads;
      for (let ms = 0; ; ms += 250) {
        await read();
        if (loads > before) return ms;
        await clock.advance(250);
      }
    };
    const rests = [await restsFor(), await restsFor(), await restsFor()];
    // Shortened at random by up to a quarter; each of these begins with the failure that ended the one before.
    for (const [index, most] of [1_000, 2_000, 4_000].entries()) {
      expect(rests[index]).toBeGreaterThanOrEqual(most * 0.75);
      expect(rests[index]).toBeLessThanOrEqual(most);
    }
    await clock.advance(4_000);
    expect(await cache.getOrSet('k', () => 'new')).toBe('new');
    await clock.advance(TTL);
    expect(await restsFor()).toBeLessThanOrEqual(1_000);
  });

  test('what was expired by order is answered when the load fails, what was deleted is not', async () => {
    const { cache } = await start();
    await cache.setMany([
      ['expired', 'old'],
      ['deleted', 'old'],
    ]);
    await cache.expire('expired');
    await cache.delete('deleted');
    expect(await cache.getOrSet('expired', failing)).toBe('old');
    await expect(cache.getOrSet('deleted', failing)).rejects.toThrow('source down');
  });

  test('what was expired by its tag is answered when the load fails, what was deleted by it is not', async () => {
    const { cache } = await start();
    await cache.set('expired', 'old', { tags: ['a'] });
    await cache.set('deleted', 'old', { tags: ['b'] });
    await cache.invalidateTags(['a'], { mode: 'expire' });
    await cache.invalidateTags(['b']);
    expect(await cache.getOrSet('expired', failing)).toBe('old');
    await expect(cache.getOrSet('deleted', failing)).rejects.toThrow('source down');
  });

  test('a touch does not make what was expired fresh, nor longer fit to be answered at once', async () => {
    const { cache } = await start({ staleWhileRevalidate: 500 });
    await cache.set('k', 'old');
    await cache.expire('k');
    await cache.touch('k');
    expect(await cache.get('k')).toBe(undefined);
    expect(await cache.getOrSet('k', () => 'new')).toBe('new');
  });

  test('fail() counts as failed, skip() does not: it has an answer, which is nothing', async () => {
    const { cache, clock } = await start();
    await cache.set('k', 'old');
    await clock.advance(TTL);
    expect(await cache.getOrSet('k', ({ skip }) => skip())).toBe(undefined);
    expect(await cache.getOrSet('k', ({ fail }) => fail('no'))).toBe('old');
  });

  test('a caller who goes gets the reason for that, not an old value', async () => {
    const { cache, clock } = await start();
    await cache.set('k', 'old');
    await clock.advance(TTL);
    const gone = new AbortController();
    const read = cache.getOrSet('k', ({ signal }) => rejectOnAbort(signal), { signal: gone.signal });
    await settle();
    gone.abort(new Error('gone'));
    await expect(read).rejects.toThrow('gone');
    // That was no failure of the source: the next caller asks it.
    await settle();
    expect(await cache.getOrSet('k', () => 'new')).toBe('new');
  });

  test('refresh wants a new value: its failure comes out', async () => {
    const { cache } = await start();
    await cache.set('k', 'old');
    await expect(cache.refresh('k', failing)).rejects.toThrow('source down');
    expect(await cache.get('k')).toBe('old');
  });

  test('the window is the caller’s, to the millisecond', async () => {
    const { cache, clock } = await start();
    await cache.set('k', 'old');
    await clock.advance(TTL + 499);
    expect(await cache.getOrSet('k', failing, { staleIfError: 500 })).toBe('old');
    await clock.advance(1);
    await expect(cache.getOrSet('k', failing, { staleIfError: 500 })).rejects.toThrow('source down');
  });

  test('what was expired is kept no longer than it would have been: a load that fails after that has no answer', async () => {
    const { cache, clock } = await start();
    await cache.set('k', 'old');
    await cache.expire('k');
    const loader = new HandLoader<string>();
    const read = cache.getOrSet('k', loader.load);
    await loader.begun();
    await clock.advance(TTL + 10_000);
    loader.fail(new Error('source down'));
    await expect(read).rejects.toThrow('source down');
  });

  test('a value whose tag is invalidated while its load fails is no answer', async () => {
    const { cache, clock } = await start();
    await cache.set('k', 'old', { tags: ['t'] });
    await clock.advance(TTL);
    const loader = new HandLoader<string>();
    const read = cache.getOrSet('k', loader.load);
    await loader.begun();
    await cache.invalidateTags(['t']);
    loader.fail(new Error('source down'));
    await expect(read).rejects.toThrow('source down');
  });

  test('a value whose tag is invalidated before the soft limit is no answer then: the load is', async () => {
    const { cache, clock } = await start({ loadTimeout: { soft: 200 } });
    await cache.set('k', 'old', { tags: ['t'] });
    await clock.advance(TTL);
    const loader = new HandLoader<string>();
    const read = cache.getOrSet('k', loader.load);
    await loader.begun();
    await cache.invalidateTags(['t']);
    await clock.advance(300);
    loader.finish('new');
    expect(await read).toBe('new');
  });

  test('a value that is deleted while its load fails is not answered to those who come after', async () => {
    const { cache, clock } = await start();
    await cache.set('k', 'old');
    await clock.advance(TTL);
    const loader = new HandLoader<string>();
    const before = cache.getOrSet('k', loader.load);
    await loader.begun();
    await cache.delete('k');
    const after = cache.getOrSet('k', failing);
    const refused = expect(after).rejects.toThrow('source down');
    loader.fail(new Error('down'));
    await Promise.allSettled([before]);
    await refused;
  });
});

describe('staleIfError across nodes and outages (34)', () => {
  const options = { ttl: TTL, staleIfError: 10_000 };

  test('a node that gets the stale entry from L2 counts from when it was written, not from its own read', async () => {
    const { node, clock } = cluster();
    const [writer, reader] = [await node(options), await node(options)];
    await writer.cache.set('k', 'old');
    await clock.advance(TTL + 9_999);
    expect(await reader.cache.getOrSet('k', failing)).toBe('old');
    await clock.advance(1);
    await expect(reader.cache.getOrSet('k', failing)).rejects.toThrow('source down');
  });

  test('L2 and the source are both down: L1 has the stale value', async () => {
    const { cache, l2, clock } = await cluster().node(options);
    await cache.set('k', 'old');
    await clock.advance(TTL);
    l2.break(new L2UnavailableError('test', 'down'), 'read', 'acquire', 'marks', 'release');
    expect(await cache.getOrSet('k', failing)).toBe('old');
  });

  test('past L1’s own ttl, L2 and the source are down: the value is still fresh by its ttl, and answered', async () => {
    const { cache, l2, clock } = await cluster().node({ ...options, l1: { ttl: 100 } });
    await cache.set('k', 'held');
    await clock.advance(200);
    l2.break(new L2UnavailableError('test', 'down'), 'read', 'acquire', 'marks', 'release');
    expect(await cache.getOrSet('k', failing)).toBe('held');
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
  });

  test('deaf for longer than maxStaleness: what L1 holds is not answered, though the source is down', async () => {
    const { cache, l2, clock } = await cluster().node({ ...options, maxStaleness: 2_000 });
    await cache.set('k', 'old');
    l2.tellState('deaf');
    await clock.advance(TTL);
    l2.break(new L2UnavailableError('test', 'down'), 'read', 'acquire', 'marks', 'release', 'follow');
    expect(await cache.getOrSet('k', failing)).toBe('old');
    await clock.advance(1_000);
    await expect(cache.getOrSet('k', failing)).rejects.toThrow('source down');
  });

  test('deaf within maxStaleness: hits in L1 go on, of tagged values too', async () => {
    const { cache, l2, clock } = await cluster().node({ ttl: '1h', maxStaleness: 2_000 });
    await cache.set('plain', 1);
    await cache.set('tagged', 2, { tags: ['t'] });
    l2.tellState('deaf');
    l2.break(new L2UnavailableError('test', 'down'), 'read', 'acquire', 'marks', 'release', 'follow');
    await clock.advance(1_999);
    expect([cache.peek('plain'), cache.peek('tagged')]).toEqual([1, 2]);
    await clock.advance(1);
    expect([cache.peek('plain'), cache.peek('tagged')]).toEqual([undefined, undefined]);
  });
});

describe('an L2 that fails on the way (36)', () => {
  const down = new L2UnavailableError('test', 'down');

  test('a read that is not answered is the only question: no lease, no marks, no fill', async () => {
    const { cache, l2 } = await cluster().node();
    await cache.get('attach');
    l2.break(down, 'read');
    l2.calls.length = 0;
    expect(await cache.getOrSet('k', () => 'loaded', { tags: ['t'] })).toBe('loaded');
    expect(l2.calls).toEqual(['read']);
  });

  test('marks that are not answered, of what L2 has: no lease is asked for', async () => {
    const { node } = cluster();
    const [writer, reader] = [await node(), await node()];
    await writer.cache.set('k', 'in L2', { tags: ['t'] });
    reader.l2.tellState('deaf');
    reader.l2.break(down, 'marks', 'follow');
    reader.l2.calls.length = 0;
    expect(await reader.cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    expect(reader.l2.calls.filter((call) => call === 'acquire')).toEqual([]);
  });

  test('marks that are not answered before a load: its value is not put into L2 without them', async () => {
    const { cache, l2 } = await cluster().node();
    await cache.get('attach');
    l2.break(down, 'marks');
    expect(await cache.getOrSet('k', () => 'loaded', { tags: ['t'] })).toBe('loaded');
    expect(l2.count('write')).toBe(0);
  });

  test('what is filled while deaf is not answered past maxStaleness, not even when the source fails, not even expired', async () => {
    const { cache, l2, clock } = await cluster().node({ ttl: TTL, staleIfError: '1h', maxStaleness: 2_000 });
    l2.tellState('deaf');
    await cache.getOrSet('k', () => 'deaf');
    await cache.getOrSet('expired', () => 'deaf');
    await clock.advance(1_500);
    await cache.expire('expired');
    l2.break(down, 'read', 'acquire', 'marks', 'release', 'follow');
    await clock.advance(499);
    expect(await cache.getOrSet('k', failing)).toBe('deaf');
    await clock.advance(1);
    await expect(cache.getOrSet('k', failing)).rejects.toThrow('source down');
    await expect(cache.getOrSet('expired', failing)).rejects.toThrow('source down');
  });

  test('deaf within maxStaleness: a tagged value of a peer’s, promoted before, is still answered', async () => {
    const { node, clock } = cluster();
    const [writer, reader] = [await node({ ttl: '1h' }), await node({ ttl: '1h', maxStaleness: 2_000 })];
    await writer.cache.set('k', 'of the peer', { tags: ['t'] });
    expect(await reader.cache.get('k')).toBe('of the peer');
    reader.l2.tellState('deaf');
    await clock.advance(1_999);
    expect(reader.cache.peek('k')).toBe('of the peer');
    await clock.advance(1);
    expect(reader.cache.peek('k')).toBe(undefined);
  });

  test('a tag is expired during a load: its value is not fresh afterwards', async () => {
    const { cache } = await cluster().node({ staleIfError: '1h' });
    const loader = new HandLoader<string>();
    const read = cache.getOrSet('k', loader.load, { tags: ['t'] });
    await loader.begun();
    await cache.invalidateTags(['t'], { mode: 'expire' });
    loader.finish('loaded before');
    await read;
    expect([cache.peek('k'), await cache.get('k')]).toEqual([undefined, undefined]);
    expect(await cache.getOrSet('k', () => 'loaded after')).toBe('loaded after');
  });
});

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

describe('time limits of calls that load (35, 36)', () => {
  const limits = { soft: 200, hard: 1_000, late: 5_000 };

  test.each(worlds)('%s: past soft, a stale value answers; the late result reaches everyone', async (_, world) => {
    const { cache, clock } = await world({ ttl: TTL, staleIfError: '1h', loadTimeout: limits });
    await cache.set('k', 'old');
    await clock.advance(TTL);
    const loader = new HandLoader<string>();
    const read = cache.getOrSet('k', loader.load);
    await loader.begun();
    await clock.advance(199);
    let answered = false;
    read.then(() => {
      answered = true;
    });
    await settle();
    expect(answered).toBe(false);
    await clock.advance(1);
    expect(await read).toBe('old');
    // Who comes later does not wait as long again for the same load.
    expect(await cache.getOrSet('k', loader.load)).toBe('old');
    expect(loader.count).toBe(1);
    expect(loader.contexts[0]?.signal.aborted).toBe(false);
    loader.finish('new');
    await settle();
    expect(await cache.get('k')).toBe('new');
  });

  test.each(worlds)(
    '%s: who comes after soft does not hear of how the load fails, nor does the process',
    async (_, world) => {
      const { cache, clock } = await world({ ttl: TTL, staleIfError: '1h', loadTimeout: limits });
      await cache.set('k', 'old');
      await clock.advance(TTL);
      const loader = new HandLoader<string>();
      const reads = [cache.getOrSet('k', loader.load)];
      await loader.begun();
      await clock.advance(limits.soft);
      const unhandled: unknown[] = [];
      const hear = (error: unknown) => unhandled.push(error);
      process.on('unhandledRejection', hear);
      reads.push(cache.getOrSet('k', loader.load));
      expect(await Promise.all(reads)).toEqual(['old', 'old']);
      loader.fail(new Error('source down'));
      await settle();
      process.off('unhandledRejection', hear);
      expect(unhandled).toEqual([]);
    },
  );

  test('without a stale value soft means nothing', async () => {
    const { cache, clock } = lonely({ loadTimeout: limits });
    const loader = new HandLoader<string>();
    const read = cache.getOrSet('k', loader.load);
    await clock.advance(999);
    loader.finish('value');
    expect(await read).toBe('value');
  });

  test.each(worlds)(
    '%s: past hard, a typed error; the late result is kept, and nobody starts a second load',
    async (_, world) => {
      const { cache, clock } = await world({ loadTimeout: limits });
      const loader = new HandLoader<string>();
      const first = cache.getOrSet('k', loader.load);
      const late = expect(first).rejects.toMatchObject({
        name: 'LoadTimeoutError',
        code: 'ERR_TIERWISE_LOAD_TIMEOUT',
        key: 'k',
        limitMs: 1_000,
      });
      await loader.begun();
      await clock.advance(1_000);
      await late;
      const second = cache.getOrSet('k', loader.load);
      await clock.advance(500);
      loader.finish('late');
      expect(await second).toBe('late');
      expect([await cache.get('k'), loader.count, cache.stats().loads.timeouts]).toEqual(['late', 1, 1]);
    },
  );

  test('a waiter has its own limit, counted from its own call', async () => {
    const { cache, clock } = lonely({ loadTimeout: { hard: 1_000 } });
    const loader = new HandLoader<string>();
    const leader = cache.getOrSet('k', loader.load);
    const leaderLate = expect(leader).rejects.toMatchObject({ limitMs: 1_000 });
    await clock.advance(900);
    const waiter = cache.getOrSet('k', loader.load, { loadTimeout: { hard: 50 } });
    const waiterLate = expect(waiter).rejects.toMatchObject({ limitMs: 50 });
    await clock.advance(50);
    await waiterLate;
    await clock.advance(50);
    await leaderLate;
    loader.finish('late');
    await settle();
    expect(await cache.get('k')).toBe('late');
  });

  test('past hard with a value that staleIfError allows: that value', async () => {
    const { cache, clock } = lonely({ ttl: TTL, staleIfError: '1h', loadTimeout: { hard: 1_000 } });
    await cache.set('k', 'old');
    await clock.advance(TTL);
    const loader = new HandLoader<string>();
    const read = cache.getOrSet('k', loader.load);
    await clock.advance(1_000);
    expect(await read).toBe('old');
    loader.finish('new');
    await settle();
    expect(await cache.get('k')).toBe('new');
  });

  test('late: 0 aborts the loader at hard, ignores what comes of it, and lets the next caller load', async () => {
    const { cache, clock } = await cluster().node({ loadTimeout: { hard: 1_000, late: 0 } });
    const loader = new HandLoader<string>();
    const late = expect(cache.getOrSet('k', loader.load)).rejects.toMatchObject({ code: 'ERR_TIERWISE_LOAD_TIMEOUT' });
    await loader.begun();
    await clock.advance(1_000);
    await late;
    expect(loader.contexts[0]?.signal.aborted).toBe(true);
    const next = cache.getOrSet('k', loader.load);
    await loader.begun(2);
    loader.finish('too late');
    loader.finish('second');
    expect(await next).toBe('second');
    expect(await cache.get('k')).toBe('second');
  });

  test('an invalidation between hard and the late result: the result is not kept', async () => {
    const { cache, clock } = await cluster().node({ loadTimeout: { hard: 1_000 } });
    const loader = new HandLoader<string>();
    const late = expect(cache.getOrSet('k', loader.load)).rejects.toThrow();
    await loader.begun();
    await clock.advance(1_000);
    await late;
    await cache.delete('k');
    loader.finish('loaded before the delete');
    await settle();
    expect(await cache.get('k')).toBe(undefined);
  });

  test('a frozen read of L2: a stale value in L1 answers at soft, a caller without one ends at hard', async () => {
    const { cache, l2, clock } = await cluster().node({
      ttl: TTL,
      staleIfError: '1h',
      loadTimeout: limits,
      l2Timeout: '1m',
      maxStaleness: '1h',
    });
    await cache.set('k', 'old');
    await clock.advance(TTL);
    l2.break('silent', 'read');
    const [stale, cold] = [cache.getOrSet('k', () => 'new'), cache.getOrSet('cold', () => 'new')];
    const refused = expect(cold).rejects.toMatchObject({ code: 'ERR_TIERWISE_LOAD_TIMEOUT' });
    await clock.advance(200);
    expect(await stale).toBe('old');
    await clock.advance(800);
    await refused;
    await clock.advance(60_000);
  });

  test('a node that waits for another node’s load is bound by hard as well', async () => {
    const { node, clock } = cluster();
    const [one, two] = [await node({ loadTimeout: '1h' }), await node({ loadTimeout: 1_000 })];
    const loader = new HandLoader<string>();
    const first = one.cache.getOrSet('k', loader.load);
    await loader.begun();
    const waiting = two.cache.getOrSet('k', loader.load);
    const late = expect(waiting).rejects.toMatchObject({ code: 'ERR_TIERWISE_LOAD_TIMEOUT' });
    await settle();
    await clock.advance(1_000);
    await late;
    expect(loader.count).toBe(1);
    loader.finish('value');
    expect(await first).toBe('value');
    await settle();
    expect(await two.cache.get('k')).toBe('value');
  });

  test('a loader that asks for its own key ends at hard instead of waiting for itself for ever', async () => {
    const { cache, clock } = lonely({ loadTimeout: { hard: 1_000, late: 0 } });
    const load = async (): Promise<string> => `${await cache.getOrSet('k', load)}`;
    const refused = expect(cache.getOrSet('k', load)).rejects.toMatchObject({ code: 'ERR_TIERWISE_LOAD_TIMEOUT' });
    await clock.advance(1_000);
    await refused;
  });

  test('all callers of one moment share a timer', async () => {
    const { cache, clock } = lonely();
    const loader = new HandLoader<number>();
    const calls = Array.from({ length: 1_000 }, () => cache.getOrSet('k', loader.load));
    await loader.begun();
    await settle();
    // One for those who wait, one for the loader itself.
    expect(clock.timers).toBe(2);
    loader.finish(1);
    await Promise.all(calls);
    expect(clock.timers).toBe(1);
    await cache.delete('k');
    await clock.advance(10_000);
  });

  test('close() ends callers of a loader that never does', async () => {
    const { cache, clock } = lonely({ closeTimeout: 100 });
    const refused = expect(cache.getOrSet('k', never)).rejects.toMatchObject({ code: 'ERR_TIERWISE_CLOSED' });
    await settle();
    const closed = cache.close();
    await clock.advance(100);
    await closed;
    await refused;
  });
});

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}
