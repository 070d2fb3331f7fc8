import assert from 'node:assert/strict';
import { type Bench, bytesOf, fill, found, LONG, lease, leaseStatus, put, textAt } from '../bench.js';
import { casesOf, type L2Case } from '../case.js';

export const entries: L2Case[] = casesOf(
  'entries',
  [],
  [
    ['what one node writes every node reads', everyNodeReads],
    ['what was never written is absent, and deleting, expiring or touching it creates nothing', absent],
    ['a write replaces bytes and life', replaces],
    [
      'versions grow from write to write, whichever node writes, and a read tells the one that the write told',
      versionsGrow,
    ],
    ['a version never comes back, not by deletion either', versionsDiffer],
    ['expire makes an entry stale since it was written, and leaves bytes, version and keepMs', expire],
    ['expire of an entry that grew stale tells it from one that did not: stale since it was written', expireOfStale],
    ['touch gives a new life, and leaves bytes and version', touch],
    ['touch leaves a stale entry stale, and prolongs how long it is kept', touchOfStale],
    ['touch can shorten a life', touchShortens],
    ['a read changes nothing', readChangesNothing],
    ['a fill by a token that was never granted is refused, with leases and without', inventedToken],
    ['purge removes all entries, more than one page of them, and tells how many', purge],
    ['purge revokes leases', purgeRevokes, 'leases'],
    ['purge leaves marks and the counter', purgeLeavesTime, 'time'],
  ],
);

async function everyNodeReads(bench: Bench): Promise<void> {
  const [one, other] = [await bench.node(), await bench.node()];
  await put(one, bench.namespace, 'a', 'of one');
  assert.equal(await textAt(other, bench.namespace, 'a'), 'of one');
  await put(other, bench.namespace, 'a', 'of the other');
  assert.equal(await textAt(one, bench.namespace, 'a'), 'of the other');
  assert.deepEqual(await one.l2.delete(bench.namespace, ['a']), [true]);
  assert.equal(await textAt(other, bench.namespace, 'a'), undefined);
}

async function absent(bench: Bench): Promise<void> {
  const { l2 } = await bench.node();
  assert.deepEqual(await l2.read(bench.namespace, ['a']), [undefined]);
  assert.deepEqual(await l2.delete(bench.namespace, ['a']), [false]);
  assert.deepEqual(await l2.expire(bench.namespace, ['a']), [false]);
  assert.deepEqual(await l2.touch(bench.namespace, ['a'], LONG), [false]);
  assert.deepEqual(await l2.read(bench.namespace, ['a']), [undefined]);
}

async function replaces(bench: Bench): Promise<void> {
  const node = await bench.node();
  await put(node, bench.namespace, 'a', 'a first, longer value', LONG);
  await put(node, bench.namespace, 'a', 'second', { freshMs: 5_000, keepMs: 50_000 });
  const read = await found(node, bench.namespace, 'a');
  assert.equal(await textAt(node, bench.namespace, 'a'), 'second');
  assert.ok(read.freshMs <= 5_000 && read.keepMs <= 50_000 && read.keepMs > 5_000, JSON.stringify(read));
}

async function versionsGrow(bench: Bench): Promise<void> {
  const nodes = [await bench.node(), await bench.node()];
  let last = 0;
  for (let round = 0; round < 10; round++) {
    for (const node of nodes) {
      const version = await put(node, bench.namespace, 'a', `value ${round}`);
      assert.ok(Number.isSafeInteger(version) && version > last, `${version} after ${last}`);
      for (const reader of nodes) assert.equal((await found(reader, bench.namespace, 'a')).version, version);
      last = version;
    }
  }
  const bytes = bytesOf('same batch');
  const batch = await nodes[0]?.l2.write(bench.namespace, [
    { key: 'a', bytes, ...LONG },
    { key: 'a', bytes, ...LONG },
  ]);
  for (const written of batch ?? []) {
    assert.ok(written.status === 'stored' && written.version > last, `${JSON.stringify(written)} after ${last}`);
    last = written.version;
  }
}

async function versionsDiffer(bench: Bench): Promise<void> {
  const node = await bench.node();
  const versions: number[] = [];
  for (let round = 0; round < 20; round++) {
    versions.push(await put(node, bench.namespace, 'a'));
    await node.l2.delete(bench.namespace, ['a']);
  }
  assert.equal(new Set(versions).size, versions.length);
}

async function expire(bench: Bench): Promise<void> {
  const node = await bench.node();
  const version = await put(node, bench.namespace, 'a');
  const before = await found(node, bench.namespace, 'a');
  assert.ok(before.freshMs > 0);
  await bench.pass(10);
  assert.deepEqual(await node.l2.expire(bench.namespace, ['a']), [true]);
  const after = await found(node, bench.namespace, 'a');
  shouldBeExpired(after);
  assert.ok(after.keepMs <= before.keepMs && after.keepMs > LONG.keepMs / 2, `keepMs is ${after.keepMs}`);
  assert.ok(after.ageMs >= before.ageMs);
  assert.equal(after.version, version);
  assert.equal(await textAt(node, bench.namespace, 'a'), 'value');
}

async function expireOfStale(bench: Bench): Promise<void> {
  const node = await bench.node();
  await put(node, bench.namespace, 'a', 'value', { freshMs: 5, keepMs: 600_000 });
  await bench.pass(20);
  const old = await found(node, bench.namespace, 'a');
  assert.ok(old.freshMs <= 0 && old.freshMs > -old.ageMs, JSON.stringify(old));
  for (let times = 0; times < 2; times++) {
    assert.deepEqual(await node.l2.expire(bench.namespace, ['a']), [true]);
    shouldBeExpired(await found(node, bench.namespace, 'a'));
    await bench.pass(10);
  }
}

function shouldBeExpired({ freshMs, ageMs }: { freshMs: number; ageMs: number }): void {
  assert.ok(freshMs === -ageMs, `freshMs is ${freshMs} at the age of ${ageMs} ms`);
}

async function touch(bench: Bench): Promise<void> {
  const node = await bench.node();
  const version = await put(node, bench.namespace, 'a', 'value', { freshMs: 60_000, keepMs: 60_000 });
  assert.deepEqual(await node.l2.touch(bench.namespace, ['a'], { freshMs: 300_000, keepMs: 900_000 }), [true]);
  const read = await found(node, bench.namespace, 'a');
  assert.ok(read.freshMs > 60_000 && read.freshMs <= 300_000, `freshMs is ${read.freshMs}`);
  assert.ok(read.keepMs > 300_000 && read.keepMs <= 900_000, `keepMs is ${read.keepMs}`);
  assert.equal(read.version, version);
  assert.equal(await textAt(node, bench.namespace, 'a'), 'value');
}

async function touchOfStale(bench: Bench): Promise<void> {
  const node = await bench.node();
  await put(node, bench.namespace, 'a', 'value', { freshMs: 60_000, keepMs: 60_000 });
  await node.l2.expire(bench.namespace, ['a']);
  assert.deepEqual(await node.l2.touch(bench.namespace, ['a'], { freshMs: 300_000, keepMs: 900_000 }), [true]);
  const read = await found(node, bench.namespace, 'a');
  shouldBeExpired(read);
  assert.ok(read.keepMs > 300_000 && read.keepMs <= 900_000, `keepMs is ${read.keepMs}`);
}

async function touchShortens(bench: Bench): Promise<void> {
  const node = await bench.node();
  await put(node, bench.namespace, 'a');
  await node.l2.touch(bench.namespace, ['a'], { freshMs: 0, keepMs: 60_000 });
  const read = await found(node, bench.namespace, 'a');
  assert.ok(read.freshMs <= 0 && read.keepMs <= 60_000, JSON.stringify(read));
}

async function readChangesNothing(bench: Bench): Promise<void> {
  const node = await bench.node();
  await put(node, bench.namespace, 'a');
  const first = await found(node, bench.namespace, 'a');
  await bench.pass(5);
  for (let times = 0; times < 3; times++) await found(node, bench.namespace, 'a');
  const last = await found(node, bench.namespace, 'a');
  assert.equal(last.version, first.version);
  assert.ok(last.ageMs >= first.ageMs + 4, `age went from ${first.ageMs} to ${last.ageMs}`);
  assert.ok(last.keepMs <= first.keepMs - 4, `keepMs went from ${first.keepMs} to ${last.keepMs}`);
  assert.ok(last.freshMs <= first.freshMs - 4, `freshMs went from ${first.freshMs} to ${last.freshMs}`);
}

async function inventedToken(bench: Bench): Promise<void> {
  const node = await bench.node();
  for (const token of ['', 'invented', '*', 'undefined']) {
    assert.equal(await fill(node, bench.namespace, 'a', token), false, JSON.stringify(token));
  }
  assert.equal(await textAt(node, bench.namespace, 'a'), undefined);
}

async function purge(bench: Bench): Promise<void> {
  const node = await bench.node();
  const neighbour = `${bench.namespace}2`;
  const keys = Array.from({ length: 2_500 }, (_, index) => `key ${index}`);
  await node.l2.write(
    bench.namespace,
    keys.map((key) => ({ key, bytes: bytesOf(key), ...LONG })),
  );
  await put(node, neighbour, 'a');
  assert.equal(await node.l2.purge(bench.namespace), 2_500);
  assert.deepEqual(
    await node.l2.read(bench.namespace, keys),
    keys.map(() => undefined),
  );
  assert.equal(await textAt(node, neighbour, 'a'), 'value');
  assert.equal(await node.l2.purge(bench.namespace), 0);
  assert.equal(await node.l2.purge(neighbour), 1);
}

async function purgeRevokes(bench: Bench): Promise<void> {
  const node = await bench.node();
  const token = await lease(node, bench.namespace, 'a');
  await put(node, bench.namespace, 'b');
  await node.l2.purge(bench.namespace);
  assert.equal(await node.leases.renew(bench.namespace, 'a', token, 1_000), false);
  assert.equal(await leaseStatus(node, bench.namespace, 'a'), 'granted');
}

async function purgeLeavesTime(bench: Bench): Promise<void> {
  const node = await bench.node();
  await node.time.marks(bench.namespace, ['t'], { known: 0, ensureMs: 600_000 });
  await node.time.advance(bench.namespace, ['t'], 'stale', { known: 0 });
  await node.time.advance(bench.namespace, null, 'dead', { known: 0 });
  const before = await node.time.marks(bench.namespace, ['t'], { known: 0 });
  await put(node, bench.namespace, 'a');
  await node.l2.purge(bench.namespace);
  assert.deepEqual(await node.time.marks(bench.namespace, ['t'], { known: 0 }), before);
}
