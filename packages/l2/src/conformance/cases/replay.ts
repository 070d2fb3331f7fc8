import assert from 'node:assert/strict';
import { DELETION_MEMORY_MS, type L2Moment } from '../../contract.js';
import { L2InvalidError } from '../../errors.js';
import { type Bench, bytesOf, fill, found, LONG, lease, put, textAt } from '../bench.js';
import { casesOf, type L2Case } from '../case.js';
import { type Deed, entryOf, momentOf, ONE, replayOne, statuses } from './replay-steps.js';

export const replay: L2Case[] = casesOf(
  'replay',
  ['replay'],
  [
    [
      'a moment is at most 64 characters, and is told without the store, before the first call and after close',
      moments,
    ],
    ['a value is stored where nothing happened since, over an older entry too, and lives from then on', stores],
    ['what this node itself did before the moment does not hinder: write, expire and delete', ownPast],
    ['what another node wrote, and this one read, before the moment does not hinder', readBefore],
    [
      'what another node wrote after the moment stays',
      staysAfter((other, namespace) => put(other, namespace, ONE, 'theirs')),
    ],
    [
      'what this node itself wrote after the moment stays',
      async (bench) => {
        const node = await bench.node();
        const since = await momentOf(node, bench.namespace);
        await put(node, bench.namespace, ONE, 'theirs');
        assert.deepEqual(await statuses(node, bench.namespace, since), ['kept']);
        assert.equal(await textAt(node, bench.namespace, ONE), 'theirs');
      },
    ],
    [
      'what another node committed after the moment stays',
      staysAfter((other, namespace) =>
        other.transactions.commit(namespace, {
          expect: [],
          writes: [{ key: ONE, bytes: bytesOf('theirs'), ...LONG }],
          deletes: [],
        }),
      ),
      'transactions',
    ],
    ['of replays of one key since the same moment the first stays, its repetition included', firstReplay],
    ['what was written after the moment stays when it was touched since', staysAfterTouch],
    ['a fill after the moment goes, and so does the value', dropsFill, 'leases'],
    ['a fill before the moment does not hinder', fillBefore, 'leases'],
    [
      'a value does not come back over a delete after the moment',
      droppedAfter((other, namespace) => other.l2.delete(namespace, [ONE])),
    ],
    [
      'a value does not come back over an expire after the moment, and the entry goes',
      droppedAfter((other, namespace) => other.l2.expire(namespace, [ONE])),
    ],
    [
      'a value does not come back over a delete in a commit after the moment',
      droppedAfter((other, namespace) =>
        other.transactions.commit(namespace, { expect: [], writes: [], deletes: [ONE] }),
      ),
      'transactions',
    ],
    ['a delete is remembered for DELETION_MEMORY_MS, whatever was deleted since', remembers],
    ['a value that was dropped for a fill is remembered like a deletion', dropIsRemembered, 'leases'],
    ['what was deleted and then written after the moment stays', writtenAfterDelete],
    ['since an unknown moment nothing is stored, and an entry that there is goes', unknownMoments],
    ['bytes that are damaged go', damaged, 'damage'],
    ['leases are revoked, whatever becomes of the value', revokes, 'leases'],
    ['a stored value is heard as a write, a dropped entry as a delete, and a kept one not at all', news, 'feed'],
    ['each key of a batch is decided by itself, and answered in order', batch],
    ['versions grow with replays, and a read tells the one that the replay told', versions],
    ['notes of deletions are no entries: purge does not count them', notesAreNoEntries],
    ['forbidden values are refused, and nothing of the batch is stored', forbidden],
  ],
);

async function moments(bench: Bench): Promise<void> {
  const node = await bench.node();
  const early = node.replay.moment(bench.namespace, ONE);
  const late = await momentOf(node, bench.namespace);
  await node.l2.close();
  const closed = node.replay.moment(bench.namespace, ONE);
  for (const moment of [early, late, closed]) {
    assert.ok(typeof moment === 'string' && moment.length <= 64, JSON.stringify(moment));
  }
}

async function stores(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const since = await momentOf(one, bench.namespace);
  await momentOf(other, bench.freshName());
  assert.equal((await replayOne(one, bench.namespace, since)).status, 'stored');
  assert.equal(await textAt(other, bench.namespace, ONE), 'mine');
  const life = { freshMs: 5_000, keepMs: 50_000 };
  assert.deepEqual(
    (await one.replay.replay(bench.namespace, [entryOf(since, 'new', 'never there', life)])).map(
      ({ status }) => status,
    ),
    ['stored'],
  );
  const read = await found(other, bench.namespace, 'never there');
  assert.ok(
    read.freshMs > 0 && read.freshMs <= 5_000 && read.keepMs > 5_000 && read.keepMs <= 50_000,
    JSON.stringify(read),
  );
}

async function ownPast(bench: Bench): Promise<void> {
  const node = await bench.node();
  const deeds: Deed[] = [
    (one, namespace) => put(one, namespace, ONE),
    (one, namespace) => one.l2.expire(namespace, [ONE]),
    (one, namespace) => one.l2.delete(namespace, [ONE]),
  ];
  for (const deed of deeds) {
    await put(node, bench.namespace, ONE, 'before');
    await deed(node, bench.namespace);
    const since = node.replay.moment(bench.namespace, ONE);
    assert.deepEqual(await statuses(node, bench.namespace, since), ['stored'], String(deed));
  }
}

async function readBefore(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  await put(other, bench.namespace, ONE, 'theirs');
  assert.equal(await textAt(one, bench.namespace, ONE), 'theirs');
  const since = one.replay.moment(bench.namespace, ONE);
  assert.deepEqual(await statuses(one, bench.namespace, since), ['stored']);
  assert.equal(await textAt(other, bench.namespace, ONE), 'mine');
}

function staysAfter(deed: Deed): (bench: Bench) => Promise<void> {
  return async (bench) => {
    const [one, other] = [await bench.node(), await bench.node()];
    const since = await momentOf(one, bench.namespace);
    await deed(other, bench.namespace);
    const { version } = await found(one, bench.namespace, ONE);
    assert.deepEqual(await statuses(one, bench.namespace, since), ['kept']);
    assert.equal(await textAt(one, bench.namespace, ONE), 'theirs');
    assert.equal((await found(one, bench.namespace, ONE)).version, version);
  };
}

async function firstReplay(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const since = await momentOf(one, bench.namespace);
  assert.equal((await replayOne(one, bench.namespace, since, 'of one')).status, 'stored');
  assert.equal((await replayOne(other, bench.namespace, since, 'of the other')).status, 'kept');
  assert.equal((await replayOne(one, bench.namespace, since, 'of one')).status, 'kept');
  assert.equal(await textAt(one, bench.namespace, ONE), 'of one');
}

async function staysAfterTouch(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const since = await momentOf(one, bench.namespace);
  await put(other, bench.namespace, ONE, 'theirs');
  await other.l2.touch(bench.namespace, [ONE], LONG);
  assert.deepEqual(await statuses(one, bench.namespace, since), ['kept']);
}

async function dropsFill(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const since = await momentOf(one, bench.namespace);
  await one.l2.delete(bench.namespace, ['another']);
  await fill(
    other,
    bench.namespace,
    ONE,
    await lease(other, bench.namespace, ONE, 600_000, (await found(other, bench.namespace, ONE)).version),
  );
  assert.deepEqual(await statuses(one, bench.namespace, since), ['dropped']);
  assert.equal(await textAt(other, bench.namespace, ONE), undefined);
}

async function fillBefore(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  await fill(other, bench.namespace, ONE, await lease(other, bench.namespace, ONE));
  await found(one, bench.namespace, ONE);
  const since = one.replay.moment(bench.namespace, ONE);
  assert.deepEqual(await statuses(one, bench.namespace, since), ['stored']);
}

/** With an entry in one round, and without one in the other. */
function droppedAfter(deed: Deed): (bench: Bench) => Promise<void> {
  return async (bench) => {
    const [one, other] = [await bench.node(), await bench.node()];
    for (const namespace of [bench.namespace, bench.freshName()]) {
      const since = await momentOf(one, namespace, namespace === bench.namespace ? ONE : 'another');
      await deed(other, namespace);
      assert.deepEqual(await statuses(one, namespace, since), ['dropped']);
      assert.equal(await textAt(one, namespace, ONE), undefined);
    }
  };
}

async function remembers(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const since = await momentOf(one, bench.namespace);
  await other.l2.delete(bench.namespace, [ONE]);
  const others = Array.from({ length: 1_000 }, (_, index) => `other ${index}`);
  await other.l2.delete(bench.namespace, others);
  // A clock that can be set is set: only stores whose time really passes are spared the minute.
  if (bench.store.clock !== undefined) await bench.pass(DELETION_MEMORY_MS - 10_000);
  await other.l2.delete(bench.namespace, others);
  assert.deepEqual(await statuses(one, bench.namespace, since), ['dropped']);
}

async function dropIsRemembered(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const { namespace } = bench;
  const since = await momentOf(one, namespace, 'another');
  await fill(other, namespace, ONE, await lease(other, namespace, ONE));
  assert.deepEqual(await statuses(one, namespace, since), ['dropped']);
  // What was loaded, and had to go, may have been newer than this one too.
  assert.deepEqual(await statuses(other, namespace, since), ['dropped']);
}

async function writtenAfterDelete(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const since = await momentOf(one, bench.namespace);
  await other.l2.delete(bench.namespace, [ONE]);
  await put(other, bench.namespace, ONE, 'theirs');
  assert.deepEqual(await statuses(one, bench.namespace, since), ['kept']);
  assert.equal(await textAt(one, bench.namespace, ONE), 'theirs');
}

async function unknownMoments(bench: Bench): Promise<void> {
  const node = await bench.node();
  const known = await momentOf(node, bench.namespace);
  const unknown = [
    '',
    ' ',
    '0',
    '-1',
    'undefined',
    '\0',
    '😀',
    'x'.repeat(64),
    'x'.repeat(100_000),
    `${known} `,
    ` ${known}`,
  ];
  for (const since of unknown) {
    await put(node, bench.namespace, ONE, 'theirs');
    assert.deepEqual(await statuses(node, bench.namespace, since), ['dropped'], JSON.stringify(since.slice(0, 70)));
    assert.equal(await textAt(node, bench.namespace, ONE), undefined);
    assert.deepEqual(await statuses(node, bench.namespace, since), ['dropped'], 'without an entry');
    assert.equal(await textAt(node, bench.namespace, ONE), undefined);
  }
}

async function damaged(bench: Bench): Promise<void> {
  const node = await bench.node();
  const since = await momentOf(node, bench.namespace);
  await bench.store.damage?.(bench.namespace, ONE, bytesOf('foreign'));
  assert.deepEqual(await statuses(node, bench.namespace, since), ['dropped']);
  assert.equal(await textAt(node, bench.namespace, ONE), undefined);
}

async function revokes(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  for (const outcome of ['stored', 'dropped', 'kept']) {
    const namespace = bench.freshName();
    const since = await momentOf(one, namespace);
    if (outcome === 'dropped') await other.l2.delete(namespace, [ONE]);
    if (outcome === 'kept') await put(other, namespace, ONE);
    const [read] = await other.l2.read(namespace, [ONE]);
    const token = await lease(other, namespace, ONE, 600_000, read?.version);
    assert.deepEqual(await statuses(one, namespace, since), [outcome]);
    assert.equal(await fill(other, namespace, ONE, token), false, `${outcome}: the lease is revoked`);
  }
}

async function news(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const [hearer, one, other] = [await bench.follower(), await bench.node(), await bench.node()];
  await momentOf(one, namespace, 'another');
  // Other keys may lie on other servers, which have moments of their own.
  const [beforeStored, beforeKept] = ['stored', 'kept'].map((key) => one.replay.moment(namespace, key)) as [
    L2Moment,
    L2Moment,
  ];
  await one.replay.replay(namespace, [entryOf(beforeStored, 'mine', 'stored')]);
  const stored = await hearer.log.deed(namespace, 'stored', 'write');
  assert.equal(stored.origin, one.origin);
  await put(other, namespace, 'dropped');
  await one.replay.replay(namespace, [entryOf('', 'mine', 'dropped')]);
  assert.equal((await hearer.log.deed(namespace, 'dropped', 'delete')).origin, one.origin);
  assert.deepEqual(hearer.log.deedsTo(namespace, 'dropped'), ['write', 'delete']);
  await put(other, namespace, 'kept');
  await one.replay.replay(namespace, [entryOf(beforeKept, 'mine', 'kept')]);
  await other.l2.expire(namespace, ['kept']);
  await hearer.log.deed(namespace, 'kept', 'expire');
  assert.deepEqual(hearer.log.deedsTo(namespace, 'kept'), ['write', 'expire']);
  assert.ok(hearer.log.deeds(namespace).every((deed) => deed.key !== 'kept' || deed.origin === other.origin));
}

async function batch(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const { namespace } = bench;
  const many = Array.from({ length: 600 }, (_, index) => `many ${index}`);
  const keys = ['kept', 'old', 'dropped', 'new', ...many];
  await momentOf(one, namespace, 'old');
  // Keys may lie on different servers, which have moments of their own.
  const moments = keys.map((key) => one.replay.moment(namespace, key));
  await put(other, namespace, 'kept', 'theirs');
  await other.l2.delete(namespace, ['dropped']);
  const answers = await one.replay.replay(
    namespace,
    keys.map((key, index) => entryOf(moments[index] ?? '', `mine ${key}`, key)),
  );
  const expected = ['kept', 'stored', 'dropped', 'stored', ...many.map(() => 'stored')];
  assert.deepEqual(
    answers.map(({ status }) => status),
    expected,
  );
  assert.equal(await textAt(other, namespace, 'kept'), 'theirs');
  assert.equal(await textAt(other, namespace, 'dropped'), undefined);
  for (const key of ['old', 'new', 'many 0', 'many 599'])
    assert.equal(await textAt(other, namespace, key), `mine ${key}`);
  assert.deepEqual(await one.replay.replay(namespace, []), []);
}

async function versions(bench: Bench): Promise<void> {
  const node = await bench.node();
  const before = await put(node, bench.namespace, ONE);
  const answer = await replayOne(node, bench.namespace, node.replay.moment(bench.namespace, ONE));
  assert.ok(answer.status === 'stored' && answer.version > before, `${JSON.stringify(answer)} after ${before}`);
  assert.equal((await found(node, bench.namespace, ONE)).version, answer.version);
  assert.ok((await put(node, bench.namespace, ONE)) > answer.version);
}

async function notesAreNoEntries(bench: Bench): Promise<void> {
  const node = await bench.node();
  await put(node, bench.namespace, ONE);
  await node.l2.delete(bench.namespace, [ONE, 'b', 'c']);
  await node.l2.expire(bench.namespace, ['d']);
  assert.deepEqual(await node.l2.read(bench.namespace, [ONE, 'b', 'd']), [undefined, undefined, undefined]);
  assert.equal(await node.l2.purge(bench.namespace), 0);
}

async function forbidden(bench: Bench): Promise<void> {
  const node = await bench.node();
  const since = await momentOf(node, bench.namespace, 'another');
  const good = (key: string) => entryOf(since, 'mine', key);
  const bad = [
    { ...good('bad'), keepMs: 0 },
    { ...good('bad'), freshMs: Number.NaN },
    good('bad\ud800'),
    { ...good('bad'), bytes: 'text' as unknown as Uint8Array },
  ];
  for (const entry of bad) {
    await assert.rejects(node.replay.replay(bench.namespace, [good('first'), entry, good('last')]), L2InvalidError);
  }
  assert.deepEqual(await node.l2.read(bench.namespace, ['first', 'bad', 'last']), [undefined, undefined, undefined]);
}
