import assert from 'node:assert/strict';
import { type Bench, bytesOf, fill, found, LONG, lease, leaseStatus, put, type TestNode, textAt } from '../bench.js';
import { casesOf, type L2Case } from '../case.js';

/** Something that ends a lease, and so must make the fill by it fail. */
type Ending = (node: TestNode, namespace: string, token: string) => Promise<unknown>;

const ONE = 'a';

export const fills: L2Case[] = casesOf(
  'fills',
  ['leases'],
  [
    ['a fill by the lease in force is stored, by another node too, and ends the lease', stored],
    ['a fill whose lease was revoked by a write is refused, and the write stays', afterWrite],
    [
      'a fill whose lease was revoked by a delete is refused',
      refusedAfter((node, namespace) => node.l2.delete(namespace, [ONE])),
    ],
    [
      'a fill whose lease was revoked by an expire is refused',
      refusedAfter((node, namespace) => node.l2.expire(namespace, [ONE])),
    ],
    [
      'a fill whose lease was revoked by a purge is refused',
      refusedAfter((node, namespace) => node.l2.purge(namespace)),
    ],
    [
      'a fill whose lease was released is refused',
      refusedAfter((node, namespace, token) => node.leases.release(namespace, ONE, token)),
    ],
    ['a fill whose lease ran out is refused, also if nobody took it over', ranOut],
    ['a second fill by the same lease is refused, in the same batch too', secondFill],
    ['a refused fill leaves the lease that is in force, and the entry, as they were', refusedHarmsNothing],
    ['a revoked lease never comes back, nor does a new grant legitimate the old token', neverBack],
    ['touch leaves the lease in force', afterTouch],
    ['a batch fills the keys whose leases are in force and refuses the others', mixedBatch],
    ['a fill has a new version', newVersion],
  ],
);

async function stored(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const token = await lease(one, bench.namespace, ONE);
  assert.equal(await fill(other, bench.namespace, ONE, token, 'filled'), true);
  const { version } = await found(one, bench.namespace, ONE);
  assert.equal(await textAt(one, bench.namespace, ONE), 'filled');
  assert.equal(await one.leases.renew(bench.namespace, ONE, token, 1_000), false);
  assert.equal(await leaseStatus(one, bench.namespace, ONE, version), 'granted');
}

async function afterWrite(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const token = await lease(one, bench.namespace, ONE);
  await put(other, bench.namespace, ONE, 'written');
  assert.equal(await fill(one, bench.namespace, ONE, token), false);
  assert.equal(await textAt(one, bench.namespace, ONE), 'written');
}

/** The key has an entry in one round and none in the other: backends may take different paths. */
function refusedAfter(end: Ending): (bench: Bench) => Promise<void> {
  return async (bench) => {
    const [one, other] = [await bench.node(), await bench.node()];
    for (const namespace of [bench.namespace, bench.freshName()]) {
      const seen = namespace === bench.namespace ? undefined : await put(one, namespace, ONE, 'old');
      const token = await lease(one, namespace, ONE, 600_000, seen);
      await end(other, namespace, token);
      const before = await textAt(one, namespace, ONE);
      assert.equal(await fill(one, namespace, ONE, token), false);
      assert.equal(await textAt(one, namespace, ONE), before);
    }
  };
}

async function ranOut(bench: Bench): Promise<void> {
  const node = await bench.node();
  const token = await lease(node, bench.namespace, ONE, 1);
  await bench.pass(1);
  assert.equal(await fill(node, bench.namespace, ONE, token), false);
  assert.equal(await textAt(node, bench.namespace, ONE), undefined);
}

async function secondFill(bench: Bench): Promise<void> {
  const node = await bench.node();
  const token = await lease(node, bench.namespace, ONE);
  assert.equal(await fill(node, bench.namespace, ONE, token, 'first'), true);
  assert.equal(await fill(node, bench.namespace, ONE, token, 'second'), false);
  assert.equal(await textAt(node, bench.namespace, ONE), 'first');
  const again = await lease(node, bench.namespace, 'b');
  const entry = (text: string) => ({ key: 'b', bytes: bytesOf(text), ...LONG, lease: again });
  const answers = await node.l2.write(bench.namespace, [entry('first'), entry('second')]);
  assert.deepEqual(
    answers.map((answer) => answer.status),
    ['stored', 'refused'],
  );
  assert.equal(await textAt(node, bench.namespace, 'b'), 'first');
}

async function refusedHarmsNothing(bench: Bench): Promise<void> {
  const node = await bench.node();
  const revoked = await lease(node, bench.namespace, ONE);
  const version = await put(node, bench.namespace, ONE, 'written');
  const current = await lease(node, bench.namespace, ONE, 600_000, version);
  assert.equal(await fill(node, bench.namespace, ONE, revoked), false);
  assert.equal((await found(node, bench.namespace, ONE)).version, version);
  assert.equal(await textAt(node, bench.namespace, ONE), 'written');
  assert.equal(await fill(node, bench.namespace, ONE, current), true);
}

async function neverBack(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const revoked = await lease(one, bench.namespace, ONE);
  await one.l2.delete(bench.namespace, [ONE]);
  assert.equal(await one.leases.renew(bench.namespace, ONE, revoked, 600_000), false);
  const current = await lease(other, bench.namespace, ONE);
  assert.equal(await one.leases.renew(bench.namespace, ONE, revoked, 600_000), false);
  assert.equal(await one.leases.release(bench.namespace, ONE, revoked), false);
  assert.equal(await fill(one, bench.namespace, ONE, revoked, 'old'), false);
  assert.equal(await fill(other, bench.namespace, ONE, current, 'new'), true);
  assert.equal(await fill(one, bench.namespace, ONE, revoked, 'old'), false);
  assert.equal(await textAt(one, bench.namespace, ONE), 'new');
}

async function afterTouch(bench: Bench): Promise<void> {
  const node = await bench.node();
  const version = await put(node, bench.namespace, ONE);
  const token = await lease(node, bench.namespace, ONE, 600_000, version);
  await node.l2.touch(bench.namespace, [ONE], LONG);
  assert.equal(await leaseStatus(node, bench.namespace, ONE, version), 'held');
  assert.equal(await fill(node, bench.namespace, ONE, token), true);
}

async function mixedBatch(bench: Bench): Promise<void> {
  const node = await bench.node();
  const [a, b] = [await lease(node, bench.namespace, 'a'), await lease(node, bench.namespace, 'b')];
  await node.l2.delete(bench.namespace, ['b']);
  const entry = (key: string, token?: string) => ({ key, bytes: bytesOf(key), ...LONG, lease: token });
  const answers = await node.l2.write(bench.namespace, [entry('b', b), entry('a', a), entry('c'), entry('d', a)]);
  assert.deepEqual(
    answers.map((answer) => answer.status),
    ['refused', 'stored', 'stored', 'refused'],
  );
  const reads = await node.l2.read(bench.namespace, ['a', 'b', 'c', 'd']);
  assert.deepEqual(
    reads.map((read) => read?.status),
    ['found', undefined, 'found', undefined],
  );
}

async function newVersion(bench: Bench): Promise<void> {
  const node = await bench.node();
  const version = await put(node, bench.namespace, ONE);
  const token = await lease(node, bench.namespace, ONE, 600_000, version);
  await fill(node, bench.namespace, ONE, token);
  assert.ok((await found(node, bench.namespace, ONE)).version > version);
}
