import assert from 'node:assert/strict';
import { DELETION_MEMORY_MS, type L2Life } from '../../contract.js';
import { type Bench, bytesOf, found, lease, put, type TestNode, textAt } from '../bench.js';
import { casesOf, type L2Case } from '../case.js';
import { type Deed, entryOf, momentOf, ONE, statuses } from './replay-steps.js';

/** The shortest life. */
const BRIEF: L2Life = { freshMs: 1, keepMs: 1 };

/** Replays over what is not there any more, since its life has ended. */
export const replayOfEnded: L2Case[] = casesOf(
  'replay over what has ended',
  ['replay'],
  [
    [
      'a value does not come back over what was written after the moment and has ended',
      droppedAfterEnd((other, namespace) => put(other, namespace, ONE, 'theirs', BRIEF)),
    ],
    [
      'a value does not come back over what was committed after the moment and has ended',
      droppedAfterEnd((other, namespace) =>
        other.transactions.commit(namespace, {
          expect: [],
          writes: [{ key: ONE, bytes: bytesOf('theirs'), ...BRIEF }],
          deletes: [],
        }),
      ),
      'transactions',
    ],
    [
      'a value does not come back over what was replayed after the moment and has ended',
      droppedAfterEnd(async (other, namespace) => {
        await found(other, namespace, ONE);
        const since = other.replay.moment(namespace, ONE);
        const [answer] = await other.replay.replay(namespace, [entryOf(since, 'theirs', ONE, BRIEF)]);
        assert.equal(answer?.status, 'stored');
      }),
    ],
    [
      'a value does not come back over what was written after the moment and a touch has ended',
      droppedAfterEnd(async (other, namespace) => {
        await put(other, namespace, ONE, 'theirs');
        await other.l2.touch(namespace, [ONE], BRIEF);
      }),
    ],
    [
      'a value does not come back over what was written after the moment and gave way to a fill that has ended',
      droppedAfterEnd(async (other, namespace) => {
        await fillBriefly(other, namespace, await put(other, namespace, ONE, 'theirs'));
      }),
      'leases',
    ],
    ['a write is remembered for DELETION_MEMORY_MS, for whatever part of it the entry lived', remembersWrites],
    ['a note of a deletion outlasts a touch and a fill of brief lives', noteStays, 'leases'],
    ['what was written before the moment and has ended since does not hinder', endedBefore],
    ['what was written before the moment and a touch has ended since does not hinder', endedByTouch],
    ['a fill after the moment that has ended does not hinder', fillEnded, 'leases'],
  ],
);

/** @param deed leaves an entry that is about to end. */
function droppedAfterEnd(deed: Deed): (bench: Bench) => Promise<void> {
  return async (bench) => {
    const [one, other] = [await bench.node(), await bench.node()];
    const since = await momentOf(one, bench.namespace);
    await deed(other, bench.namespace);
    await bench.pass(BRIEF.keepMs);
    assert.equal(await textAt(one, bench.namespace, ONE), undefined, 'it has ended');
    assert.deepEqual(await statuses(one, bench.namespace, since), ['dropped']);
    assert.equal(await textAt(one, bench.namespace, ONE), undefined);
  };
}

async function remembersWrites(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const { namespace } = bench;
  // A clock that can be set is set: only stores whose time really passes are spared the minute.
  const memoryMs = bench.store.clock === undefined ? 40 : DELETION_MEMORY_MS - 20;
  for (const keepMs of [1, memoryMs - 10]) {
    const since = await momentOf(one, namespace);
    await put(other, namespace, ONE, 'theirs', { freshMs: 1, keepMs });
    await bench.pass(keepMs);
    // Whoever forgets does so when another note comes.
    await other.l2.delete(namespace, ['another']);
    await bench.pass(memoryMs - 10 - keepMs);
    assert.deepEqual(await statuses(one, namespace, since), ['dropped'], `a life of ${keepMs} ms`);
  }
}

async function noteStays(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const { namespace } = bench;
  const endings: Record<string, Deed> = {
    touch: (node) => node.l2.touch(namespace, [ONE], BRIEF),
    fill: async (node) => fillBriefly(node, namespace, (await found(node, namespace, ONE)).version),
  };
  for (const [ending, end] of Object.entries(endings)) {
    await put(other, namespace, ONE, 'theirs');
    await found(one, namespace, ONE);
    const since = one.replay.moment(namespace, ONE);
    await other.l2.expire(namespace, [ONE]);
    await end(other, namespace);
    await bench.pass(BRIEF.keepMs);
    assert.deepEqual(await statuses(one, namespace, since), ['dropped'], ending);
  }
}

async function endedBefore(bench: Bench): Promise<void> {
  const node = await bench.node();
  await put(node, bench.namespace, ONE, 'before', BRIEF);
  const since = node.replay.moment(bench.namespace, ONE);
  await bench.pass(BRIEF.keepMs);
  assert.deepEqual(await statuses(node, bench.namespace, since), ['stored']);
  assert.equal(await textAt(node, bench.namespace, ONE), 'mine');
}

async function endedByTouch(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const since = await momentOf(one, bench.namespace);
  await other.l2.touch(bench.namespace, [ONE], BRIEF);
  await bench.pass(BRIEF.keepMs);
  assert.deepEqual(await statuses(one, bench.namespace, since), ['stored']);
}

async function fillEnded(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  await put(one, bench.namespace, ONE, 'before', BRIEF);
  const since = one.replay.moment(bench.namespace, ONE);
  await bench.pass(BRIEF.keepMs);
  await fillBriefly(other, bench.namespace);
  await bench.pass(BRIEF.keepMs);
  assert.deepEqual(await statuses(one, bench.namespace, since), ['stored']);
}

async function fillBriefly(node: TestNode, namespace: string, seen?: number): Promise<void> {
  const token = await lease(node, namespace, ONE, 600_000, seen);
  const [filled] = await node.l2.write(namespace, [{ key: ONE, bytes: bytesOf('filled'), ...BRIEF, lease: token }]);
  assert.equal(filled?.status, 'stored');
}
