import { describe, expect, test } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely } from '../test/nodes.js';

describe('namespaces are disjoint (9)', () => {
  const NAMES = ['users', 'usersAbc', 'users:abc', 'user*', '*', 'a{b}', '[u]sers', 'Users', '%3A'];

  test.each(['clear', 'expire', 'purge'] as const)(
    '%s of one leaves all others, those below it included',
    async (how) => {
      const { node } = cluster();
      const nodes = [await node(), await node()] as const;
      for (const cleared of NAMES) {
        for (const name of NAMES) await nodes[0].cache.namespace(name).set('k', name, { tags: ['t'] });
        await nodes[0].cache.set('k', 'root');
        for (const name of NAMES) await nodes[1].cache.namespace(name).get('k');
        const space = nodes[1].cache.namespace(cleared);
        if (how === 'purge') expect(await space.purge()).toBe(1);
        else await space.clear(how === 'clear' ? {} : { mode: 'expire' });
        await settle();
        for (const { cache } of nodes) {
          for (const name of NAMES) {
            const expected = name === cleared ? undefined : name;
            expect(cache.namespace(name).peek('k'), `${name} after ${how} of ${cleared}`).toBe(
              cache === nodes[0].cache || name !== cleared ? expected : undefined,
            );
            expect(await cache.namespace(name).get('k'), `${name} after ${how} of ${cleared}`).toBe(expected);
          }
          expect(await cache.get('k')).toBe('root');
        }
      }
    },
  );

  test('clear of the root leaves its children, in L1 as well', async () => {
    const { node } = cluster();
    const { cache, l2 } = await node();
    const child = cache.namespace('child');
    await cache.set('k', 'root');
    await child.set('k', 'child');
    await cache.clear();
    l2.calls.length = 0;
    expect([cache.peek('k'), child.peek('k')]).toEqual([undefined, 'child']);
    expect(await child.get('k')).toBe('child');
    expect(l2.calls).toEqual([]);
    expect(await cache.get('k')).toBeUndefined();
  });

  test('tags of one mean nothing in another; delete, expire and touch neither', async () => {
    const { cache } = await cluster().node();
    const [a, b] = [cache.namespace('a'), cache.namespace('b')];
    await a.set('k', 'a', { tags: ['t'] });
    await b.set('k', 'b', { tags: ['t'] });
    await b.invalidateTags(['t']);
    expect([await a.get('k'), await b.get('k')]).toEqual(['a', undefined]);
    await a.set('only in a', 'a');
    for (const how of ['delete', 'expire', 'touch'] as const) {
      expect(await b[how]('only in a')).toBe(false);
      expect(await a.get('only in a')).toBe('a');
    }
  });

  test('a key of the root never meets one of a child, whatever it is spelt like', async () => {
    for (const { cache } of [lonely(), await cluster().node()]) {
      const child = cache.namespace('child');
      await child.set('k', 'child');
      await cache.set('k', 'root');
      for (const key of ['child:k', 'test:child:k', ':child:k']) {
        expect(await cache.get(key)).toBeUndefined();
        await cache.set(key, 'other');
      }
      // No key at all, and so nothing that any check has let through: this is how L1 spells the child's.
      for (const key of ['\u0000test:child\u0000k', 'test:child\u0000k']) {
        await expect(cache.getOrSet(key, () => 'loaded')).rejects.toMatchObject({ code: 'ERR_TIERWISE_INVALID_KEY' });
        expect(() => cache.peek(key)).toThrow('control characters');
      }
      expect(await child.get('k')).toBe('child');
      expect(await cache.get('k')).toBe('root');
    }
  });

  test('two hierarchies of other namespaces on one L2 do not meet', async () => {
    const { node } = cluster();
    const [users, usersAbc] = [await node({ namespace: 'users' }), await node({ namespace: 'usersAbc' })];
    await users.cache.set('k', 1);
    await usersAbc.cache.set('k', 2);
    await users.cache.clear();
    await settle();
    expect(await users.cache.get('k')).toBeUndefined();
    expect(await usersAbc.cache.get('k')).toBe(2);
  });
});

describe('handles of one namespace', () => {
  test('share flights, values and figures (13)', async () => {
    const { cache, l2 } = await cluster().node();
    const [one, two] = [cache.namespace('a'), cache.namespace('a')];
    const loader = new HandLoader<string>();
    const waiting = [
      one.getOrSet('k', loader.load),
      two.getOrSet('k', loader.load),
      two.getOrSetMany(['k'], () => ['no']),
    ];
    await loader.begun();
    loader.finish('v');
    expect(await Promise.all(waiting)).toEqual(['v', 'v', ['v']]);
    expect(loader.count).toBe(1);
    expect(l2.count('read')).toBe(1);
    expect([one.peek('k'), two.peek('k')]).toEqual(['v', 'v']);
    expect(one.stats()).toEqual(two.stats());
    expect([one.name, two.name]).toEqual(['test:a', 'test:a']);
  });

  test('by whichever way: a child of a child is named by its path', async () => {
    const { cache } = await cluster().node();
    await cache.namespace('a').namespace('b').set('k', 'v');
    expect(cache.namespace('a:b').peek('k')).toBe('v');
    expect(await cache.namespace('a').get('k')).toBeUndefined();
  });

  test('have defaults of their own: call > definition > namespace > hierarchy', async () => {
    const { cache } = lonely({ ttl: '1h' });
    const freshOf = async (of: typeof plain, key: string) => (await of.getEntry(key))?.freshMs;
    const plain = cache.namespace('a');
    const brief = cache.namespace('a', { ttl: '10s' });
    const below = brief.namespace('b');
    const definition = brief.define({ key: (n: number) => `d${n}`, load: (n) => n, ttl: '20s' });
    await plain.set('plain', 1);
    await brief.set('brief', 1);
    await below.set('below', 1);
    await brief.set('call', 1, { ttl: '5s' });
    await definition.get(1);
    expect(await freshOf(plain, 'plain')).toBe(3_600_000);
    expect(await freshOf(plain, 'brief')).toBe(10_000);
    expect(await freshOf(below, 'below')).toBe(10_000);
    expect(await freshOf(plain, 'call')).toBe(5_000);
    expect(await freshOf(plain, 'd1')).toBe(20_000);
    expect(await plain.touch('d1')).toBe(true);
    expect(await freshOf(plain, 'd1')).toBe(3_600_000);
    await definition.touch(1);
    expect(await freshOf(plain, 'd1')).toBe(20_000);
  });

  test('have figures of their own, which add up to those of the hierarchy', async () => {
    const { cache } = lonely();
    await cache.namespace('a').set('k', 1);
    await cache.namespace('a').get('k');
    await cache.namespace('b').get('k');
    const { namespaces, l1, writes } = cache.stats();
    expect(Object.keys(namespaces)).toEqual(['test', 'test:a', 'test:b']);
    expect(namespaces['test:a']?.l1).toEqual({ gets: 1, hits: 1, misses: 0 });
    expect(namespaces['test:b']?.l1).toEqual({ gets: 1, hits: 0, misses: 1 });
    expect([l1, writes.sets]).toEqual([{ gets: 2, hits: 1, misses: 1 }, 1]);
  });
});
