import assert from 'node:assert/strict';
import { type Bench, fill, found, lease, leaseStatus, put, textAt, textOf } from '../bench.js';
import { casesOf, type L2Case } from '../case.js';

export const leases: L2Case[] = casesOf(
  'leases',
  ['leases'],
  [
    ['a free key is granted; then it is held for everyone, the holder included', grantedThenHeld],
    ['100 concurrent requests over several nodes get one grant', oneGrant],
    ['leases of different keys and namespaces do not touch each other', independent],
    ['held tells how long, within what was asked for', heldFor],
    ['an entry that the caller has not seen answers changed, with the entry, and grants nothing', changed],
    ['an entry that the caller has seen does not stand in the way of a grant', seen],
    ['a version that is no longer there does not stand in the way of a grant', seenAndGone],
    ['changed comes before held', changedBeforeHeld],
    ['a lease runs out when its time is over, and exactly one other gets it', runsOut],
    ['renew prolongs a lease beyond its first end, and shortens it as well', renew],
    ['renew and release refuse a foreign, an ended and an unknown token, and harm nothing', refusals],
    ['release frees the key', release],
    ['tokens are unique, and have 1 to 64 characters', tokens],
  ],
);

const ONE = 'a';

async function grantedThenHeld(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  await lease(one, bench.namespace, ONE);
  assert.equal(await leaseStatus(one, bench.namespace, ONE), 'held');
  assert.equal(await leaseStatus(other, bench.namespace, ONE), 'held');
}

async function oneGrant(bench: Bench): Promise<void> {
  const nodes = await Promise.all(Array.from({ length: 4 }, () => bench.node()));
  const asks = Array.from({ length: 25 }, () => nodes.map((node) => leaseStatus(node, bench.namespace, ONE))).flat();
  const statuses = await Promise.all(asks);
  assert.deepEqual(statuses.sort(), ['granted', ...Array.from({ length: 99 }, () => 'held')]);
}

async function independent(bench: Bench): Promise<void> {
  const node = await bench.node();
  const neighbour = bench.freshName();
  const token = await lease(node, bench.namespace, ONE);
  const [b, foreign] = [await lease(node, bench.namespace, 'b'), await lease(node, neighbour, ONE)];
  await node.l2.delete(bench.namespace, [ONE]);
  assert.equal(await fill(node, bench.namespace, ONE, token), false);
  assert.equal(await fill(node, bench.namespace, 'b', foreign), false);
  assert.equal(await fill(node, bench.namespace, 'b', b), true);
  assert.equal(await fill(node, neighbour, ONE, foreign), true);
}

async function heldFor(bench: Bench): Promise<void> {
  const node = await bench.node();
  await lease(node, bench.namespace, ONE, 60_000);
  await bench.pass(5);
  const [answer] = await node.leases.acquire(bench.namespace, [{ key: ONE, seen: undefined }], 600_000);
  assert.equal(answer?.status, 'held');
  assert.ok(answer.remainingMs > 0 && answer.remainingMs <= 59_996, `remaining: ${answer.remainingMs}`);
}

async function changed(bench: Bench): Promise<void> {
  const node = await bench.node();
  const old = await put(node, bench.namespace, ONE, 'old');
  const version = await put(node, bench.namespace, ONE, 'new');
  for (const seen of [undefined, old]) {
    const [answer] = await node.leases.acquire(bench.namespace, [{ key: ONE, seen }], 600_000);
    assert.equal(answer?.status, 'changed');
    assert.equal(textOf(answer.entry), 'new');
    assert.equal(answer.entry.version, version);
    const read = await found(node, bench.namespace, ONE);
    assert.ok(answer.entry.status === 'found' && answer.entry.keepMs >= read.keepMs && answer.entry.freshMs > 0);
  }
  assert.equal(await leaseStatus(node, bench.namespace, ONE, version), 'granted', 'nothing was granted before');
}

async function seen(bench: Bench): Promise<void> {
  const node = await bench.node();
  await put(node, bench.namespace, ONE, 'old', { freshMs: 0, keepMs: 600_000 });
  const { version } = await found(node, bench.namespace, ONE);
  const token = await lease(node, bench.namespace, ONE, 600_000, version);
  assert.equal(await textAt(node, bench.namespace, ONE), 'old', 'a lease leaves the entry where it is');
  assert.equal(await fill(node, bench.namespace, ONE, token, 'new'), true);
  assert.equal(await textAt(node, bench.namespace, ONE), 'new');
}

async function seenAndGone(bench: Bench): Promise<void> {
  const node = await bench.node();
  const version = await put(node, bench.namespace, ONE);
  await node.l2.delete(bench.namespace, [ONE]);
  await lease(node, bench.namespace, ONE, 600_000, version);
}

async function changedBeforeHeld(bench: Bench): Promise<void> {
  const node = await bench.node();
  const version = await put(node, bench.namespace, ONE);
  await lease(node, bench.namespace, ONE, 600_000, version);
  assert.equal(await leaseStatus(node, bench.namespace, ONE), 'changed');
  assert.equal(await leaseStatus(node, bench.namespace, ONE, version), 'held');
}

async function runsOut(bench: Bench): Promise<void> {
  const nodes = await Promise.all(Array.from({ length: 4 }, () => bench.node()));
  const [node] = nodes as [(typeof nodes)[number]];
  let token = '';
  const ttlMs = await bench.within(async (ttlMs) => {
    await node.l2.delete(bench.namespace, [ONE]);
    token = await lease(node, bench.namespace, ONE, ttlMs);
    assert.equal(await leaseStatus(node, bench.namespace, ONE), 'held');
  });
  await bench.pass(ttlMs);
  const statuses = await Promise.all(nodes.map((each) => leaseStatus(each, bench.namespace, ONE)));
  assert.deepEqual(statuses.sort(), ['granted', 'held', 'held', 'held']);
  assert.equal(await node.leases.renew(bench.namespace, ONE, token, 600_000), false, 'an ended lease never comes back');
  assert.equal(await fill(node, bench.namespace, ONE, token), false);
}

async function renew(bench: Bench): Promise<void> {
  const node = await bench.node();
  let token = '';
  const ttlMs = await bench.within(async (ttlMs) => {
    await node.l2.delete(bench.namespace, [ONE]);
    token = await lease(node, bench.namespace, ONE, ttlMs);
    assert.equal(await node.leases.renew(bench.namespace, ONE, token, 600_000), true);
  });
  await bench.pass(ttlMs);
  assert.equal(await leaseStatus(node, bench.namespace, ONE), 'held');
  assert.equal(await node.leases.renew(bench.namespace, ONE, token, 1), true);
  await bench.pass(1);
  assert.equal(await node.leases.renew(bench.namespace, ONE, token, 600_000), false);
  assert.equal(await leaseStatus(node, bench.namespace, ONE), 'granted');
}

async function refusals(bench: Bench): Promise<void> {
  const node = await bench.node();
  const ended = await lease(node, bench.namespace, ONE);
  assert.equal(await node.leases.release(bench.namespace, ONE, ended), true);
  const foreign = await lease(node, bench.namespace, 'b');
  const token = await lease(node, bench.namespace, ONE);
  for (const wrong of [ended, foreign, 'never granted', '']) {
    assert.equal(await node.leases.renew(bench.namespace, ONE, wrong, 600_000), false);
    assert.equal(await node.leases.release(bench.namespace, ONE, wrong), false);
    assert.equal(await node.leases.renew(bench.namespace, 'nothing held', wrong, 600_000), false);
  }
  assert.equal(await leaseStatus(node, bench.namespace, 'nothing held'), 'granted', 'a refused renewal grants nothing');
  assert.equal(await node.leases.renew(bench.namespace, ONE, token, 600_000), true);
}

async function release(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  const token = await lease(one, bench.namespace, ONE);
  assert.equal(await one.leases.release(bench.namespace, ONE, token), true);
  assert.equal(await one.leases.release(bench.namespace, ONE, token), false);
  await lease(other, bench.namespace, ONE);
}

async function tokens(bench: Bench): Promise<void> {
  const node = await bench.node();
  const all = new Set<string>();
  for (let round = 0; round < 20; round++) {
    const token = await lease(node, bench.namespace, ONE);
    assert.ok(token.length > 0 && token.length <= 64, token);
    all.add(token);
    await node.l2.delete(bench.namespace, [ONE]);
  }
  assert.equal(all.size, 20);
}
