import { describe, expect, test } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely } from '../test/nodes.js';
import type { WrapOptions } from './index.js';

interface User {
  readonly id: number;
  readonly name: string;
}

const user = (id: number): User => ({ id, name: `user ${id}` });

describe('define', () => {
  test('makes key, tags and value of typed parameters', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const loaded: number[] = [];
    const [users, theirs] = [n1, n2].map(({ cache }) =>
      cache.define({
        key: ({ id }: { id: number }) => `user:${id}`,
        load: ({ id }, { key, signal }) => {
          loaded.push(id);
          expect([key, signal.aborted]).toEqual([`user:${id}`, false]);
          return user(id);
        },
        ttl: '10s',
        l1Ttl: '5s',
        tags: ({ id }) => ['users', `user ${id}`],
      }),
    );
    if (users === undefined || theirs === undefined) throw new Error('two nodes, two definitions');
    expect(users.keyOf({ id: 7 })).toBe('user:7');
    expect(await users.get({ id: 7 })).toEqual(user(7));
    expect(await theirs.get({ id: 7 })).toEqual(user(7));
    expect(users.peek({ id: 7 })).toEqual(user(7));
    expect(users.peek({ id: 8 })).toBeUndefined();
    expect(loaded).toEqual([7]);
    expect(await n1.cache.getEntry('user:7')).toMatchObject({ freshMs: 10_000, tags: ['users', 'user 7'] });

    await users.set({ id: 8 }, { id: 8, name: 'set' });
    expect(await theirs.get({ id: 8 })).toEqual({ id: 8, name: 'set' });
    await n2.cache.invalidateTags(['user 8']);
    await settle();
    expect(await users.get({ id: 8 })).toEqual(user(8));
    expect(await users.refresh({ id: 8 })).toEqual(user(8));
    expect(loaded).toEqual([7, 8, 8]);
    expect(await users.touch({ id: 8 })).toBe(true);
    expect(await users.expire({ id: 8 })).toBe(true);
    expect(users.peek({ id: 8 })).toBeUndefined();
    expect(await users.delete({ id: 7 })).toBe(true);
    await settle();
    expect(theirs.peek({ id: 7 })).toBeUndefined();
  });

  test('getMany without loadMany loads each by itself, in order', async () => {
    const { cache, l2 } = await cluster().node();
    const users = cache.define({ key: (id: number) => `user:${id}`, load: user });
    await users.get(2);
    l2.calls.length = 0;
    expect(await users.getMany([3, 2, 1, 3])).toEqual([3, 2, 1, 3].map(user));
    expect(cache.stats().loads.started).toBe(3);
    expect(l2.count('read')).toBe(1);
  });

  test('getMany with loadMany loads what is missing at once, by parameters, and shares its flights', async () => {
    const { cache } = await cluster().node();
    const asked: unknown[] = [];
    const single = new HandLoader<User>();
    const users = cache.define({
      key: ({ id }: { id: number }) => `user:${id}`,
      load: (_, context) => single.load(context),
      loadMany: async (list) => {
        asked.push(list);
        return list.map(({ id }) => (id === 4 ? undefined : user(id)));
      },
      tags: ({ id }) => [`user ${id}`],
    });
    await users.set({ id: 1 }, user(1));
    const two = users.get({ id: 2 });
    await single.begun();
    const many = users.getMany([{ id: 3 }, { id: 1 }, { id: 4 }, { id: 2 }, { id: 3 }]);
    await settle();
    single.finish(user(2));
    expect(await many).toEqual([user(3), user(1), undefined, user(2), user(3)]);
    expect(await two).toEqual(user(2));
    expect(asked).toEqual([[{ id: 3 }, { id: 4 }]]);
    expect(await cache.getEntry('user:3')).toMatchObject({ tags: ['user 3'] });
  });

  test('takes a signal', async () => {
    const { cache } = lonely();
    const loader = new HandLoader<number>();
    const numbers = cache.define({ key: (n: number) => `${n}`, load: (_, context) => loader.load(context) });
    for (const call of [numbers.get, numbers.refresh]) {
      const controller = new AbortController();
      const waiting = call(1, { signal: controller.signal });
      await settle();
      controller.abort(new Error('gone'));
      await expect(waiting).rejects.toThrow('gone');
      expect(loader.contexts.at(-1)?.signal.aborted).toBe(true);
      loader.finish(1);
      await settle();
    }
  });

  test('parameters that no key can be made of reject, and load nothing', async () => {
    const { cache } = lonely();
    const users = cache.define({ key: (id: number) => (id > 0 ? `${id}` : ''), load: user });
    await expect(users.get(0)).rejects.toMatchObject({ code: 'ERR_TIERWISE_INVALID_KEY' });
    await expect(users.getMany([1, 0])).rejects.toMatchObject({ code: 'ERR_TIERWISE_INVALID_KEY' });
    await settle();
    expect(users.peek(1)).toEqual(user(1));
  });
});

describe('wrap', () => {
  test('calls the function for what is not there, with its arguments', async () => {
    const { node } = cluster();
    const { cache, clock } = await node();
    const calls: unknown[] = [];
    const add = cache.wrap(
      async (a: number, b: number) => {
        calls.push([a, b]);
        return a + b;
      },
      { key: (a, b) => `${a}+${b}`, ttl: '10s', tags: (a) => [`from ${a}`] },
    );
    expect(await Promise.all([add(1, 2), add(1, 2), add(2, 1)])).toEqual([3, 3, 3]);
    expect(await add(1, 2)).toBe(3);
    expect(calls).toEqual([
      [1, 2],
      [2, 1],
    ]);
    expect(await cache.getEntry('1+2')).toMatchObject({ freshMs: 10_000, tags: ['from 1'] });
    await cache.invalidateTags(['from 1']);
    await add(1, 2);
    await clock.advance(10_000);
    await add(2, 1);
    expect(calls).toHaveLength(4);
  });

  test('takes tags that are the same for all arguments', async () => {
    const { cache } = lonely();
    const one = cache.wrap(() => 1, { key: () => 'one', tags: ['t'] });
    await one();
    expect(await cache.getEntry('one')).toMatchObject({ tags: ['t'] });
  });

  const noKey: () => never = () => {
    throw new Error('no key');
  };

  test.each<[string, WrapOptions<[]>]>([
    ['the key', { key: noKey }],
    ['the tags', { key: () => 'k', tags: noKey }],
  ])('a function for %s that throws rejects the call: it never throws by itself', async (_, options) => {
    const { cache } = lonely();
    const wrapped = cache.wrap(() => 1, options);
    const result = wrapped();
    expect(result).toBeInstanceOf(Promise);
    await expect(result).rejects.toThrow('no key');
  });

  test('a function that throws or rejects hands its error on, and is called again', async () => {
    const { cache } = lonely();
    let calls = 0;
    const wrapped = cache.wrap(
      () => {
        calls += 1;
        if (calls === 1) throw new Error('first');
        return calls;
      },
      { key: () => 'k' },
    );
    await expect(Promise.all([wrapped(), wrapped()])).rejects.toThrow('first');
    expect(await wrapped()).toBe(2);
  });
});
