import { MemoryStore, memoryL2 } from '@tierwise/l2/memory';
import { describe, expect, test } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster, lonely } from '../test/nodes.js';
import { createHierarchy, UnserializableError } from './index.js';

const cycle: { name: string; self?: unknown; list?: unknown[] } = { name: 'cycle' };
cycle.self = cycle;
cycle.list = [cycle];

const FALSY: [string, unknown][] = [
  ['null', null],
  ['0', 0],
  ['-0', -0],
  ['NaN', Number.NaN],
  ['false', false],
  ['an empty string', ''],
  ['0n', 0n],
];
const KINDS: [string, unknown][] = [
  ['a Date', new Date(1_763_000_000_123)],
  ['an invalid Date', new Date(Number.NaN)],
  [
    'a Map',
    new Map<unknown, unknown>([
      ['a', 1],
      [{ b: 2 }, new Set([3])],
    ]),
  ],
  ['a Set', new Set(['a', null])],
  ['a BigInt', 2n ** 80n],
  ['a Buffer', Buffer.from([0, 1, 255])],
  ['typed arrays', [new Uint8Array([1, 2]), new Float64Array([0.5, -0]), new BigInt64Array([-1n])]],
  ['nested undefined', { a: undefined, b: [undefined, 1] }],
  ['a cycle', cycle],
  ['the same object twice', [cycle, cycle]],
  ['nested plain data', { user: { name: 'Grete', tags: ['a', 'b'], at: { x: 1 } } }],
  ['text beyond ASCII', 'Größe 🚀'],
];

describe.each(['frozen', 'copy'] as const)('returns: %s', (returns) => {
  test.each([...FALSY, ...KINDS])(
    '%s comes back equal from either tier, from batches, and on another node (4, 5, law 11)',
    async (_, value) => {
      const { node } = cluster();
      const [n1, n2] = [await node({ returns }), await node({ returns })];
      const single = await n1.cache.getOrSet('loaded', () => value);
      const [many] = await n1.cache.getOrSetMany(['many'], () => [value]);
      await n1.cache.set('set', value);
      await n1.cache.setMany([['setMany', value]]);
      for (const first of [single, many]) expect(first).toStrictEqual(value);
      await settle();
      const keys = ['loaded', 'many', 'set', 'setMany'];
      for (const { cache, l2 } of [n1, n2]) {
        for (const tier of [cache === n1.cache ? 'l1' : 'l2', 'l1']) {
          for (const key of keys) {
            const entry = await cache.getEntry(key);
            expect(entry).toMatchObject({ key, tier });
            expect(entry?.value).toStrictEqual(value);
          }
        }
        l2.calls.length = 0;
        expect(await cache.getMany(keys)).toStrictEqual(keys.map(() => value));
        for (const key of keys) {
          expect(cache.peek(key)).toStrictEqual(value);
          expect(await cache.has(key)).toBe(true);
          expect(await cache.getOrSet(key, () => 'loaded again')).toStrictEqual(value);
        }
        expect(l2.calls).toEqual([]);
      }
    },
  );

  test('changing what was passed in never changes what a read returns (6)', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node({ returns }), await node({ returns })];
    const given = { list: [1], map: new Map([['a', { n: 1 }]]), bytes: Buffer.from([1]), at: new Date(1) };
    const before = structuredClone({ ...given, bytes: [...given.bytes] });
    await n1.cache.set('set', given);
    await n1.cache.getOrSet('loaded', () => given);
    given.list.push(2);
    given.map.set('b', { n: 2 });
    given.bytes[0] = 9;
    given.at.setTime(2);
    await settle();
    for (const { cache } of [n1, n2]) {
      for (const key of ['set', 'loaded', 'set']) {
        const read = (await cache.get<typeof given>(key)) as typeof given;
        expect({ ...read, bytes: [...read.bytes] }).toStrictEqual(before);
      }
    }
  });

  test('changing what a read returned never changes what the next one returns (6)', async () => {
    const { cache } = lonely({ returns });
    const made = () => ({
      map: new Map([['a', { n: 1 }]]),
      set: new Set([1]),
      bytes: Buffer.from([1]),
      at: new Date(1),
    });
    type Made = ReturnType<typeof made>;
    const reads = [
      () => cache.getOrSet('k', made),
      () => cache.get<Made>('k') as Promise<Made>,
      async () => cache.peek<Made>('k') as Made,
      async () => (await cache.getMany<Made>(['k']))[0] as Made,
      async () => (await cache.getEntry<Made>('k'))?.value as Made,
    ];
    for (const read of [...reads, ...reads]) {
      const value = await read();
      expect(value).toStrictEqual(made());
      value.map.set('b', { n: 2 });
      (value.map.get('a') as { n: number }).n = 5;
      value.set.clear();
      value.bytes[0] = 9;
      value.at.setTime(2);
    }
  });
});

test('frozen: plain values are the same, deep-frozen object for all readers, its first one included (6)', async () => {
  const { cache } = lonely();
  const first = await cache.getOrSet('k', () => ({ list: [{ n: 1 }], name: 'a' }));
  expect(await cache.get('k')).toBe(first);
  expect(cache.peek('k')).toBe(first);
  expect(() => first.list.push({ n: 2 })).toThrow(TypeError);
  expect(() => Object.assign(first.list[0] ?? {}, { n: 2 })).toThrow(TypeError);
  expect(() => Object.assign(first, { name: 'b' })).toThrow(TypeError);
  expect(await cache.get('k')).toStrictEqual({ list: [{ n: 1 }], name: 'a' });
});

test('frozen: what was passed in is not frozen', async () => {
  const { cache } = lonely();
  const given = { list: [1] };
  await cache.set('k', given);
  await cache.getOrSet('l', () => given);
  await cache.getMany(['k', 'l']);
  expect(Object.isFrozen(given) || Object.isFrozen(given.list)).toBe(false);
});

test('copy: each reader may change its own', async () => {
  const { cache } = lonely({ returns: 'copy' });
  const read = () => cache.getOrSet('k', () => ({ list: [1] }));
  const waiting = await Promise.all([read(), read()]);
  for (const value of [...waiting, await read(), await read()]) {
    expect(value).toStrictEqual({ list: [1] });
    value.list.push(2);
  }
});

test('the first getOrSet returns what later ones do: the value after its round trip (law 11)', async () => {
  class Money {
    readonly cents = 5;
    toJSON() {
      return { cents: 5 };
    }
  }
  const { node } = cluster();
  const [n1, n2] = [await node(), await node()];
  const sparse: number[] = [];
  sparse[2] = 1;
  for (const [key, value] of Object.entries({ plain: { a: 1 }, map: new Map([['a', 1]]), sparse, text: 'a' })) {
    const first = await n1.cache.getOrSet<unknown>(key, () => value);
    expect(first).toStrictEqual(await n1.cache.get(key));
    expect(first).toStrictEqual(await n2.cache.get(key));
    if (typeof value === 'object') expect(first).not.toBe(value);
  }
  const shared = await Promise.all([1, 2].map(() => n1.cache.getOrSet('shared', () => ({ a: 1 }))));
  expect(shared[0]).toBe(shared[1]);
  await expect(n1.cache.getOrSet('class', () => new Money())).rejects.toThrow(UnserializableError);
});

const UNSERIALIZABLE: [string, unknown][] = [
  ['a function', () => 1],
  ['a nested function', { a: [{ b: () => 1 }] }],
  ['a symbol', { a: Symbol('s') }],
  ['a class instance', { a: new (class Thing {})() }],
  ['a WeakMap', new WeakMap()],
  ['a promise', { a: Promise.resolve(1) }],
];

describe('what cannot survive is refused before anything is done', () => {
  test.each(UNSERIALIZABLE)('%s by set and setMany: the old values are still there', async (_, value) => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.set('k', 'old');
    await n1.cache.set('other', 'old');
    await n2.cache.get('k');
    await settle();
    n1.l2.calls.length = 0;
    const refusal = { name: 'UnserializableError', code: 'ERR_TIERWISE_UNSERIALIZABLE' };
    await expect(n1.cache.set('k', value)).rejects.toMatchObject(refusal);
    await expect(n1.cache.set('k', value, { ttl: 0 })).rejects.toMatchObject(refusal);
    await expect(
      n1.cache.setMany([
        ['other', 'new'],
        ['k', value],
      ]),
    ).rejects.toMatchObject(refusal);
    await settle();
    expect(n1.l2.calls).toEqual([]);
    for (const { cache } of [n1, n2]) {
      expect(cache.stats().writes.sets).toBe(cache === n1.cache ? 2 : 0);
      expect(await cache.getMany(['k', 'other'])).toEqual(['old', 'old']);
    }
    expect(n1.cache.peek('k')).toBe('old');
  });

  test.each(UNSERIALIZABLE)('%s from a loader: all who wait get the error, nothing is stored', async (_, value) => {
    const { cache, l2 } = await cluster().node();
    const waiting = [1, 2].map(() => cache.getOrSet('k', () => value));
    for (const result of await Promise.allSettled(waiting)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_TIERWISE_UNSERIALIZABLE' } });
    }
    expect(l2.count('write')).toBe(0);
    expect(cache.stats().loads).toMatchObject({ started: 1, failed: 1 });
    expect(await cache.getOrSet('k', () => 'good')).toBe('good');
  });

  test('one bad value of a batch fails its own key, and the others are kept', async () => {
    const { cache } = await cluster().node();
    await expect(cache.getOrSetMany<unknown>(['a', 'b'], () => [1, () => 2])).rejects.toMatchObject({
      code: 'ERR_TIERWISE_UNSERIALIZABLE',
    });
    await settle();
    expect(await cache.getMany(['a', 'b'])).toEqual([1, undefined]);
  });

  test('an earlier value survives a refresh to something that cannot', async () => {
    const { cache } = await cluster().node();
    await cache.set('k', 'old');
    await expect(cache.refresh('k', () => Symbol('s'))).rejects.toThrow(UnserializableError);
    expect(await cache.get('k')).toBe('old');
  });
});

describe('undefined is absence (4, law 10)', () => {
  test('set refuses it, alone and among others, and leaves the old value', async () => {
    const { cache, l2 } = await cluster().node();
    await cache.set('k', 'old');
    l2.calls.length = 0;
    const refusal = { code: 'ERR_TIERWISE_INVALID_VALUE', key: 'k', namespace: 'test' };
    await expect(cache.set('k', undefined)).rejects.toMatchObject(refusal);
    await expect(
      cache.setMany([
        ['a', 1],
        ['k', undefined],
      ]),
    ).rejects.toMatchObject(refusal);
    expect(l2.calls).toEqual([]);
    expect(await cache.getMany(['k', 'a'])).toEqual(['old', undefined]);
  });

  test.each([
    ['returned', () => undefined],
    ['resolved', async () => undefined],
    ['by skip()', ({ skip }: { skip(): undefined }) => skip()],
  ])('a loader that has none (%s): handed on, not kept, asked again', async (_, load) => {
    const { cache, l2 } = await cluster().node();
    expect(await cache.getOrSet('k', load)).toBeUndefined();
    expect(await cache.getOrSetMany(['k'], () => [undefined])).toEqual([undefined]);
    expect(await cache.has('k')).toBe(false);
    expect(l2.count('write')).toBe(0);
    await settle();
    expect(await cache.getOrSet('k', () => 'v')).toBe('v');
    expect(cache.stats().loads).toMatchObject({ started: 3, uncached: 2, stored: 1 });
  });

  test('skip() counts though the loader returns something', async () => {
    const { cache } = lonely();
    const value = await cache.getOrSet('k', ({ skip }) => {
      skip();
      return 'v';
    });
    expect(value).toBeUndefined();
    expect(cache.peek('k')).toBeUndefined();
  });
});

test('what L1 keeps encoded is no window on what came from L2', async () => {
  const store = new MemoryStore();
  const l2 = memoryL2(store);
  const slab = new Uint8Array(1_000);
  const read = l2.read.bind(l2);
  l2.read = async (...asked) =>
    (await read(...asked)).map((found) => {
      if (found?.status !== 'found') return found;
      slab.set(found.bytes, 100);
      return { ...found, bytes: slab.subarray(100, 100 + found.bytes.length) };
    });
  const writer = createHierarchy({ namespace: 'n', l2: memoryL2(store) });
  const reader = createHierarchy({ namespace: 'n', l2 });
  const value = new Map([['a', 1]]);
  await writer.set('k', value);
  expect(await reader.get('k')).toEqual(value);
  slab.fill(0);
  expect(reader.peek('k')).toEqual(value);
  await Promise.all([writer.close(), reader.close()]);
});
