import { L2UnavailableError } from '@tierwise/l2';
import { describe, expect, test } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster, HandLoader } from '../test/nodes.js';
import { worlds } from '../test/worlds.js';
import type { HierarchyOptions } from './index.js';

const TTL = 1_000;
const failing = () => Promise.reject(new Error('source down'));

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

  test('a value that cannot be kept counts as a failed load, and its back-off grows as any', async () => {
    const { cache, clock } = await start();
    await cache.set('k', 'old');
    await clock.advance(TTL);
    let loads = 0;
    const read = () => cache.getOrSet<unknown>('k', () => ++loads && (() => 'a function'));
    expect(await read()).toBe('old');
    await clock.advance(1_000);
    expect(await read()).toBe('old');
    // The second wait is twice the first, less a quarter at the most.
    await clock.advance(1_400);
    expect(await read()).toBe('old');
    expect(loads).toBe(2);
  });

  test('fail() counts as failed, skip() does not: it has an answer, which is nothing', async () => {
    const { cache, clock } = await start();
    await cache.set('k', 'old');
    await clock.advance(TTL);
    expect(await cache.getOrSet('k', ({ fail }) => fail('no'))).toBe('old');
    await clock.advance(1_000);
    expect(await cache.getOrSet('k', ({ skip }) => skip())).toBe(undefined);
    // Which ends the back-off.
    expect(await cache.getOrSet('k', ({ skip }) => skip())).toBe(undefined);
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

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}
