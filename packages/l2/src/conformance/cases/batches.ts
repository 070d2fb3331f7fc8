import assert from 'node:assert/strict';
import { type Bench, bytesOf, LONG, put, textAt, textOf } from '../bench.js';
import { casesOf, type L2Case } from '../case.js';

export const batches: L2Case[] = casesOf(
  'batches',
  [],
  [
    ['empty batches answer with nothing', empty],
    ['answers come in input order, one a key', inputOrder],
    ['10,000 keys are written, read, touched, expired and deleted in one call each', tenThousand],
    ['10,000 leases are granted in one call', tenThousandLeases, 'leases'],
    ['10,000 tags are ensured, read and invalidated in one call each', tenThousandTags, 'time'],
    ['a key that stands in a batch twice is answered twice; of two writes the later one wins', duplicates],
    ['a lease that is asked for twice in one batch is granted once', duplicateLeases, 'leases'],
  ],
);

async function empty(bench: Bench): Promise<void> {
  const { l2 } = await bench.node();
  assert.deepEqual(await l2.read(bench.namespace, []), []);
  assert.deepEqual(await l2.write(bench.namespace, []), []);
  assert.deepEqual(await l2.delete(bench.namespace, []), []);
  assert.deepEqual(await l2.expire(bench.namespace, []), []);
  assert.deepEqual(await l2.touch(bench.namespace, [], LONG), []);
  assert.deepEqual(await l2.leases?.acquire(bench.namespace, [], 1_000), l2.leases && []);
  assert.deepEqual((await l2.time?.marks(bench.namespace, [], { known: 0 }))?.tags, l2.time && []);
}

async function inputOrder(bench: Bench): Promise<void> {
  const node = await bench.node();
  for (const key of ['c', 'a', 'e']) await put(node, bench.namespace, key, key);
  const keys = ['e', 'b', 'a', 'd', 'c'];
  const isThere = [true, false, true, false, true];
  assert.deepEqual((await node.l2.read(bench.namespace, keys)).map(textOf), ['e', undefined, 'a', undefined, 'c']);
  assert.deepEqual(await node.l2.touch(bench.namespace, keys, LONG), isThere);
  assert.deepEqual(await node.l2.expire(bench.namespace, keys), isThere);
  assert.deepEqual(await node.l2.delete(bench.namespace, keys), isThere);
}

const manyKeys = Array.from({ length: 10_000 }, (_, index) => `key ${index}`);

async function tenThousand(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const { l2 } = await bench.node();
  const all = manyKeys.map(() => true);
  const written = await l2.write(
    namespace,
    manyKeys.map((key) => ({ key, bytes: bytesOf(key), ...LONG })),
  );
  assert.deepEqual(
    written.map((answer) => answer.status),
    manyKeys.map(() => 'stored'),
  );
  assert.deepEqual((await l2.read(namespace, manyKeys)).map(textOf), manyKeys);
  assert.deepEqual(await l2.touch(namespace, manyKeys, LONG), all);
  assert.deepEqual(await l2.expire(namespace, manyKeys), all);
  assert.deepEqual(await l2.delete(namespace, manyKeys), all);
  assert.deepEqual(
    await l2.read(namespace, manyKeys),
    manyKeys.map(() => undefined),
  );
}

async function tenThousandLeases(bench: Bench): Promise<void> {
  const { l2, leases } = await bench.node();
  const requests = manyKeys.map((key) => ({ key, seen: undefined }));
  const granted = await leases.acquire(bench.namespace, requests, 600_000);
  assert.equal(new Set(granted.map((answer) => (answer.status === 'granted' ? answer.token : ''))).size, 10_000);
  const held = await leases.acquire(bench.namespace, requests, 600_000);
  assert.ok(held.every((answer) => answer.status === 'held'));
  await l2.purge(bench.namespace);
}

async function tenThousandTags(bench: Bench): Promise<void> {
  const { time } = await bench.node();
  const before = await time.marks(bench.namespace, manyKeys, { known: 0, ensureMs: 600_000 });
  assert.ok(before.tags.every((mark) => mark !== undefined && mark.dead <= before.generation));
  const generation = await time.advance(bench.namespace, manyKeys, 'dead', { known: 0 });
  const after = await time.marks(bench.namespace, manyKeys, { known: 0 });
  assert.ok(after.tags.every((mark) => mark?.dead === generation));
}

async function duplicates(bench: Bench): Promise<void> {
  const { namespace } = bench;
  const node = await bench.node();
  const write = (key: string, text: string) => ({ key, bytes: bytesOf(text), ...LONG });
  const written = await node.l2.write(namespace, [write('a', 'first'), write('b', 'other'), write('a', 'second')]);
  assert.deepEqual(
    written.map((answer) => answer.status),
    ['stored', 'stored', 'stored'],
  );
  const reads = await node.l2.read(namespace, ['a', 'b', 'a', 'none', 'none']);
  assert.deepEqual(reads.map(textOf), ['second', 'other', 'second', undefined, undefined]);
  assert.deepEqual(await node.l2.touch(namespace, ['a', 'a'], LONG), [true, true]);
  assert.deepEqual(await node.l2.expire(namespace, ['a', 'a']), [true, true]);
  const deleted = await node.l2.delete(namespace, ['a', 'a', 'b']);
  assert.deepEqual([deleted.length, deleted[0], deleted[2]], [3, true, true]);
  assert.equal(await textAt(node, namespace, 'a'), undefined);
}

async function duplicateLeases(bench: Bench): Promise<void> {
  const { leases } = await bench.node();
  const request = { key: 'a', seen: undefined };
  const answers = await leases.acquire(bench.namespace, [request, request, request], 600_000);
  assert.deepEqual(answers.map((answer) => answer.status).sort(), ['granted', 'held', 'held']);
}
