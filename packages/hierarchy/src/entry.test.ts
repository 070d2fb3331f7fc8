import { AsyncLocalStorage } from 'node:async_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { cluster, HandLoader, lonely, type Node } from '../test/nodes.js';

/** What freezing does not protect. */
const UNFREEZABLE: [string, () => unknown][] = [
  ['Map', () => new Map([['n', { m: 1 }]])],
  ['Set', () => new Set([1])],
  ['Date', () => new Date(0)],
  ['Buffer', () => Buffer.from('abc')],
  ['typed array', () => new Float64Array([1, 2])],
  ['Map in an object', () => ({ deep: [new Map([[1, 1]])] })],
];

const READS: [string, (cache: Node['cache']) => Promise<unknown>][] = [
  ['get', (cache) => cache.get('k')],
  ['getOrSet', (cache) => cache.getOrSet('k', () => 'loaded')],
];

describe.each(READS)('hits by %s', (_, read) => {
  test.each([
    ['an object', { a: [1] }],
    ['a string', 'v'],
    ['null', null],
    ['false', false],
    ['NaN', Number.NaN],
  ])('of %s share one promise, as they share the value', async (_, value) => {
    const { cache } = lonely();
    await cache.set('k', value);
    const answer = read(cache);
    expect(read(cache)).toBe(answer);
    expect(await answer).toEqual(value);
    expect(Object.isFrozen(await answer)).toBe(true);
  });

  test('answer with the later value once it was set', async () => {
    const { cache } = lonely();
    await cache.set('k', 1);
    expect(await read(cache)).toBe(1);
    await cache.set('k', 2);
    expect(await read(cache)).toBe(2);
  });

  test('answer with the same value after it got another life', async () => {
    const { cache, clock } = lonely({ ttl: '10s' });
    await cache.set('k', { a: 1 });
    const before = await read(cache);
    await cache.touch('k', { ttl: '1m' });
    await clock.advance(30_000);
    expect(await read(cache)).toBe(before);
  });

  test('of a value with a field then, which is no promise, are answered with it', async () => {
    const { cache } = lonely();
    const value = Object.fromEntries([['then', 'later']]);
    await cache.set('k', value);
    await read(cache);
    expect(await read(cache)).toEqual(value);
  });

  test.each(UNFREEZABLE)('of a %s are copies, each reader one', async (_, make) => {
    const { cache } = lonely();
    await cache.set('k', make());
    const values = [await read(cache), await read(cache), ...(await Promise.all([read(cache), read(cache)]))];
    for (const value of values) expect(value).toEqual(make());
    expect(new Set(values).size).toBe(values.length);
  });

  test("with returns: 'copy' are copies, each reader one", async () => {
    const { cache } = lonely({ returns: 'copy' });
    await cache.set('k', { a: [1] });
    const first = (await read(cache)) as { a: number[] };
    first.a.push(2);
    expect(await read(cache)).toEqual({ a: [1] });
  });
});

describe('those who share one wait', () => {
  test.each(UNFREEZABLE)('for a look into L2 that finds a %s have a copy each', async (_, make) => {
    const { node } = cluster();
    const [writer, reader] = [await node(), await node({ loadTimeout: { hard: '1h' } })];
    await writer.cache.set('k', make());
    const values = await Promise.all(READS.flatMap(([, read]) => [read(reader.cache), read(reader.cache)]));
    for (const value of values) expect(value).toEqual(make());
    expect(new Set(values).size).toBe(values.length);
    expect(reader.l2.count('read')).toBe(1);
  });

  test.each([
    ['a Map', {}, () => new Map([[1, 1]])],
    ["an object, with returns: 'copy',", { returns: 'copy' }, () => ({ a: [1] })],
  ] as const)('for a load of %s have a copy each', async (_, options, make) => {
    const { cache } = lonely(options);
    const loader = new HandLoader<object>();
    const reads = [1, 2, 3].map(() => cache.getOrSet('k', loader.load));
    await loader.begun();
    const loaded = make();
    loader.finish(loaded);
    const values = await Promise.all(reads);
    for (const value of values) expect(value).toEqual(make());
    expect(new Set([loaded, ...values]).size).toBe(4);
  });
});

test('an entry that is hit keeps nothing alive of the request that hit it first', async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const requests = new AsyncLocalStorage<object>();
  const { cache } = lonely();
  await cache.set('k', 'v');
  const request = await (async () => {
    const request = { body: new Uint8Array(8) };
    await requests.run(request, () => cache.get('k'));
    return new WeakRef(request);
  })();
  // What was looked at in a turn is kept until its end.
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
  expect(request.deref()).toBeUndefined();
});
