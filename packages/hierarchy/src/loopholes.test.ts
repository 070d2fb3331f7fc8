import { MemoryStore, memoryL2 } from '@tierwise/l2/memory';
import { describe, expect, test } from 'vitest';
import { HeldL2 } from '../test/held-l2.js';
import { ManualClock, settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely } from '../test/nodes.js';
import { createHierarchy, HierarchyClosedError, L2FailedError } from './index.js';

/** Interleavings that once slipped past a fence, each found by a review that tried to. */

/** A hierarchy whose feed is up and nothing else is known, since nobody has called it yet. */
async function newcomer(store: MemoryStore, clock: ManualClock, broken: Parameters<HeldL2['break']>[1][] = []) {
  const l2 = new HeldL2(memoryL2(store));
  l2.break(new Error('not now'), ...broken);
  const cache = createHierarchy({ namespace: 'test', l2, clock });
  await settle();
  return { cache, l2 };
}

async function unhandled(run: () => Promise<void>): Promise<unknown[]> {
  const seen: unknown[] = [];
  const listener = (error: unknown) => void seen.push(error);
  process.on('unhandledRejection', listener);
  await run();
  await settle();
  process.off('unhandledRejection', listener);
  return seen;
}

describe('a flight', () => {
  test('that all callers have left is still found by a delete: the late answer of L2 is not kept', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n2.cache.set('k', 'old');
    const read = n1.l2.hold('read', 'back');
    const abort = new AbortController();
    const left = n1.cache.get('k', { signal: abort.signal });
    await read.arrived;
    abort.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    await n1.cache.delete('k');
    read.release();
    await settle();
    expect(await n1.cache.get('k')).toBeUndefined();
  });

  test('older than maxStaleness is not joined without a feed', async () => {
    const { node, clock } = cluster();
    const [n1, n2] = [await node({ without: ['feed'] }), await node()];
    await n2.cache.set('k', 'old');
    const slow = new HandLoader<string>();
    const refreshed = n1.cache.refresh('k', slow.load);
    await slow.begun();
    await n2.cache.set('k', 'new');
    await clock.advance(10_001);
    expect(await n1.cache.get('k')).toBe('new');
    slow.finish('slow');
    await refreshed;
  });

  test("that waits for the lease of this node's own earlier load is woken by that load's end", async () => {
    const { node } = cluster();
    const { cache, l2 } = await node();
    const loader = new HandLoader<string>();
    const first = cache.getOrSet('k', loader.load);
    await loader.begun();
    l2.tellState('deaf');
    l2.tellState('alive');
    const second = cache.getOrSet('k', loader.load);
    await settle();
    expect(loader.count).toBe(1);
    loader.finish('first');
    expect(await first).toBe('first');
    await loader.begun(2);
    loader.finish('second');
    expect(await second).toBe('second');
  });
});

describe('the feed', () => {
  test('lost and found while a namespace is being attached: the marks asked for before are not relied on', async () => {
    const { node, store, clock } = cluster();
    const n2 = await node();
    await n2.cache.set('k', 'old', { tags: ['x'] });
    const { cache, l2 } = await newcomer(store, clock);
    const marks = l2.hold('marks', 'back');
    const first = cache.get('another');
    await marks.arrived;
    l2.holdNews();
    l2.tellState('deaf');
    await n2.cache.invalidateTags(['x']);
    l2.loseNews();
    l2.tellState('alive');
    marks.release();
    await first;
    expect(await cache.get('k')).toBeUndefined();
    await cache.close();
  });

  test('that cannot follow a namespace yet is not trusted with it', async () => {
    const { node, store, clock } = cluster();
    const n2 = await node();
    const { cache } = await newcomer(store, clock, ['follow']);
    expect(await cache.getOrSet('k', () => 'old')).toBe('old');
    await n2.cache.set('k', 'new');
    await clock.advance(10_001);
    expect(cache.peek('k')).toBeUndefined();
    await cache.close();
  });

  test('that cannot follow a namespace yet: a call that comes after maxStaleness does not join a look from before', async () => {
    const { node, clock } = cluster();
    const n1 = await node({ maxStaleness: 1_000 });
    n1.l2.break(new Error('not now'), 'follow');
    const below = n1.cache.namespace('n');
    const loader = new HandLoader<string>();
    const early = below.getOrSet('k', loader.load);
    await loader.begun();
    await clock.advance(1_001);
    expect(await below.getOrSet('k', () => 'loaded after')).toBe('loaded after');
    loader.finish('loaded before');
    expect(await early).toBe('loaded before');
  });

  test('that follows a namespace at the second attempt ends what was held before', async () => {
    const { node, clock } = cluster();
    const n1 = await node({ without: ['time'] });
    const n2 = await node({ without: ['time'] });
    n1.l2.break(new Error('not now'), 'follow');
    const [below1, below2] = [n1.cache.namespace('n'), n2.cache.namespace('n')];
    expect(await below1.getOrSet('k', () => 'old')).toBe('old');
    await below2.set('k', 'new');
    n1.l2.mend();
    await below1.get('another');
    expect(await below1.get('k')).toBe('new');
    await clock.advance(0);
  });

  test('lost after the first question for marks had failed: what is held is bounded by maxStaleness all the same', async () => {
    const { node, store, clock } = cluster();
    const n2 = await node();
    const { cache, l2 } = await newcomer(store, clock, ['marks']);
    expect(await cache.getOrSet('k', () => 'old')).toBe('old');
    l2.holdNews();
    l2.tellState('deaf');
    await n2.cache.set('k', 'new');
    await clock.advance(10_001);
    expect(cache.peek('k')).toBeUndefined();
    await cache.close();
  });
});

test('without logical time and a feed, what is read during a clear is not served after it', async () => {
  const { node } = cluster();
  const { cache, l2, clock } = await node({ without: ['feed', 'time'] });
  const below = cache.namespace('n');
  await below.set('k', 'old');
  // Past L1's trust, so that the read goes to L2.
  await clock.advance(10_001);
  const purge = l2.hold('purge');
  const cleared = below.clear();
  await purge.arrived;
  expect(await below.get('k')).toBe('old');
  purge.release();
  await cleared;
  expect(await below.get('k')).toBeUndefined();
});

describe("what is the caller's", () => {
  test('an array of tags that is changed while the load runs changes nothing', async () => {
    const { node } = cluster();
    const { cache } = await node();
    const tags = ['x'];
    const loader = new HandLoader<string>();
    const loaded = cache.getOrSet('k', loader.load, { tags });
    await loader.begun();
    tags[0] = 'y';
    loader.finish('v');
    await loaded;
    await cache.invalidateTags(['x']);
    expect(await cache.get('k')).toBeUndefined();
  });

  test('an array of tags that is changed after set() or ctx.setTags() changes nothing', async () => {
    const { node } = cluster();
    const { cache } = await node();
    const tags = ['x'];
    await cache.set('set', 'v', { tags });
    await cache.getOrSet('loaded', (context) => {
      context.setTags(tags);
      tags[0] = 'y';
      return 'v';
    });
    expect((await cache.getEntry('set'))?.tags).toEqual(['x']);
    expect((await cache.getEntry('loaded'))?.tags).toEqual(['x']);
  });

  test('a function for tags is asked once for each key, before anything begins', async () => {
    const { cache } = lonely();
    const asked: string[] = [];
    const tags = (key: string) => {
      asked.push(key);
      if (asked.length > 2) throw new Error('asked too often');
      return [];
    };
    const load = () => Promise.reject(new Error('source'));
    const seen = await unhandled(() =>
      expect(cache.getOrSetMany(['a', 'b'], load, { tags })).rejects.toThrow('source'),
    );
    expect([asked, seen]).toEqual([['a', 'b'], []]);
  });

  test("a definition's key that throws for one of many leaves no load that nobody waits for", async () => {
    const { cache } = lonely();
    const users = cache.define<number, string>({
      key: (id) => {
        if (id === 2) throw new Error('no key');
        return `user:${id}`;
      },
      load: () => Promise.reject(new Error('source')),
    });
    expect(await unhandled(() => expect(users.getMany([1, 2])).rejects.toThrow('no key'))).toEqual([]);
  });
});

describe('after close()', () => {
  const start = async () => {
    const clock = new ManualClock();
    const l2 = new HeldL2(memoryL2(new MemoryStore({ now: () => clock.now() })));
    const cache = createHierarchy({ namespace: 'test', l2, clock, closeTimeout: 100 });
    await cache.ready();
    const close = async () => {
      const closed = cache.close();
      await clock.advance(100);
      await closed;
    };
    return { cache, l2, clock, close };
  };

  test('the lease of a loader that never ends is not renewed any more', async () => {
    const { cache, clock, close } = await start();
    cache.getOrSet('k', () => new Promise(() => {})).catch(() => {});
    await settle();
    await close();
    expect(clock.timers).toBe(0);
  });

  test('no load begins, though its caller had come before', async () => {
    const { cache, l2, clock, close } = await start();
    l2.break('silent', 'read');
    let loads = 0;
    const late = cache.getOrSet('k', () => {
      loads += 1;
      return 'v';
    });
    const rejected = expect(late).rejects.toBeInstanceOf(HierarchyClosedError);
    await settle();
    await close();
    await clock.advance(2_000);
    await rejected;
    expect(loads).toBe(0);
  });
});

test('an L2 that serves another hierarchy gets no orders from this one, whose peers would not hear of them', async () => {
  const clock = new ManualClock();
  const l2 = memoryL2(new MemoryStore({ now: () => clock.now() }));
  const [owner, other] = [
    createHierarchy({ namespace: 'test', l2, clock }),
    createHierarchy({ namespace: 'test', l2, clock }),
  ];
  await owner.ready();
  await owner.set('k', 'old');
  await expect(other.set('k', 'new')).rejects.toBeInstanceOf(L2FailedError);
  await expect(other.delete('k')).rejects.toBeInstanceOf(L2FailedError);
  await expect(other.invalidateTags(['x'])).rejects.toBeInstanceOf(L2FailedError);
  await expect(other.clear()).rejects.toBeInstanceOf(L2FailedError);
  expect(await owner.get('k')).toBe('old');
  await other.close();
  await owner.close();
});
