import { describe, expect, test } from 'vitest';
import { ManualClock, settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely } from '../test/nodes.js';

const QUARTER_OF_AN_HOUR = 15 * 60_000;

describe('an L2 hit', () => {
  test.each([
    ['without tags', []],
    ['with tags', ['a', 'b', 'c', 'd', 'e']],
  ])('%s fills L1: no later read sends anything to L2 (1)', async (_, tags) => {
    const { node } = cluster();
    const [writer, reader] = [await node(), await node()];
    await writer.cache.set('k', 'v', { tags });
    await settle();
    expect(reader.cache.peek('k')).toBeUndefined();
    expect(await reader.cache.get('k')).toBe('v');
    expect(reader.l2.count('read')).toBe(1);
    for (const { cache, l2 } of [writer, reader]) {
      l2.calls.length = 0;
      expect(await cache.get('k')).toBe('v');
      expect(await cache.getMany(['k'])).toEqual(['v']);
      expect(await cache.has('k')).toBe(true);
      expect(await cache.getEntry('k')).toMatchObject({ tier: 'l1', tags });
      expect(await cache.getOrSet('k', () => 'loaded', { tags })).toBe('v');
      expect(await cache.getOrSetMany(['k'], () => ['loaded'])).toEqual(['v']);
      expect(cache.peek('k')).toBe('v');
      expect(l2.calls).toEqual([]);
    }
  });

  test('keeps its absolute deadline in L1, though the reader asks for more (2)', async () => {
    const { node, clock } = cluster();
    const [writer, reader] = [await node(), await node({ ttl: '1h', l1: { ttl: '1h' } })];
    await writer.cache.set('k', 'v', { ttl: '10s' });
    await clock.advance(6_000);
    expect(await reader.cache.getOrSet('k', () => 'loaded', { ttl: '1h', l1Ttl: '1h' })).toBe('v');
    expect(await reader.cache.getEntry('k')).toMatchObject({ tier: 'l1', ageMs: 6_000, freshMs: 4_000 });
    await clock.advance(3_999);
    expect(reader.cache.peek('k')).toBe('v');
    await clock.advance(1);
    expect(reader.cache.peek('k')).toBeUndefined();
    expect(await reader.cache.get('k')).toBeUndefined();
  });

  test('does not outlive L2 by the time that its answer took (2)', async () => {
    const { node, clock } = cluster();
    const [writer, reader] = [await node(), await node()];
    await writer.cache.set('k', 'v', { ttl: '1s' });
    const answer = reader.l2.hold('read', 'back');
    const read = reader.cache.get('k');
    await answer.arrived;
    await clock.advance(400);
    answer.release();
    expect(await read).toBe('v');
    await clock.advance(599);
    expect(reader.cache.peek('k')).toBe('v');
    await clock.advance(1);
    expect(reader.cache.peek('k')).toBeUndefined();
  });

  test('nor does what L2 has instead of a lease', async () => {
    const { node, clock } = cluster();
    const [writer, reader] = [await node(), await node()];
    const miss = reader.l2.hold('read', 'back');
    const answer = reader.l2.hold('acquire', 'back');
    const read = reader.cache.getOrSet('k', () => 'loaded');
    await miss.arrived;
    reader.l2.holdNews();
    await writer.cache.set('k', 'v', { ttl: '1s' });
    reader.l2.loseNews();
    miss.release();
    await answer.arrived;
    await clock.advance(400);
    answer.release();
    expect(await read).toBe('v');
    await clock.advance(599);
    expect(reader.cache.peek('k')).toBe('v');
    await clock.advance(1);
    expect(reader.cache.peek('k')).toBeUndefined();
  });

  test.each([
    ['l1.ttl', { l1: { ttl: '1s' } }, {}],
    ['l1Ttl of the call', {}, { l1Ttl: '1s' }],
    ['l1Ttl of the call, which counts more', { l1: { ttl: '5s' } }, { l1Ttl: '1s' }],
  ] as const)('leaves L1 early for %s, and is still in L2 (2)', async (_, options, callOptions) => {
    const { node, clock } = cluster();
    const [writer, reader] = [await node(), await node(options)];
    await writer.cache.set('k', 'v', { ttl: '10s' });
    await settle();
    expect(await reader.cache.getOrSet('k', () => 'loaded', callOptions)).toBe('v');
    await clock.advance(999);
    expect(reader.cache.peek('k')).toBe('v');
    await clock.advance(1);
    expect(reader.cache.peek('k')).toBeUndefined();
    expect(await reader.cache.getOrSet('k', () => 'loaded', callOptions)).toBe('v');
    expect(await reader.cache.getEntry('k')).toMatchObject({ tier: 'l1', freshMs: 9_000 });
    await clock.advance(9_000);
    expect(await reader.cache.getOrSet('k', () => 'loaded', callOptions)).toBe('loaded');
  });

  test('a namespace handle has an l1Ttl of its own', async () => {
    const { node, clock } = cluster();
    const { cache } = await node();
    const short = cache.namespace('short', { l1Ttl: '1s' });
    await short.set('k', 'v');
    await clock.advance(1_000);
    expect(short.peek('k')).toBeUndefined();
    expect(await short.get('k')).toBe('v');
  });

  test("without a feed a peer's write is seen after l1.ttl, without a load (3)", async () => {
    const { node, clock } = cluster();
    const without = ['feed'] as const;
    const [writer, reader] = [await node({ without }), await node({ without, l1: { ttl: '1s' } })];
    await writer.cache.set('k', 'old', { ttl: '10s' });
    expect(await reader.cache.get('k')).toBe('old');
    await writer.cache.set('k', 'new', { ttl: '10s' });
    await clock.advance(999);
    expect(await reader.cache.get('k')).toBe('old');
    await clock.advance(1);
    expect(await reader.cache.getOrSet('k', () => 'loaded')).toBe('new');
    expect(reader.cache.stats().loads.started).toBe(0);
  });
});

describe('clocks of store and nodes a quarter of an hour apart (27)', () => {
  test.each([
    [QUARTER_OF_AN_HOUR, -QUARTER_OF_AN_HOUR],
    [-QUARTER_OF_AN_HOUR, QUARTER_OF_AN_HOUR],
  ])('%i ms and %i ms: every deadline stays where the writer put it (2)', async (writerAhead, readerAhead) => {
    const { node, clock: storeClock } = cluster();
    const clocks = [storeClock, ...[writerAhead, readerAhead].map((ms) => new ManualClock(storeClock.now() + ms))];
    const [writer, reader] = [await node({ clock: clocks[1] as never }), await node({ clock: clocks[2] as never })];
    const pass = async (ms: number) => {
      for (const clock of clocks) await clock.advance(ms);
    };
    await writer.cache.set('set', 'v', { ttl: '10s' });
    await writer.cache.getOrSet('loaded', () => 'v', { ttl: '10s' });
    await pass(4_000);
    for (const key of ['set', 'loaded']) {
      expect(await reader.cache.getEntry(key)).toMatchObject({ tier: 'l2', ageMs: 4_000, freshMs: 6_000 });
      expect(await writer.cache.getEntry(key)).toMatchObject({ tier: 'l1', ageMs: 4_000, freshMs: 6_000 });
    }
    await pass(5_999);
    for (const { cache } of [writer, reader]) expect([cache.peek('set'), cache.peek('loaded')]).toEqual(['v', 'v']);
    await pass(1);
    for (const { cache } of [writer, reader]) {
      expect([cache.peek('set'), cache.peek('loaded')]).toEqual([undefined, undefined]);
      expect(await cache.getMany(['set', 'loaded'])).toEqual([undefined, undefined]);
    }
  });

  test('what was written and invalidated later wins, by whichever node', async () => {
    const { node, clock } = cluster();
    const ahead = await node({ clock: new ManualClock(clock.now() + QUARTER_OF_AN_HOUR) });
    const behind = await node({ clock: new ManualClock(clock.now() - QUARTER_OF_AN_HOUR) });
    for (const [first, second] of [
      [ahead, behind],
      [behind, ahead],
    ] as const) {
      await first.cache.set('k', 'old', { tags: ['t'] });
      await second.cache.set('k', 'new', { tags: ['t'] });
      await settle();
      for (const { cache } of [first, second]) expect(await cache.get('k')).toBe('new');
      await second.cache.invalidateTags(['t']);
      await settle();
      for (const { cache } of [first, second]) expect(await cache.get('k')).toBeUndefined();
      await first.cache.set('k', 'after', { tags: ['t'] });
      await settle();
      for (const { cache } of [first, second]) expect(await cache.get('k')).toBe('after');
      await first.cache.clear();
      await settle();
      for (const { cache } of [first, second]) expect(await cache.get('k')).toBeUndefined();
    }
  });
});

describe('has, peek and getEntry', () => {
  test('peek sees L1 only, has both tiers, getEntry says which', async () => {
    const { node, clock } = cluster();
    const [writer, reader] = [await node(), await node()];
    await writer.cache.set('k', 'v', { ttl: '10s', tags: ['t', 'u'] });
    await clock.advance(2_500);
    expect(reader.cache.peek('k')).toBeUndefined();
    expect(reader.l2.count('read')).toBe(0);
    const known = { key: 'k', value: 'v', ageMs: 2_500, freshMs: 7_500, tags: ['t', 'u'] };
    expect(await reader.cache.getEntry('k')).toEqual({ ...known, tier: 'l2' });
    expect(await reader.cache.getEntry('k')).toEqual({ ...known, tier: 'l1' });
    expect(reader.cache.peek('k')).toBe('v');
    expect(await reader.cache.has('k')).toBe(true);
    expect(await reader.cache.has('other')).toBe(false);
    expect(await reader.cache.getEntry('other')).toBeUndefined();
  });

  test("changing an entry's tags changes nothing", async () => {
    const { cache } = lonely();
    await cache.set('k', 'v', { tags: ['t'] });
    const tags = (await cache.getEntry('k'))?.tags as string[];
    tags.push('x');
    expect((await cache.getEntry('k'))?.tags).toEqual(['t']);
  });
});

describe('touch, expire and delete', () => {
  test('touch prolongs in both tiers and on peers, from now on', async () => {
    const { node, clock } = cluster();
    const nodes = [await node(), await node()] as const;
    await nodes[0].cache.set('k', 'v', { ttl: '10s' });
    await nodes[1].cache.get('k');
    await clock.advance(9_000);
    expect(await nodes[1].cache.touch('k', { ttl: '20s' })).toBe(true);
    await settle();
    await clock.advance(19_999);
    for (const { cache } of nodes) expect(await cache.getEntry('k')).toMatchObject({ value: 'v', freshMs: 1 });
    await clock.advance(1);
    for (const { cache } of nodes) expect(await cache.has('k')).toBe(false);
  });

  test('touch shortens as well', async () => {
    const { node, clock } = cluster();
    const nodes = [await node(), await node()] as const;
    await nodes[0].cache.set('k', 'v', { ttl: '10s' });
    await nodes[1].cache.get('k');
    await nodes[0].cache.touch('k', { ttl: '1s' });
    await clock.advance(1_000);
    for (const { cache } of nodes) expect(await cache.has('k')).toBe(false);
  });

  test("touch keeps a value's tags", async () => {
    const { node, clock } = cluster();
    const nodes = [await node(), await node()] as const;
    await nodes[0].cache.set('k', 'v', { ttl: '10s', tags: ['t'] });
    await nodes[0].cache.touch('k', { ttl: '1h' });
    await clock.advance(30 * 60_000);
    for (const { cache } of nodes) expect(await cache.getEntry('k')).toMatchObject({ tags: ['t'] });
    await nodes[1].cache.invalidateTags(['t']);
    await settle();
    for (const { cache } of nodes) expect(await cache.has('k')).toBe(false);
  });

  test.each(['delete', 'expire'] as const)('%s takes a value out of both tiers and of peers', async (how) => {
    const { node } = cluster();
    const nodes = [await node(), await node()] as const;
    await nodes[0].cache.set('k', 'v');
    await nodes[1].cache.get('k');
    expect(await nodes[1].cache[how]('k')).toBe(true);
    expect(nodes[1].cache.peek('k')).toBeUndefined();
    await settle();
    for (const { cache } of nodes) {
      expect(cache.peek('k')).toBeUndefined();
      expect(await cache.get('k')).toBeUndefined();
    }
    expect(await nodes[0].cache.getOrSet('k', () => 'new')).toBe('new');
    expect(await nodes[1].cache.get('k')).toBe('new');
  });

  test('each says whether there was a value, in L2 though not in L1 too, and creates none', async () => {
    const { node } = cluster();
    const [writer, other] = [await node(), await node()];
    await writer.cache.setMany([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]);
    expect(await other.cache.touch('a')).toBe(true);
    expect(await other.cache.expire('b')).toBe(true);
    expect(await other.cache.deleteMany(['x', 'c', 'y'])).toEqual([false, true, false]);
    for (const how of ['touch', 'expire', 'delete'] as const) expect(await other.cache[how]('none')).toBe(false);
    expect(await other.cache.has('none')).toBe(false);
  });
});

describe('ttl 0 stores nothing (8)', () => {
  test.each([
    ['the call', {}, { ttl: 0 }],
    ['the hierarchy', { ttl: 0 }, {}],
    ['a unit', {}, { ttl: '0s' }],
  ] as const)('said by %s: the value goes to those who wait, and each later call loads', async (_, options, call) => {
    const { cache, l2 } = await cluster().node(options);
    const loader = new HandLoader<string>();
    const waiting = [cache.getOrSet('k', loader.load, call), cache.getOrSet('k', loader.load, call)];
    await loader.begun();
    loader.finish('v');
    expect(await Promise.all(waiting)).toEqual(['v', 'v']);
    expect(loader.count).toBe(1);
    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.getOrSet('k', () => 'again', call)).toBe('again');
    expect(await cache.getOrSetMany(['k'], () => ['many'], call)).toEqual(['many']);
    expect(await cache.refresh('k', () => 'refreshed', call)).toBe('refreshed');
    expect(await cache.get('k')).toBeUndefined();
    expect(l2.count('write')).toBe(0);
    expect(cache.stats().memory.entries).toBe(0);
    expect(cache.stats().loads).toMatchObject({ started: 4, uncached: 4 });
  });

  test('said by the loader, by a namespace, by wrap and by a definition', async () => {
    const { cache, l2 } = await cluster().node();
    const brief = cache.namespace('brief', { ttl: 0 });
    const wrapped = cache.wrap((n: number) => n + 1, { key: (n) => `w${n}`, ttl: 0 });
    const defined = cache.define({ key: (n: number) => `d${n}`, load: (n) => n + 2, ttl: 0 });
    expect(
      await cache.getOrSet('k', (context) => {
        context.setTtl(0);
        return 'v';
      }),
    ).toBe('v');
    expect(await brief.getOrSet('k', () => 'v')).toBe('v');
    expect(await wrapped(1)).toBe(2);
    expect(await defined.get(1)).toBe(3);
    await defined.set(2, 5);
    expect(await cache.getMany(['k', 'w1', 'd1', 'd2'])).toEqual([undefined, undefined, undefined, undefined]);
    expect(await brief.get('k')).toBeUndefined();
    expect(l2.count('write')).toBe(0);
  });

  test.each(['set', 'setMany', 'touch'] as const)('%s only removes the earlier value, on all nodes', async (how) => {
    const { node } = cluster();
    const nodes = [await node(), await node()] as const;
    await nodes[0].cache.set('k', 'old');
    await nodes[1].cache.get('k');
    if (how === 'set') await nodes[0].cache.set('k', 'new', { ttl: 0 });
    else if (how === 'setMany') await nodes[0].cache.setMany([['k', 'new']], { ttl: 0 });
    else expect(await nodes[0].cache.touch('k', { ttl: 0 })).toBe(true);
    await settle();
    for (const { cache } of nodes) expect(await cache.get('k')).toBeUndefined();
  });

  test('maxStaleness 0: without a feed nothing is served from L1 at all', async () => {
    const { cache } = await cluster().node({ without: ['feed'], maxStaleness: 0 });
    await cache.set('k', 'v');
    expect(cache.peek('k')).toBeUndefined();
    expect(await cache.get('k')).toBe('v');
  });
});

describe("L1's bounds", () => {
  test('by entries: the least recently used leaves, and is still in L2', async () => {
    const { cache } = await cluster().node({ l1: { maxEntries: 2 } });
    const evicted: unknown[] = [];
    cache.on('evict', (event) => evicted.push(event));
    await cache.set('a', 1);
    await cache.set('b', 2);
    await cache.get('a');
    await cache.namespace('child').set('c', 3);
    expect([cache.peek('a'), cache.peek('b'), cache.namespace('child').peek('c')]).toEqual([1, undefined, 3]);
    expect(evicted).toEqual([{ type: 'evict', namespace: 'test', key: 'b', cause: 'entries' }]);
    expect(cache.stats().memory).toMatchObject({ entries: 2, removed: { entries: 1 } });
    expect(await cache.getOrSet('b', () => 'loaded')).toBe(2);
  });

  test('by bytes: the encoded lengths add up', async () => {
    const { cache } = await cluster().node({ l1: { maxBytes: 3_000 } });
    for (const key of ['a', 'b', 'c']) await cache.set(key, key.repeat(1_400));
    expect(cache.peek('a')).toBeUndefined();
    expect([cache.peek('b'), cache.peek('c')]).toEqual(['b'.repeat(1_400), 'c'.repeat(1_400)]);
    const { entries, bytes } = cache.stats().memory;
    expect(entries).toBe(2);
    expect(bytes).toBeGreaterThan(2_800);
    expect(bytes).toBeLessThan(3_000);
  });

  test('a value larger than L1 lives in L2 alone, and the smaller one before it is not served', async () => {
    const { node } = cluster();
    const [small, roomy] = [await node({ l1: { maxBytes: '1kb' } }), await node()];
    const large = 'x'.repeat(5_000);
    await small.cache.set('k', 'small');
    await small.cache.set('k', large);
    expect(small.cache.peek('k')).toBeUndefined();
    expect(await small.cache.get('k')).toBe(large);
    expect(await small.cache.getOrSet('l', () => large)).toBe(large);
    expect(await small.cache.getOrSet('l', () => 'loaded again')).toBe(large);
    expect(await small.cache.getEntry('l')).toMatchObject({ tier: 'l2' });
    expect(await roomy.cache.getMany(['k', 'l'])).toEqual([large, large]);
    expect(small.cache.stats().memory.entries).toBe(0);
  });

  test('a value larger than L1, without an L2: handed on, and loaded again', async () => {
    const { cache } = lonely({ l1: { maxBytes: '1kb' } });
    const large = 'x'.repeat(5_000);
    await cache.set('k', 'small');
    await cache.set('k', large);
    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.getOrSet('k', () => large)).toBe(large);
    expect(await cache.getOrSet('k', () => 'again')).toBe('again');
  });
});

describe('refresh', () => {
  test('loads anew though both tiers have a fresh value; all nodes get the new one', async () => {
    const { node } = cluster();
    const nodes = [await node(), await node()] as const;
    await nodes[0].cache.set('k', 'old');
    await nodes[1].cache.get('k');
    expect(await nodes[0].cache.refresh('k', () => 'new', { tags: ['t'] })).toBe('new');
    await settle();
    for (const { cache } of nodes) expect(await cache.get('k')).toBe('new');
    await nodes[1].cache.invalidateTags(['t']);
    expect(await nodes[1].cache.has('k')).toBe(false);
  });

  test('while it runs, readers get the old value; a second one joins it', async () => {
    const { cache } = await cluster().node();
    await cache.set('k', 'old');
    const loader = new HandLoader<string>();
    const refreshing = [cache.refresh('k', loader.load), cache.refresh('k', loader.load)];
    await loader.begun();
    refreshing.push(cache.refresh('k', loader.load));
    expect(await cache.get('k')).toBe('old');
    expect(await cache.getOrSet('k', () => 'other')).toBe('old');
    loader.finish('new');
    expect(await Promise.all(refreshing)).toEqual(['new', 'new', 'new']);
    expect(loader.count).toBe(1);
  });

  test('one that fails leaves the value where it was', async () => {
    const { cache } = await cluster().node();
    await cache.set('k', 'old');
    await expect(cache.refresh('k', () => Promise.reject(new Error('down')))).rejects.toThrow('down');
    expect(cache.peek('k')).toBe('old');
    expect(await cache.refresh('k', ({ skip }) => skip())).toBeUndefined();
    expect(await cache.get('k')).toBe('old');
  });
});

describe('purge', () => {
  test('removes what there is from L2 and every L1, in this namespace alone', async () => {
    const { node, store } = cluster();
    const nodes = [await node(), await node()] as const;
    const child = nodes[0].cache.namespace('child');
    await child.set('kept', 1);
    for (let n = 0; n < 5; n += 1) await nodes[0].cache.set(`k${n}`, n);
    await nodes[1].cache.getMany(['k0', 'k1']);
    expect(await nodes[0].cache.purge()).toBe(5);
    await settle();
    expect(store.namespace('test').entries.size).toBe(0);
    for (const { cache } of nodes) expect(await cache.getMany(['k0', 'k1', 'k2'])).toEqual(Array(3).fill(undefined));
    expect(child.peek('kept')).toBe(1);
    expect(await nodes[1].cache.namespace('child').get('kept')).toBe(1);
    await nodes[0].cache.set('k0', 'new');
    expect(await nodes[1].cache.get('k0')).toBe('new');
  });
});

describe('without an L2', () => {
  test('every call works on L1 alone', async () => {
    const { cache, clock } = lonely({ ttl: '10s' });
    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.getOrSet('k', () => 'v', { tags: ['t'] })).toBe('v');
    expect(await cache.getOrSet('k', () => 'again')).toBe('v');
    expect(await cache.getEntry('k')).toEqual({
      key: 'k',
      value: 'v',
      tier: 'l1',
      ageMs: 0,
      freshMs: 10_000,
      tags: ['t'],
    });
    expect(await cache.has('k')).toBe(true);
    await cache.set('s', 1);
    await cache.setMany([
      ['m', 2],
      ['n', null],
    ]);
    expect(await cache.getMany(['m', 's', 'x', 'n', 'm'])).toEqual([2, 1, undefined, null, 2]);
    expect(await cache.getOrSetMany(['s', 'y'], (keys) => keys.map((key) => `loaded ${key}`))).toEqual([1, 'loaded y']);
    expect(await cache.refresh('s', () => 3)).toBe(3);
    await clock.advance(9_000);
    expect(await cache.touch('k', { ttl: '5s' })).toBe(true);
    expect(await cache.touch('none')).toBe(false);
    await clock.advance(1_000);
    expect(await cache.getMany(['k', 's', 'm'])).toEqual(['v', undefined, undefined]);
    expect(await cache.invalidateTags(['t'])).toBeUndefined();
    expect(await cache.get('k')).toBeUndefined();
    await cache.set('a', 1);
    expect(await cache.expire('a')).toBe(true);
    expect(await cache.get('a')).toBeUndefined();
    await cache.set('a', 1);
    expect(await cache.deleteMany(['a', 'b'])).toEqual([true, false]);
    await cache.set('a', 1);
    await cache.clear();
    expect(await cache.get('a')).toBeUndefined();
    await cache.set('a', 1);
    expect(await cache.purge()).toBe(0);
    expect(await cache.get('a')).toBeUndefined();
    await expect(cache.ready()).resolves.toBeUndefined();
    expect(cache.stats().l2).toMatchObject({ gets: 0, unanswered: 0 });
  });
});
