import { describe, expect, test } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster, lonely } from '../test/nodes.js';

describe('invalidateTags', () => {
  test('entries with the tag are gone from every read on all nodes, others stay (28)', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.set('a', 1, { tags: ['x', 'y'] });
    await n1.cache.set('b', 2, { tags: ['y'] });
    await n1.cache.set('c', 3);
    await settle();
    await n2.cache.getMany(['a', 'b', 'c']);
    await n1.cache.invalidateTags(['x']);
    await settle();
    for (const { cache } of [n1, n2]) {
      expect(cache.peek('a')).toBeUndefined();
      expect(await cache.get('a')).toBeUndefined();
      expect(await cache.has('a')).toBe(false);
      expect(await cache.getEntry('a')).toBeUndefined();
      expect(await cache.getMany(['a', 'b', 'c'])).toEqual([undefined, 2, 3]);
      expect(cache.peek('b')).toBe(2);
    }
    expect(await n2.cache.getOrSet('a', () => 'new', { tags: ['x'] })).toBe('new');
  });

  test('an entry loaded afterwards, in the same millisecond, stays (28)', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    for (let n = 0; n < 20; n += 1) {
      await n1.cache.invalidateTags(['x']);
      await n1.cache.getOrSet('a', () => n, { tags: ['x'] });
      await settle();
      expect(n1.cache.peek('a')).toBe(n);
      expect(await n2.cache.get('a')).toBe(n);
    }
  });

  test('the first value of a new tag survives invalidations of other tags during its load', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const value = await n1.cache.getOrSet(
      'a',
      async () => {
        await n2.cache.invalidateTags(['other']);
        return 'value';
      },
      { tags: ['new'] },
    );
    expect(value).toBe('value');
    await settle();
    expect(n1.cache.peek('a')).toBe('value');
    expect(await n2.cache.get('a')).toBe('value');
    // One that joins now knows nothing and has to ask.
    expect(await (await node()).cache.get('a')).toBe('value');
  });

  test('20 at once: each holds for what was stored before it (32)', async () => {
    const { node } = cluster();
    const nodes = [await node(), await node()];
    for (let n = 0; n < 20; n += 1) await nodes[n % 2]?.cache.set(`k${n}`, n, { tags: ['x'] });
    await Promise.all(Array.from({ length: 20 }, (_, n) => nodes[n % 2]?.cache.invalidateTags(['x'])));
    await settle();
    for (const { cache } of nodes) {
      const values = await cache.getMany(Array.from({ length: 20 }, (_, n) => `k${n}`));
      expect(values).toEqual(Array.from({ length: 20 }, () => undefined));
    }
  });

  test('mode expire makes entries stale, which is no longer fresh (29)', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.set('a', 1, { tags: ['x'] });
    await n1.cache.invalidateTags(['x'], { mode: 'expire' });
    await settle();
    for (const { cache } of [n1, n2]) expect(await cache.get('a')).toBeUndefined();
  });

  test('the tags of a namespace mean nothing in another', async () => {
    const { cache } = await cluster().node();
    const [one, two] = [cache.namespace('one'), cache.namespace('two')];
    await one.set('a', 1, { tags: ['x'] });
    await two.set('a', 2, { tags: ['x'] });
    await one.invalidateTags(['x']);
    expect(await one.get('a')).toBeUndefined();
    expect(await two.get('a')).toBe(2);
  });

  test('without an L2: the same', async () => {
    const { cache } = lonely();
    await cache.set('a', 1, { tags: ['x'] });
    await cache.set('b', 2, { tags: ['y'] });
    await cache.invalidateTags(['x']);
    expect(await cache.getMany(['a', 'b'])).toEqual([undefined, 2]);
    await cache.set('a', 3, { tags: ['x'] });
    expect(cache.peek('a')).toBe(3);
    await cache.clear();
    expect(await cache.getMany(['a', 'b'])).toEqual([undefined, undefined]);
    await cache.set('a', 4, { tags: ['x'] });
    expect(cache.peek('a')).toBe(4);
  });
});

describe('on the node that invalidates', () => {
  test.each(['clear', 'invalidateTags'] as const)(
    '%s holds as soon as it has resolved, before any news',
    async (how) => {
      const n1 = await cluster().node();
      await n1.cache.set('a', 1, { tags: ['x'] });
      await settle();
      n1.l2.holdNews();
      await (how === 'clear' ? n1.cache.clear() : n1.cache.invalidateTags(['x']));
      expect(n1.cache.peek('a')).toBeUndefined();
      expect(await n1.cache.get('a')).toBeUndefined();
      n1.l2.releaseNews();
    },
  );

  test('the answer is lost, but not the news: what is loaded from then on is kept', async () => {
    const n1 = await cluster().node({ journal: false });
    const lost = n1.l2.hold('advance', 'back');
    const invalidating = n1.cache.invalidateTags(['x']);
    await lost.arrived;
    lost.fail(new Error('cut'));
    await expect(invalidating).rejects.toThrow();
    await settle();
    await n1.cache.set('a', 1, { tags: ['x'] });
    expect(n1.cache.peek('a')).toBe(1);
  });

  test('clear of the only namespace gives L1’s memory back at once', async () => {
    const { cache } = lonely();
    for (let n = 0; n < 100; n += 1) await cache.set(`k${n}`, n);
    expect(cache.stats().memory.entries).toBe(100);
    await cache.clear();
    expect(cache.stats().memory).toMatchObject({ entries: 0, bytes: 0 });
  });
});

describe('what tags cost (31)', () => {
  const tags = ['a', 'b', 'c', 'd', 'e'];

  test('an L1 hit with 5 tags sends nothing', async () => {
    const node = await cluster().node();
    await node.cache.set('k', 1, { tags });
    await node.cache.invalidateTags(['other']);
    const before = node.l2.calls.length;
    expect(await node.cache.get('k')).toBe(1);
    expect(await node.cache.getOrSet('k', () => 2)).toBe(1);
    expect(node.l2.calls.length).toBe(before);
  });

  test('a cold L2 hit with 5 tags, older than this node’s knowledge: one more round trip', async () => {
    const { node } = cluster();
    const n1 = await node();
    await n1.cache.set('k', 1, { tags });
    await n1.cache.invalidateTags(['other']);
    const n2 = await node();
    const before = n2.l2.calls.length;
    expect(await n2.cache.get('k')).toBe(1);
    expect(n2.l2.calls.slice(before)).toEqual(['read', 'marks']);
  });

  test('100 such keys in a batch: one more round trip in all', async () => {
    const { node } = cluster();
    const n1 = await node();
    const keys = Array.from({ length: 100 }, (_, n) => `k${n}`);
    for (const key of keys) await n1.cache.set(key, key, { tags: [...tags, key] });
    await n1.cache.invalidateTags(['other', 'k7']);
    const n2 = await node();
    const before = n2.l2.calls.length;
    expect(await n2.cache.getMany(keys)).toEqual(keys.map((key) => (key === 'k7' ? undefined : key)));
    expect(n2.l2.calls.slice(before)).toEqual(['read', 'marks']);
  });

  test('a warm L2 hit: none, since this node heard of every invalidation since', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.set('k', 1, { tags });
    await n1.cache.invalidateTags(['other']);
    await settle();
    const before = n2.l2.calls.length;
    expect(await n2.cache.get('k')).toBe(1);
    expect(n2.l2.calls.slice(before)).toEqual(['read']);
  });
});

describe('lost bookkeeping (law 5, 30)', () => {
  test.each(['delete', 'expire'] as const)(
    'an entry that was killed (mode %s) does not come back to life',
    async (mode) => {
      const { node, store } = cluster();
      const n1 = await node();
      await n1.cache.set('tagged', 'old', { tags: ['x'] });
      await n1.cache.set('plain', 'old');
      await n1.cache.invalidateTags(['x'], { mode });
      await n1.cache.clear({ mode });
      store.forgetTime('test');
      const n2 = await node();
      expect(await n2.cache.getMany(['tagged', 'plain'])).toEqual([undefined, undefined]);
      await n2.cache.set('tagged', 'new', { tags: ['x'] });
      await settle();
      expect(await n2.cache.get('tagged')).toBe('new');
      expect(await n1.cache.get('tagged')).toBe('new');
    },
  );

  test('an entry whose mark is lost is dead to a node that does not know better; it never revives', async () => {
    const { node, store } = cluster();
    const n1 = await node();
    await n1.cache.set('k', 'value', { tags: ['x'] });
    store.forgetTime('test');
    const n2 = await node();
    expect(await n2.cache.get('k')).toBeUndefined();
  });

  test('after the loss of the counter a node that knew it goes on, and its values live', async () => {
    const { node, store } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.invalidateTags(['x']);
    store.forgetTime('test');
    await n1.cache.invalidateTags(['y']);
    await settle();
    await n1.cache.set('k', 'value', { tags: ['x', 'y'] });
    await settle();
    expect(n1.cache.peek('k')).toBe('value');
    expect(await n2.cache.get('k')).toBe('value');
  });
});

describe('clear', () => {
  test('kills every value of the namespace on all nodes, and nothing of others; costs one command', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const handles = ['users', 'usersAbc', 'users:abc', 'a*'].map((name) => [
      n1.cache.namespace(name),
      n2.cache.namespace(name),
    ]);
    for (const [index, [one, two]] of handles.entries()) {
      for (let n = 0; n < 30; n += 1) await one?.set(`k${n}`, index);
      await settle();
      expect(await two?.get('k1')).toBe(index);
    }
    const before = n1.l2.calls.length;
    await handles[0]?.[0]?.clear();
    expect(n1.l2.calls.slice(before)).toEqual(['advance']);
    await settle();
    for (const [index, pair] of handles.entries()) {
      for (const cache of pair) expect(await cache.get('k1')).toBe(index === 0 ? undefined : index);
    }
    expect(handles[0]?.[1]?.peek('k1')).toBeUndefined();
  });
});
