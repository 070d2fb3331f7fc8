import { L2InvalidError } from '@tierwise/l2';
import { expect, test } from 'vitest';
import { JournalDouble } from '../test/journal-double.js';
import { settle } from '../test/manual-clock.js';
import { cluster, type Node } from '../test/nodes.js';
import { cut, DOWN, mend } from '../test/outage.js';
import type { JournalRecord } from './index.js';

/** Interleavings of an outage that were found by looking for ways around its guards. */

test('where time is not shared: a read that begins between a clear and its replay does not see what was before it', async () => {
  const n1 = await cluster().node({ without: ['time'] });
  await n1.cache.set('k', 'old');
  n1.l2.break(DOWN, 'purge');
  await n1.cache.clear();
  const answer = n1.l2.hold('read', 'back');
  const got = n1.cache.get('k');
  const loaded = n1.cache.getOrSet('k', () => 'new');
  await settle();
  await mend(n1);
  answer.release();
  expect([await got, await loaded]).toEqual([undefined, 'new']);
});

test('what a journal finds of earlier processes only when it has recovered counts before all that came since', async () => {
  const { node } = cluster();
  const peer = await node();
  await peer.cache.setMany([
    ['deleted', 'old'],
    ['set since', 'old'],
    ['expired since', 'old'],
  ]);
  await peer.cache.set('tagged', 'old', { tags: ['t'] });
  const journal = new JournalDouble({ entries: [], lastNumber: 10 });
  const n1 = await node({ journal });
  await cut(n1);
  await n1.cache.set('set since', 'new');
  await n1.cache.set('set alone', 'new');
  await n1.cache.expire('expired since');
  const at = Date.now();
  const left: JournalRecord[] = [
    ...['deleted', 'set since', 'expired since'].map((key) => ({ op: 'delete' as const, namespace: 'test', key, at })),
    { op: 'invalidate', namespace: 'test', tags: ['t'], mode: 'dead', at },
  ];
  const entries = left.map((record, index) => ({ number: index + 1, record }));
  journal.disk.entries.unshift(...entries);
  journal.host?.onTrouble({ type: 'recovered', entries });
  n1.l2.mend();
  expect(await n1.cache.getMany(['deleted', 'tagged'])).toEqual([undefined, undefined]);
  await mend(n1);
  const load = { staleIfError: '1m', tags: ['t'] } as const;
  const fail = () => Promise.reject(new Error('source'));
  const after = await peer.cache.getMany(['deleted', 'tagged', 'set since', 'set alone']);
  expect(after).toEqual([undefined, undefined, undefined, 'new']);
  await expect(peer.cache.getOrSet('expired since', fail, load)).rejects.toThrow('source');
  expect(journal.ops).toEqual([]);
});

test('what a journal finds during a replay does not end it, nor is it forgotten', async () => {
  const { node } = cluster();
  const peer = await node();
  await peer.cache.set('k', 'old');
  const journal = new JournalDouble({ entries: [], lastNumber: 10 });
  const n1 = await node({ journal });
  await cut(n1);
  await n1.cache.set('other', 'new');
  n1.l2.mend();
  const replay = n1.l2.hold('replay');
  await n1.clock.advance(1_000);
  await replay.arrived;
  const record = { op: 'delete', namespace: 'test', key: 'k', at: Date.now() } as const;
  journal.disk.entries.unshift({ number: 1, record });
  journal.host?.onTrouble({ type: 'recovered', entries: [{ number: 1, record }] });
  replay.release();
  await mend(n1);
  expect(await peer.cache.get('k')).toBeUndefined();
  expect(journal.ops).toEqual([]);
});

test('a tag that L2 refuses does not take along those that are sent with it', async () => {
  const { node } = cluster();
  const [n1, peer] = [await node(), await node()];
  await peer.cache.set('k', 'old', { tags: ['sound'] });
  await cut(n1);
  await n1.cache.invalidateTags(['poisoned', 'sound']);
  const refused: unknown[] = [];
  n1.cache.on('refused', (event) => refused.push(event.op));
  const advances = ['both', 'poisoned'].map(() => n1.l2.hold('advance'));
  for (const advance of advances) advance.fail(new L2InvalidError('memory', 'what a tag'));
  await mend(n1);
  expect([await n1.cache.get('k'), await peer.cache.get('k')]).toEqual([undefined, undefined]);
  expect(refused).toEqual(['invalidate']);
});

test('an order that a pending clear covers is no sooner safe than that clear', async () => {
  const journal = new JournalDouble();
  let write = () => {};
  const disk = new Promise<void>((resolve) => {
    write = resolve;
  });
  const append = journal.append.bind(journal);
  journal.append = (records) => disk.then(() => append(records));
  const n1 = await cluster().node({ journal });
  await cut(n1);
  const done: string[] = [];
  const orders = [
    n1.cache.clear().then(() => done.push('clear')),
    n1.cache.delete('k').then(() => done.push('delete')),
  ];
  await settle();
  expect(done).toEqual([]);
  write();
  await Promise.all(orders);
  expect(journal.ops).toEqual(['invalidate null']);
  await mend(n1);
});

test('a commit that is answered after a set of its key was deferred does not fill L1', async () => {
  const n1 = await cluster().node();
  const transaction = n1.cache.begin();
  transaction.set('k', 'committed');
  const answer = n1.l2.hold('commit', 'back');
  const committing = transaction.commit();
  await answer.arrived;
  n1.l2.break(DOWN, 'write', 'replay');
  await n1.cache.set('k', 'later');
  expect(await n1.cache.get('k')).toBe('later');
  answer.release();
  await committing;
  expect(await n1.cache.get('k')).toBeUndefined();
  await mend(n1);
});

test('recovery ends while orders go on coming as fast as L2 answers', async () => {
  const { node } = cluster();
  const [n1, peer] = [await node(), await node()];
  await cut(n1);
  await n1.cache.set('first', 'v');
  const orders: Promise<void>[] = [];
  let closedAfter = 0;
  n1.cache.on('breaker', ({ state }) => {
    if (state === 'closed') closedAfter = orders.length;
  });
  const replay = n1.l2.replay as NonNullable<Node['l2']['replay']>;
  const send = replay.replay;
  Object.assign(replay, {
    replay: (...args: Parameters<typeof send>) => {
      // Several at once are sent at once, rather than at the end of the turn.
      const n = orders.length;
      if (n < 100)
        orders.push(
          n1.cache.setMany(
            new Map([
              [`${n}`, 'v'],
              [`${n}-too`, 'v'],
            ]),
          ),
        );
      return send(...args);
    },
  });
  await mend(n1);
  await Promise.all(orders);
  expect(closedAfter).toBeLessThan(10);
  expect(await peer.cache.getMany(['first', '0', '1'])).toEqual(['v', 'v', 'v']);
});

test('values that L2 has no room for keep no invalidation back, of no namespace', async () => {
  const { node } = cluster();
  const [n1, peer] = [await node(), await node()];
  await peer.cache.namespace('other').set('k', 'old');
  await cut(n1);
  await n1.cache.set('k', 'v');
  await n1.cache.namespace('other').delete('k');
  n1.l2.mend();
  n1.l2.break(new Error('out of memory'), 'replay');
  await n1.clock.advance(1_000);
  // How often it has tried by then is up to its jitter.
  expect(n1.l2.count('replay')).toBeGreaterThanOrEqual(1);
  expect(await peer.cache.namespace('other').get('k')).toBeUndefined();
  await mend(n1);
});
