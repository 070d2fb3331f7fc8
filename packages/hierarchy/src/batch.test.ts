import { L2InvalidError } from '@tierwise/l2';
import { describe, expect, test } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely, type Node } from '../test/nodes.js';
import type { BatchLoadContext } from './index.js';

/** A batch loader that is driven by hand. */
class HandBatch {
  readonly keys: (readonly string[])[] = [];
  readonly contexts: BatchLoadContext[] = [];
  readonly #ends: { resolve: (values: (string | undefined)[]) => void; reject: (error: unknown) => void }[] = [];

  readonly load = (keys: readonly string[], context: BatchLoadContext): Promise<(string | undefined)[]> => {
    this.keys.push(keys);
    this.contexts.push(context);
    return new Promise((resolve, reject) => this.#ends.push({ resolve, reject }));
  };

  finish(values: (string | undefined)[]): void {
    this.#ends.shift()?.resolve(values);
  }

  fail(error: unknown): void {
    this.#ends.shift()?.reject(error);
  }
}

const loadAll = (keys: readonly string[]) => keys.map((key) => `loaded ${key}`);

describe('getMany (7)', () => {
  test('one command to L2, in the order of the keys, duplicates asked once, misses visible', async () => {
    const { node } = cluster();
    const [writer, reader] = [await node(), await node()];
    await writer.cache.setMany([
      ['a', 1],
      ['b', null],
      ['c', 0],
    ]);
    expect(writer.l2.count('write')).toBe(1);
    await settle();
    await reader.cache.get('a');
    reader.l2.calls.length = 0;
    expect(await reader.cache.getMany(['c', 'x', 'a', 'c', 'b', 'x'])).toEqual([0, undefined, 1, 0, null, undefined]);
    expect(reader.l2.calls).toEqual(['read']);
    expect(reader.cache.stats().l2).toMatchObject({ gets: 4, hits: 3, misses: 1 });
    expect(await reader.cache.getMany(['a', 'b', 'c'])).toEqual([1, null, 0]);
    expect(reader.l2.calls).toEqual(['read']);
  });

  test('single reads of the same turn travel in the same command', async () => {
    const { cache, l2 } = await cluster().node();
    await Promise.all([cache.get('a'), cache.getMany(['b', 'c']), cache.has('d'), cache.getOrSet('e', () => 1)]);
    expect(l2.count('read')).toBe(1);
  });

  test('of nothing is nothing', async () => {
    const { cache, l2 } = await cluster().node();
    l2.calls.length = 0;
    expect(await cache.getMany([])).toEqual([]);
    expect(await cache.getOrSetMany([], loadAll)).toEqual([]);
    expect(await cache.deleteMany([])).toEqual([]);
    await cache.setMany([]);
    expect(l2.count('read')).toBe(0);
  });
});

describe('setMany and deleteMany (7)', () => {
  test('setMany: one command; of a key that comes twice the later value counts; any iterable', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.setMany(
      new Set([
        ['a', 1],
        ['b', 2],
        ['a', 3],
      ] as [string, number][]),
    );
    expect(n1.l2.count('write')).toBe(1);
    expect(await n2.cache.getMany(['a', 'b'])).toEqual([3, 2]);
    expect(n1.cache.stats().writes.sets).toBe(2);
  });

  test('deleteMany: one command, an answer per key', async () => {
    const { cache, l2 } = await cluster().node();
    await cache.setMany([
      ['a', 1],
      ['b', 2],
    ]);
    expect(await cache.deleteMany(['b', 'x', 'a'])).toEqual([true, false, true]);
    expect(l2.count('delete')).toBe(1);
    expect(await cache.getMany(['a', 'b'])).toEqual([undefined, undefined]);
  });
});

describe('getOrSetMany (7)', () => {
  test('loads what is in neither tier in one call, and asks L2 for all in one command', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.setMany([
      ['a', 'A'],
      ['c', 'C'],
    ]);
    await settle();
    await n2.cache.get('c');
    n2.l2.calls.length = 0;
    const asked: unknown[] = [];
    const values = await n2.cache.getOrSetMany(['d', 'a', 'b', 'c', 'b'], (keys) => {
      asked.push(keys);
      return loadAll(keys);
    });
    expect(values).toEqual(['loaded d', 'A', 'loaded b', 'C', 'loaded b']);
    expect(asked).toEqual([['d', 'b']]);
    expect(n2.l2.calls).toEqual(['read', 'acquire', 'write']);
    await settle();
    expect(await n1.cache.getMany(['a', 'b', 'c', 'd'])).toEqual(['A', 'loaded b', 'C', 'loaded d']);
    expect(await n1.cache.getOrSetMany(['b', 'd'], () => ['not', 'asked'])).toEqual(['loaded b', 'loaded d']);
  });

  test('is one call of the loader though only some keys have tags, or tags that L2 has not met', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const asked: unknown[] = [];
    const tagsOf = (key: string) => (key === 'b' ? ['new tag', 'other'] : []);
    await n1.cache.getOrSetMany(
      ['a', 'b', 'c'],
      (keys) => {
        asked.push(keys);
        return loadAll(keys);
      },
      { tags: tagsOf },
    );
    expect(asked).toEqual([['a', 'b', 'c']]);
    await n2.cache.getMany(['a', 'b']);
    await n2.cache.invalidateTags(['other']);
    await settle();
    for (const { cache } of [n1, n2]) expect(await cache.getMany(['a', 'b'])).toEqual(['loaded a', undefined]);
  });

  test.each([
    ['an array', (keys: readonly string[]) => keys.map((key) => (key === 'b' ? undefined : key.toUpperCase()))],
    [
      'a Map',
      (keys: readonly string[]) => new Map(keys.filter((key) => key !== 'b').map((key) => [key, key.toUpperCase()])),
    ],
    [
      'a Map in another order, with more',
      () =>
        new Map([
          ['z', 'Z'],
          ['c', 'C'],
          ['a', 'A'],
        ]),
    ],
  ])('takes %s; what it lacks is a miss and not kept', async (_, load) => {
    const { cache } = lonely();
    expect(await cache.getOrSetMany<string>(['a', 'b', 'c'], load)).toEqual(['A', undefined, 'C']);
    expect(await cache.getMany(['a', 'b', 'c', 'z'])).toEqual(['A', undefined, 'C', undefined]);
    expect(cache.stats().loads).toMatchObject({ started: 3, stored: 2, uncached: 1 });
  });

  test.each([
    ['an array that is too short', () => ['A']],
    ['an array that is too long', () => ['A', 'B', 'C']],
    ['an object', () => ({ a: 'A', b: 'B' })],
    ['nothing', () => undefined],
    ['null', () => null],
    ['text', async () => 'ab'],
  ])('refuses %s with LoadFailedError, and keeps nothing', async (_, load) => {
    const { cache } = await cluster().node();
    const batch = cache.getOrSetMany(['a', 'b'], load as never);
    const single = cache.getOrSet('b', () => 'never called');
    const refusal = { name: 'LoadFailedError', code: 'ERR_TIERWISE_LOAD_FAILED', tier: 'source' };
    await expect(batch).rejects.toMatchObject(refusal);
    await expect(single).rejects.toMatchObject(refusal);
    expect(await cache.getMany(['a', 'b'])).toEqual([undefined, undefined]);
    expect(await cache.getOrSetMany(['a', 'b'], loadAll)).toEqual(['loaded a', 'loaded b']);
  });

  test.each([
    ['rejects', () => Promise.reject(new Error('down'))],
    [
      'throws',
      () => {
        throw new Error('down');
      },
    ],
  ])('a loader that %s: everybody who waits gets the error, and the next call tries again (12)', async (_, load) => {
    const { cache } = await cluster().node();
    const waiting = await Promise.allSettled([
      cache.getOrSetMany(['a', 'b'], load),
      cache.getOrSetMany(['b', 'a'], () => ['other', 'loader']),
      cache.getOrSet('a', () => 'other loader'),
    ]);
    for (const result of waiting) expect(result).toMatchObject({ status: 'rejected', reason: { message: 'down' } });
    expect(cache.stats().loads).toMatchObject({ started: 2, failed: 2 });
    expect(await cache.getOrSetMany(['a', 'b'], loadAll)).toEqual(['loaded a', 'loaded b']);
  });

  test('shares the load of a single call that is under way (7, 13)', async () => {
    const { cache, l2 } = await cluster().node();
    const loader = new HandLoader<string>();
    const single = cache.getOrSet('b', loader.load);
    await loader.begun();
    const asked: unknown[] = [];
    const batch = cache.getOrSetMany(['a', 'b', 'c'], (keys) => {
      asked.push(keys);
      return loadAll(keys);
    });
    await settle();
    loader.finish('single');
    expect(await single).toBe('single');
    expect(await batch).toEqual(['loaded a', 'single', 'loaded c']);
    expect(asked).toEqual([['a', 'c']]);
    expect(l2.count('read')).toBe(2);
    expect(cache.stats().loads).toMatchObject({ started: 3, shared: 1 });
  });

  test('a single call, a wrapped function and another batch share its load (7, 13)', async () => {
    const { cache } = await cluster().node();
    const first = new HandBatch();
    const second = new HandBatch();
    const batch = cache.getOrSetMany(['a', 'b'], first.load);
    await settle();
    const single = cache.getOrSet('a', () => 'not called');
    const wrapped = cache.wrap(() => 'not called', { key: () => 'b' })();
    const other = cache.getOrSetMany(['c', 'b'], second.load);
    await settle();
    expect([first.keys, second.keys]).toEqual([[['a', 'b']], [['c']]]);
    second.finish(['C']);
    first.finish(['A', 'B']);
    expect(await Promise.all([batch, single, wrapped, other])).toEqual([['A', 'B'], 'A', 'B', ['C', 'B']]);
  });

  test("one caller's abort leaves the load to the others; when all have gone its signal aborts (15)", async () => {
    const { cache } = await cluster().node();
    const loader = new HandBatch();
    const [one, two, three] = [new AbortController(), new AbortController(), new AbortController()];
    const first = cache.getOrSetMany(['a', 'b'], loader.load, { signal: one.signal });
    await settle();
    const second = cache.getOrSetMany(['b'], loader.load, { signal: two.signal });
    const third = cache.getOrSet('b', () => 'not called', { signal: three.signal });
    await settle();
    const signal = loader.contexts[0]?.signal;
    one.abort(new Error('first gone'));
    await expect(first).rejects.toThrow('first gone');
    two.abort(new Error('second gone'));
    await expect(second).rejects.toThrow('second gone');
    expect(signal?.aborted).toBe(false);
    three.abort(new Error('third gone'));
    await expect(third).rejects.toThrow('third gone');
    expect(signal?.aborted).toBe(true);
    loader.finish(['A', 'B']);
    await settle();
    expect(loader.keys).toEqual([['a', 'b']]);
  });

  test('one that stays gets the value', async () => {
    const { cache } = lonely();
    const loader = new HandBatch();
    const gone = new AbortController();
    const first = cache.getOrSetMany(['a', 'b'], loader.load, { signal: gone.signal });
    await settle();
    const stays = cache.getOrSet('a', () => 'not called');
    gone.abort();
    await expect(first).rejects.toMatchObject({ name: 'AbortError' });
    loader.finish(['A', 'B']);
    expect(await stays).toBe('A');
    expect(loader.contexts[0]?.signal.aborted).toBe(false);
  });

  test('all callers abort a few promise jobs before or after the loader is called: it sees an aborted signal', async () => {
    let called = 0;
    for (let jobs = 0; jobs < 40; jobs += 1) {
      const { cache } = lonely();
      const gone = new AbortController();
      const signals: AbortSignal[] = [];
      const load = (_: unknown, { signal }: BatchLoadContext) => {
        signals.push(signal);
        return new Promise<string[]>((resolve) => setImmediate(resolve, ['A']));
      };
      const batch = cache.getOrSetMany(['a'], load, { signal: gone.signal });
      const refused = expect(batch).rejects.toMatchObject({ name: 'AbortError' });
      for (let job = 0; job < jobs; job += 1) await undefined;
      gone.abort();
      await refused;
      await settle();
      called += signals.length;
      for (const signal of signals) expect(signal.aborted).toBe(true);
    }
    expect(called).toBeGreaterThan(0);
  });

  test('with the options of a single call: ttl, l1Ttl, tags for all', async () => {
    const { node, clock } = cluster();
    const { cache } = await node();
    await cache.getOrSetMany(['a', 'b'], loadAll, { ttl: '2s', l1Ttl: '1s', tags: ['t'] });
    expect(await cache.getEntry('a')).toMatchObject({ freshMs: 2_000, tags: ['t'] });
    await clock.advance(1_000);
    expect(cache.peek('a')).toBeUndefined();
    await cache.invalidateTags(['t']);
    expect(await cache.getMany(['a', 'b'])).toEqual([undefined, undefined]);
  });
});

describe('writes of one turn', () => {
  test('become one command, and each hears of its own answer', async () => {
    const n = await cluster().node();
    await n.cache.set('warm', 0);
    const before = n.l2.count('write');
    await Promise.all(Array.from({ length: 50 }, (_, i) => n.cache.set(`k${i}`, i)));
    expect(n.l2.count('write')).toBe(before + 1);
    expect(await n.cache.getMany(['k0', 'k49'])).toEqual([0, 49]);
  });

  test.each<[string, (cache: Node['cache']) => Promise<unknown>]>([
    ['delete', (cache) => cache.delete('k')],
    [
      'setMany',
      (cache) =>
        cache.setMany(
          new Map([
            ['k', 'later'],
            ['other', 'later'],
          ]),
        ),
    ],
    ['invalidateTags', (cache) => cache.invalidateTags(['t'])],
    ['clear', (cache) => cache.clear()],
  ])('a set that is followed by %s in the same turn reaches L2 before it', async (name, order) => {
    const { node } = cluster();
    const [n, peer] = [await node(), await node()];
    await n.cache.set('k', 'first', { tags: ['t'] });
    await Promise.all([n.cache.set('k', 'set', { tags: ['t'] }), order(n.cache)]);
    const expected = name === 'setMany' ? 'later' : undefined;
    expect([await n.cache.get('k'), await peer.cache.get('k')]).toEqual([expected, expected]);
  });

  test('of one key: the last one counts', async () => {
    const { node } = cluster();
    const [n, peer] = [await node(), await node()];
    await n.cache.set('warm', 0);
    await Promise.all(['a', 'b', 'c'].map((value) => n.cache.set('k', value)));
    expect([await n.cache.get('k'), await peer.cache.get('k')]).toEqual(['c', 'c']);
  });

  test('one that L2 finds invalid fails alone', async () => {
    const n = await cluster().node();
    await n.cache.set('warm', 0);
    const write = n.l2.write.bind(n.l2);
    n.l2.write = async (namespace, entries, options) => {
      if (entries.some(({ key }) => key === 'bad')) throw new L2InvalidError('test', 'it is bad');
      return write(namespace, entries, options);
    };
    const [good, bad] = await Promise.allSettled([n.cache.set('good', 1), n.cache.set('bad', 1)]);
    expect([good.status, bad.status]).toEqual(['fulfilled', 'rejected']);
    expect(await n.cache.get('good')).toBe(1);
  });
});
