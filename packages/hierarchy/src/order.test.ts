import { expect, test } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster } from '../test/nodes.js';
import type { Cache } from './index.js';

/** What changes a key, and what is there afterwards. */
const CHANGES: Record<string, { readonly run: (cache: Cache) => Promise<unknown>; readonly after: unknown }> = {
  set: { run: (cache) => cache.set('k', 'set'), after: 'set' },
  'set for an hour': { run: (cache) => cache.set('k', 'for an hour', { ttl: '1h' }), after: 'for an hour' },
  'set with tags': { run: (cache) => cache.set('k', 'with tags', { tags: ['t'] }), after: 'with tags' },
  'set for no time': { run: (cache) => cache.set('k', 'for no time', { ttl: 0 }), after: undefined },
  'setMany of one': { run: (cache) => cache.setMany([['k', 'of one']]), after: 'of one' },
  'setMany of two': {
    run: (cache) =>
      cache.setMany([
        ['k', 'of two'],
        ['other', 1],
      ]),
    after: 'of two',
  },
  delete: { run: (cache) => cache.delete('k'), after: undefined },
};
const NAMES = Object.keys(CHANGES);

test.each([
  ['in one turn, in a namespace new to this node,', 'new'],
  ['in one turn, in a namespace known to this node,', 'known'],
  ['in several turns, while the feed begins to follow,', 'following'],
])('of changes of a key %s the last one counts', async (_, how) => {
  const { node } = cluster();
  const [n1, n2] = [await node(), await node()];
  const wrong: string[] = [];
  for (const first of NAMES) {
    for (const second of NAMES) {
      for (const third of [undefined, ...NAMES]) {
        const names = [first, second, third].filter((name) => name !== undefined);
        const namespace = names.join('-').replaceAll(' ', '_');
        const cache = n1.cache.namespace(namespace);
        if (how === 'known') await cache.get('another');
        const following = how === 'following' ? n1.l2.hold('follow', 'back') : undefined;
        const changes: unknown[] = [];
        for (const name of names) {
          changes.push(CHANGES[name]?.run(cache));
          if (how === 'following') await new Promise((resolve) => setImmediate(resolve));
        }
        following?.release();
        await Promise.all(changes);
        await settle();
        const expected = CHANGES[names.at(-1) as string]?.after;
        const seen = [await cache.get('k'), await n2.cache.namespace(namespace).get('k')];
        if (seen.some((value) => value !== expected)) wrong.push(`${namespace}: ${seen}, not ${expected}`);
      }
    }
  }
  expect(wrong).toEqual([]);
});
