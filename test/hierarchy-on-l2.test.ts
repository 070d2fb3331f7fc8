import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createHierarchy, type Hierarchy, type HierarchyOptions } from '@tierwise/hierarchy';
import type { L2, L2News } from '@tierwise/l2';
import { embeddedL2 } from '@tierwise/l2-embedded';
import { redisL2 } from '@tierwise/l2-redis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { NodeProcess } from './support/node-process.js';

/** How long news, or a process, may take before a test fails. Nothing waits for it when all is well. */
const PATIENCE_MS = 10_000;

type Backend = 'redis' | 'embedded';

/** Where the nodes of one test meet: a namespace of its own on the shared Redis, or a directory of its own. */
interface Place {
  readonly backend: Backend;
  readonly where: string;
  readonly namespace: string;
}

async function place(backend: Backend): Promise<Place> {
  const namespace = randomUUID();
  if (backend === 'redis') return { backend, where: process.env['TIERWISE_TEST_REDIS_URL'] ?? '', namespace };
  const where = await mkdtemp(join(tmpdir(), 'tierwise-'));
  onTestFinished(() => rm(where, { recursive: true, force: true }));
  return { backend, where, namespace };
}

function l2At({ backend, where }: Place): L2 {
  return backend === 'redis' ? redisL2({ url: where }) : embeddedL2({ dir: where });
}

/** `count` hierarchies that know each other by the store alone. */
async function nodes(at: Place, count = 2, options: Partial<HierarchyOptions> = {}): Promise<Hierarchy[]> {
  const made = Array.from({ length: count }, () =>
    createHierarchy({ namespace: at.namespace, l2: l2At(at), ...options }),
  );
  onTestFinished(async () => {
    for (const cache of made) {
      expect(cache.stats().underWay).toEqual({ flights: 0, tokens: 0 });
      await cache.close();
    }
  });
  await Promise.all(made.map((cache) => cache.ready()));
  return made;
}

async function twoNodes(backend: Backend, options?: Partial<HierarchyOptions>): Promise<[Hierarchy, Hierarchy]> {
  const [n1, n2] = await nodes(await place(backend), 2, options);
  if (n1 === undefined || n2 === undefined) throw new Error('two were asked for');
  return [n1, n2];
}

/** Does something on one node, and waits until another one has heard of it. */
async function heardBy(cache: Hierarchy, act: () => Promise<unknown>, isIt: (news: L2News) => boolean): Promise<void> {
  const heard = new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no news within ${PATIENCE_MS} ms`)), PATIENCE_MS);
    const off = cache.on('news', ({ news }) => {
      if (!isIt(news)) return;
      clearTimeout(late);
      off();
      resolve();
    });
  });
  await Promise.all([act(), heard]);
}

/** Asks again and again until the answer is as it should be, or too late. */
async function until(ask: () => boolean | Promise<boolean>): Promise<void> {
  const late = performance.now() + PATIENCE_MS;
  while (!(await ask())) {
    if (performance.now() > late) throw new Error(`not within ${PATIENCE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function promise<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const made = new Promise<T>((go) => {
    resolve = go;
  });
  return { promise: made, resolve };
}

const changed = (cause: string) => (news: L2News) => news.type === 'changed' && news.cause === cause;
const marked = (news: L2News) => news.type === 'marks';

const VALUES: Record<string, unknown> = {
  null: null,
  zero: 0,
  false: false,
  empty: '',
  date: new Date(1_763_000_000_123),
  map: new Map([['a', new Set([1n])]]),
  buffer: randomBytes(3_000),
  floats: new Float64Array([0.5, -0]),
  nested: { a: undefined, b: [undefined, { c: 'Größe 🚀' }] },
  large: 'x'.repeat(1_000_000),
};

describe.each<Backend>(['redis', 'embedded'])('a hierarchy on %s', { timeout: 30_000 }, (backend) => {
  test('values of every kind come back equal on another node, which then asks L1 (laws 10 and 11)', async () => {
    const [n1, n2] = await twoNodes(backend);
    const keys = Object.keys(VALUES);
    const heard = new Set<string>();
    // What was read before the news of its write came would be dropped again.
    await heardBy(
      n2,
      () => n1.setMany(Object.entries(VALUES)),
      (news) => {
        if (news.type === 'changed') for (const key of news.keys) heard.add(key);
        return heard.size === keys.length;
      },
    );
    for (const tier of ['l2', 'l1']) {
      for (const key of keys) {
        const entry = await n2.getEntry(key);
        expect(entry).toMatchObject({ key, tier });
        expect(entry?.value).toStrictEqual(VALUES[key]);
      }
    }
    expect(await n2.getMany(keys)).toStrictEqual(Object.values(VALUES));
    expect(n2.stats().l2).toMatchObject({ hits: keys.length, misses: 0 });
  });

  test('keys of any content work, and no two meet (10)', async () => {
    const [n1, n2] = await twoNodes(backend);
    const keys = [
      'a',
      'a:b',
      ':',
      '{',
      '}',
      '{a}b',
      '%7B',
      ' ',
      '*',
      'ß'.repeat(1_000),
      'x'.repeat(1_000),
      '🚀',
      'e\u0301',
    ];
    await n1.setMany(keys.map((key, index) => [key, index]));
    expect(await n2.getMany(keys)).toEqual(keys.map((_, index) => index));
    await n1.delete('a');
    expect(await n1.getMany(keys)).toEqual(keys.map((_, index) => (index === 0 ? undefined : index)));
  });

  test('a batch of 2,000 keys: stored, read and loaded', async () => {
    const [n1, n2] = await twoNodes(backend);
    const keys = Array.from({ length: 2_000 }, (_, n) => `k${n}`);
    await n1.setMany(keys.slice(0, 1_000).map((key) => [key, `set ${key}`]));
    const asked: (readonly string[])[] = [];
    const values = await n2.getOrSetMany(keys, (missing) => {
      asked.push(missing);
      return missing.map((key) => `loaded ${key}`);
    });
    expect(asked).toEqual([keys.slice(1_000)]);
    const expected = keys.map((key, index) => `${index < 1_000 ? 'set' : 'loaded'} ${key}`);
    expect(values).toEqual(expected);
    expect(await n1.getMany(keys)).toEqual(expected);
  });

  test('deadlines are the same on all nodes (law 3)', async () => {
    const [n1, n2] = await twoNodes(backend, { ttl: '1h' });
    const before = performance.now();
    await heardBy(n2, () => n1.set('k', 'v', { ttl: '400ms' }), changed('write'));
    expect(await n2.getOrSet('k', () => 'loaded')).toBe('v');
    const freshMs = (await n2.getEntry('k'))?.freshMs ?? 0;
    expect(freshMs).toBeGreaterThan(0);
    expect(freshMs).toBeLessThanOrEqual(400);
    await until(() => n2.peek('k') === undefined);
    // What a busy machine takes comes on top.
    expect(performance.now() - before).toBeLessThan(400 + 1_000);
    await until(async () => (await n1.get('k')) === undefined);
    expect(await n1.touch('k')).toBe(false);
  });

  test('peers hear of set, touch, expire and delete', async () => {
    const [n1, n2] = await twoNodes(backend);
    await heardBy(n2, () => n1.set('k', 'old'), changed('write'));
    expect(await n2.get('k')).toBe('old');
    await heardBy(n2, () => n1.set('k', 'new'), changed('write'));
    expect(n2.peek('k')).toBeUndefined();
    expect(await n2.get('k')).toBe('new');
    await heardBy(n2, () => n1.touch('k', { ttl: '1h' }), changed('touch'));
    expect((await n2.getEntry('k'))?.freshMs).toBeGreaterThan(3_590_000);
    await heardBy(n2, () => n1.expire('k'), changed('expire'));
    expect(await n2.get('k')).toBeUndefined();
    await heardBy(n1, () => n2.set('k', 'again'), changed('write'));
    expect(await n1.get('k')).toBe('again');
    await heardBy(n1, () => n2.delete('k'), changed('delete'));
    expect(n1.peek('k')).toBeUndefined();
    expect(await n1.get('k')).toBeUndefined();
  });

  test('peers hear of tags and clear; what is stored afterwards stays (28)', async () => {
    const [n1, n2] = await twoNodes(backend);
    const fill = async () => {
      await heardBy(n2, () => n1.set('tagged', 1, { tags: ['a', 'b'] }), changed('write'));
      await heardBy(n2, () => n1.set('other', 2, { tags: ['b'] }), changed('write'));
      await heardBy(n2, () => n1.set('plain', 3), changed('write'));
      expect(await n2.getMany(['tagged', 'other', 'plain'])).toEqual([1, 2, 3]);
    };
    await fill();
    await heardBy(n2, () => n1.invalidateTags(['a']), marked);
    for (const cache of [n1, n2]) {
      expect([cache.peek('tagged'), cache.peek('other'), cache.peek('plain')]).toEqual([undefined, 2, 3]);
      expect(await cache.getMany(['tagged', 'other', 'plain'])).toEqual([undefined, 2, 3]);
    }
    await fill();
    await heardBy(n1, () => n2.clear(), marked);
    for (const cache of [n1, n2]) {
      expect(await cache.getMany(['tagged', 'other', 'plain'])).toEqual([undefined, undefined, undefined]);
    }
    await fill();
    expect(await n1.purge()).toBe(3);
    expect(await n1.has('plain')).toBe(false);
  });

  test('namespaces are disjoint: clear and purge of one leave the others (9)', async () => {
    const [n1, n2] = await twoNodes(backend);
    const names = ['users', 'usersAbc', 'users:abc', 'user*', '{users}'];
    for (const name of names) await n1.namespace(name).set('k', name);
    await n1.set('k', 'root');
    await heardBy(n1, () => n2.namespace('users').clear(), marked);
    const reset = (news: L2News) => news.type === 'reset';
    await heardBy(n1, async () => expect(await n2.namespace('user*').purge()).toBe(1), reset);
    for (const cache of [n1, n2]) {
      for (const name of names) {
        const gone = name === 'users' || name === 'user*';
        expect(await cache.namespace(name).get('k')).toBe(gone ? undefined : name);
      }
      expect(await cache.get('k')).toBe('root');
    }
  });

  test('two nodes miss a key at once: one load, its value on both (law 2)', async () => {
    const [n1, n2] = await twoNodes(backend);
    const [begun, end] = [promise<void>(), promise<string>()];
    const first = n1.getOrSet('k', () => {
      begun.resolve();
      return end.promise;
    });
    await begun.promise;
    const others = [n2.getOrSet('k', () => 'loaded twice'), n2.getOrSetMany(['k'], () => ['loaded twice'])];
    await until(() => n2.stats().loads.elsewhere > 0);
    end.resolve('v');
    expect(await Promise.all([first, ...others])).toEqual(['v', 'v', ['v']]);
    expect(n2.stats().loads).toMatchObject({ started: 0, elsewhere: 1 });
  });

  test("a load that fails on one node hands the lease to the other, which gets the source's answer", async () => {
    const [n1, n2] = await twoNodes(backend, { lease: { ttl: '1m', wait: '1m' } });
    const [begun, end] = [promise<void>(), promise<void>()];
    const first = n1.getOrSet('k', async () => {
      begun.resolve();
      await end.promise;
      throw new Error('down');
    });
    const refused = expect(first).rejects.toThrow('down');
    await begun.promise;
    const second = n2.getOrSet('k', () => 'v');
    await until(() => n2.stats().loads.elsewhere > 0);
    end.resolve();
    await refused;
    // Else it would wait until the lease runs out, which is longer than this test may take.
    expect(await second).toBe('v');
  });

  test.each(['delete', 'expire', 'set', 'invalidateTags', 'clear'] as const)(
    'a peer does %s while a load is under way: its value is not kept in any tier (law 1)',
    async (how) => {
      const [n1, n2] = await twoNodes(backend);
      const [begun, end] = [promise<void>(), promise<string>()];
      const load = n1.getOrSet(
        'k',
        () => {
          begun.resolve();
          return end.promise;
        },
        { tags: ['t'] },
      );
      await begun.promise;
      const act = {
        delete: () => n2.delete('k'),
        expire: () => n2.expire('k'),
        set: () => n2.set('k', 'set'),
        invalidateTags: () => n2.invalidateTags(['t']),
        clear: () => n2.clear(),
      };
      await heardBy(n1, act[how], (news) => news.type === 'changed' || news.type === 'marks');
      end.resolve('old');
      expect(await load).toBe('old');
      const expected = how === 'set' ? 'set' : undefined;
      for (const cache of [n1, n2]) expect(await cache.get('k')).toBe(expected);
    },
  );

  test('encrypted, with hidden names: two nodes share everything, one with another key sees nothing', async () => {
    const at = await place(backend);
    const [key, names] = [randomBytes(32), randomBytes(32)];
    const encryption = { keys: [{ id: 'a', key }], hideNames: { key: names } };
    const [n1, n2] = await nodes(at, 2, { encryption });
    const [other] = await nodes(at, 1, {
      encryption: { keys: [{ id: 'a', key: randomBytes(32) }], hideNames: { key: names } },
    });
    if (n1 === undefined || n2 === undefined || other === undefined) throw new Error('three were asked for');
    await n1.set('user:1', { name: 'Ada' }, { tags: ['users'] });
    expect(await n2.getEntry('user:1')).toMatchObject({ key: 'user:1', value: { name: 'Ada' }, tags: ['users'] });
    expect(await other.get('user:1')).toBeUndefined();
    expect(other.stats().l2.damaged).toBe(1);
    await heardBy(n2, () => n1.set('user:1', { name: 'Grace' }, { tags: ['users'] }), changed('write'));
    expect(await n2.get('user:1')).toEqual({ name: 'Grace' });
    await heardBy(n1, () => n2.invalidateTags(['users']), marked);
    for (const cache of [n1, n2]) expect(await cache.get('user:1')).toBeUndefined();
    expect(await other.getOrSet('user:1', () => 'loaded')).toBe('loaded');
  });

  test('a process that uses and closes it ends by itself (law 12)', async () => {
    const at = await place(backend);
    const code = `
      import { createHierarchy } from '@tierwise/hierarchy';
      import { ${backend}L2 } from '@tierwise/l2-${backend}';
      const options = ${JSON.stringify(backend === 'redis' ? { url: at.where } : { dir: at.where })};
      const cache = createHierarchy({ namespace: ${JSON.stringify(at.namespace)}, l2: ${backend}L2(options) });
      await cache.getOrSet('k', () => 'v', { tags: ['t'] });
      await cache.namespace('child').set('k', 1);
      console.log(await cache.get('k'));
      await cache.close();
    `;
    const args = ['--unhandled-rejections=strict', '--input-type=module', '--eval', code];
    const cwd = import.meta.dirname;
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd, timeout: PATIENCE_MS });
    expect([stdout.trim(), stderr]).toEqual(['v', '']);
  });
});

describe.each<Backend>(['redis', 'embedded'])('processes that share %s', { timeout: 30_000 }, (backend) => {
  async function processes(at: Place, count: number, options: Record<string, unknown> = {}): Promise<NodeProcess[]> {
    const made = Array.from({ length: count }, () => new NodeProcess({ ...at, options }));
    onTestFinished(async () => {
      await Promise.all(made.map((node) => node.close()));
    });
    await Promise.all(made.map((node) => node.ask('ready')));
    return made;
  }

  const loadsOf = async (all: readonly NodeProcess[]) => Promise.all(all.map((node) => node.ask<number>('loads')));

  test('four miss one key at once: one load, the same value for all (law 2)', async () => {
    const all = await processes(await place(backend), 4);
    const answers = await Promise.all(all.map((node) => node.ask('getOrSet', { key: 'k', loadMs: 100 })));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect((await loadsOf(all)).sort()).toEqual([0, 0, 0, 1]);
  });

  test("the lease's holder is killed: exactly one other takes over (16)", async () => {
    const [holder, ...others] = await processes(await place(backend), 4, { lease: { ttl: '1s' } });
    if (holder === undefined) throw new Error('four were asked for');
    const lost = expect(holder.ask('getOrSet', { key: 'k', loadMs: 60_000 })).rejects.toThrow('ended');
    await until(async () => (await holder.ask<number>('loads')) === 1);
    const waiting = others.map((node) => node.ask('getOrSet', { key: 'k', loadMs: 50 }));
    const killed = performance.now();
    holder.kill();
    await lost;
    const answers = await Promise.all(waiting);
    // The lease's time, the load, and what three processes on a busy machine take.
    expect(performance.now() - killed).toBeLessThan(1_000 + 50 + 3_000);
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect((await loadsOf(others)).sort()).toEqual([0, 0, 1]);
  });

  test('a write in this process is what the others read', async () => {
    const at = await place(backend);
    const [node] = await processes(at, 1);
    const [here] = await nodes(at, 1);
    if (node === undefined || here === undefined) throw new Error('one of each was asked for');
    await here.set('k', { n: 1 }, { tags: ['t'] });
    expect(await node.ask('get', { key: 'k' })).toEqual({ n: 1 });
    await here.set('k', { n: 2 }, { tags: ['t'] });
    await until(async () => JSON.stringify(await node.ask('get', { key: 'k' })) === '{"n":2}');
    await here.invalidateTags(['t']);
    await until(async () => (await node.ask('get', { key: 'k' })) === undefined);
  });
});
