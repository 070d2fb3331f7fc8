import assert from 'node:assert/strict';
import { type Bench, bytesOf, fill, LONG, lease, leaseStatus, present, put, textAt } from '../bench.js';
import { casesOf, type L2Case } from '../case.js';

export const damage: L2Case[] = casesOf(
  'damaged entries',
  ['damage'],
  [
    ['foreign bytes read as damaged, with a reason and a version, and nothing throws', readsAsDamaged],
    ['sound entries of the same batch are read nevertheless', batchSurvives],
    ['a write replaces damaged bytes', writeReplaces],
    ['a delete and a purge remove damaged bytes', removal],
    ['expire and touch of damaged bytes make no entry of them', expireAndTouch],
    ['the version of damaged bytes gets a lease, and its fill replaces them', leaseReplaces, 'leases'],
  ],
);

const FOREIGN: [name: string, bytes: Uint8Array][] = [
  ['nothing at all', new Uint8Array(0)],
  ['one byte', Uint8Array.of(7)],
  ['text of another program', bytesOf('{"user":1}')],
  ['zeros', new Uint8Array(64)],
  ['ones', new Uint8Array(64).fill(255)],
];

async function damageAll(bench: Bench): Promise<string[]> {
  for (const [name, bytes] of FOREIGN) await bench.store.damage?.(bench.namespace, name, bytes);
  return FOREIGN.map(([name]) => name);
}

async function readsAsDamaged(bench: Bench): Promise<void> {
  const { l2 } = await bench.node();
  const keys = await damageAll(bench);
  for (const [index, read] of (await l2.read(bench.namespace, keys)).entries()) {
    assert.equal(read?.status, 'damaged', keys[index]);
    assert.ok(read.reason.length > 0);
    assert.ok(Number.isSafeInteger(read.version));
  }
}

async function batchSurvives(bench: Bench): Promise<void> {
  const node = await bench.node();
  await put(node, bench.namespace, 'sound');
  const [damaged] = await damageAll(bench);
  const reads = await node.l2.read(bench.namespace, ['sound', present(damaged, 'a key'), 'absent', 'sound']);
  assert.deepEqual(
    reads.map((read) => read?.status),
    ['found', 'damaged', undefined, 'found'],
  );
}

async function writeReplaces(bench: Bench): Promise<void> {
  const node = await bench.node();
  for (const key of await damageAll(bench)) {
    await put(node, bench.namespace, key, 'new');
    assert.equal(await textAt(node, bench.namespace, key), 'new');
  }
}

async function removal(bench: Bench): Promise<void> {
  const node = await bench.node();
  const keys = await damageAll(bench);
  await node.l2.delete(bench.namespace, keys);
  assert.deepEqual(
    await node.l2.read(bench.namespace, keys),
    keys.map(() => undefined),
  );
  await damageAll(bench);
  await node.l2.purge(bench.namespace);
  assert.deepEqual(
    await node.l2.read(bench.namespace, keys),
    keys.map(() => undefined),
  );
}

async function expireAndTouch(bench: Bench): Promise<void> {
  const node = await bench.node();
  const keys = await damageAll(bench);
  await node.l2.expire(bench.namespace, keys);
  await node.l2.touch(bench.namespace, keys, LONG);
  for (const key of keys) assert.ok([undefined, '(damaged)'].includes(await textAt(node, bench.namespace, key)), key);
}

async function leaseReplaces(bench: Bench): Promise<void> {
  const node = await bench.node();
  for (const key of await damageAll(bench)) {
    const [answer] = await node.leases.acquire(bench.namespace, [{ key, seen: undefined }], 600_000);
    assert.equal(answer?.status, 'changed');
    assert.equal(answer.entry.status, 'damaged');
    const [read] = await node.l2.read(bench.namespace, [key]);
    const version = present(read, 'what was damaged').version;
    assert.equal(answer.entry.version, version);
    const token = await lease(node, bench.namespace, key, 600_000, version);
    assert.equal(await leaseStatus(node, bench.namespace, key, version), 'held');
    assert.equal(await fill(node, bench.namespace, key, token, 'new'), true);
    assert.equal(await textAt(node, bench.namespace, key), 'new');
  }
}
