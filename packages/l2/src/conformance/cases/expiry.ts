import assert from 'node:assert/strict';
import { type L2Life, MAX_LIFE_MS } from '../../contract.js';
import { L2InvalidError } from '../../errors.js';
import { type Bench, bytesOf, found, LONG, lease, put, type TestNode, textAt } from '../bench.js';
import { casesOf, type L2Case } from '../case.js';

export const expiry: L2Case[] = casesOf(
  'life and expiry',
  [],
  [
    ['an entry is there until its keepMs are over, and absent from then on for every call', expires],
    ['an entry turns stale when its freshMs are over', turnsStale],
    ['freshMs 0 is stale from the start and still there', staleFromStart],
    ['the shortest life is 1 ms', shortest],
    ['the longest life is MAX_LIFE_MS', longest],
    ['age grows and remaining times shrink as time passes, and none is overstated', figures],
    ['touch saves an entry from its end, and a shorter life by touch ends it', touched],
    ['a version never comes back after expiry', versionAfterExpiry],
    ['a new write does not inherit the end of the one before', newLife],
    ['no node can write or touch a forbidden life: nothing is stored', forbiddenLives],
    ['of a batch with one forbidden entry nothing is stored', forbiddenBatch],
    ['forbidden durations of leases are refused', forbiddenLeases, 'leases'],
    ['forbidden durations and generations of logical time are refused', forbiddenTimes, 'time'],
  ],
);

async function expires(bench: Bench): Promise<void> {
  const node = await bench.node();
  const keys = ['a', 'b', 'c', 'd'];
  const lifeMs = await bench.within(async (keepMs) => {
    for (const key of keys) await put(node, bench.namespace, key, 'value', { freshMs: keepMs, keepMs });
    for (const key of keys) assert.equal(await textAt(node, bench.namespace, key), 'value');
  });
  await bench.pass(lifeMs);
  assert.equal(await textAt(node, bench.namespace, 'a'), undefined);
  assert.deepEqual(await node.l2.touch(bench.namespace, ['a'], LONG), [false]);
  assert.deepEqual(await node.l2.expire(bench.namespace, ['b']), [false]);
  assert.deepEqual(await node.l2.delete(bench.namespace, ['c']), [false]);
  if (node.l2.leases !== undefined) await lease(node, bench.namespace, 'd');
  assert.equal(await node.l2.purge(bench.namespace), 0);
}

async function turnsStale(bench: Bench): Promise<void> {
  const node = await bench.node();
  const lifeMs = await bench.within(async (freshMs) => {
    await put(node, bench.namespace, 'a', 'value', { freshMs, keepMs: 60_000 });
    const { freshMs: left } = await found(node, bench.namespace, 'a');
    assert.ok(left > 0 && left <= freshMs, `freshMs is ${left} of ${freshMs}`);
  });
  await bench.pass(lifeMs);
  const stale = await found(node, bench.namespace, 'a');
  assert.ok(stale.freshMs <= 0 && stale.keepMs > 0, JSON.stringify(stale));
  assert.equal(await textAt(node, bench.namespace, 'a'), 'value');
}

async function staleFromStart(bench: Bench): Promise<void> {
  const node = await bench.node();
  await put(node, bench.namespace, 'a', 'value', { freshMs: 0, keepMs: 60_000 });
  const read = await found(node, bench.namespace, 'a');
  assert.ok(read.freshMs <= 0 && read.keepMs > 0 && read.keepMs <= 60_000, JSON.stringify(read));
}

async function shortest(bench: Bench): Promise<void> {
  const node = await bench.node();
  await put(node, bench.namespace, 'a', 'value', { freshMs: 1, keepMs: 1 });
  await put(node, bench.namespace, 'b', 'value', { freshMs: 0, keepMs: 1 });
  await bench.pass(1);
  assert.equal(await textAt(node, bench.namespace, 'a'), undefined);
  assert.equal(await textAt(node, bench.namespace, 'b'), undefined);
}

async function longest(bench: Bench): Promise<void> {
  const node = await bench.node();
  await put(node, bench.namespace, 'a', 'value', { freshMs: MAX_LIFE_MS, keepMs: MAX_LIFE_MS });
  const read = await found(node, bench.namespace, 'a');
  assert.ok(read.keepMs > MAX_LIFE_MS - 60_000 && read.keepMs <= MAX_LIFE_MS, `keepMs is ${read.keepMs}`);
  assert.ok(read.freshMs > MAX_LIFE_MS - 60_000 && read.freshMs <= MAX_LIFE_MS, `freshMs is ${read.freshMs}`);
  await put(node, bench.namespace, 'b', 'value', { freshMs: 2 ** 31, keepMs: 2 ** 32 });
  assert.ok((await found(node, bench.namespace, 'b')).freshMs > 2 ** 31 - 60_000, 'lives above 2^31 ms do not wrap');
  // The suite may run on a server that lives on.
  await node.l2.delete(bench.namespace, ['a', 'b']);
}

async function figures(bench: Bench): Promise<void> {
  const node = await bench.node();
  const beforeWrite = bench.now();
  await put(node, bench.namespace, 'a');
  const afterWrite = bench.now();
  await bench.pass(20);
  const beforeRead = bench.now();
  const read = await found(node, bench.namespace, 'a');
  const afterRead = bench.now();
  // What the store measured lies between what passed for sure and what passed at most; each clock may round by 1 ms.
  const [least, most] = [beforeRead - afterWrite - 2, afterRead - beforeWrite + 2];
  const lies = (ms: number): boolean => ms >= least && ms <= most;
  assert.ok(lies(read.ageMs), `age ${read.ageMs} is not within ${least}..${most}`);
  assert.ok(LONG.keepMs - read.keepMs >= least, `keepMs is overstated: ${read.keepMs}`);
  assert.ok(LONG.freshMs - read.freshMs >= least, `freshMs is overstated: ${read.freshMs}`);
}

async function touched(bench: Bench): Promise<void> {
  const node = await bench.node();
  const lifeMs = await bench.within(async (keepMs) => {
    for (const key of ['a', 'b']) await put(node, bench.namespace, key, 'value', { freshMs: keepMs, keepMs });
    assert.deepEqual(await node.l2.touch(bench.namespace, ['a'], LONG), [true]);
    await put(node, bench.namespace, 'b');
    assert.deepEqual(await node.l2.touch(bench.namespace, ['b'], { freshMs: 0, keepMs }), [true]);
  });
  await bench.pass(lifeMs);
  assert.equal(await textAt(node, bench.namespace, 'a'), 'value');
  assert.ok((await found(node, bench.namespace, 'a')).freshMs > 0);
  assert.equal(await textAt(node, bench.namespace, 'b'), undefined);
}

async function versionAfterExpiry(bench: Bench): Promise<void> {
  const node = await bench.node();
  const first = await put(node, bench.namespace, 'a', 'value', { freshMs: 1, keepMs: 1 });
  await bench.pass(1);
  assert.notEqual(await put(node, bench.namespace, 'a'), first);
}

async function newLife(bench: Bench): Promise<void> {
  const node = await bench.node();
  const lifeMs = await bench.within(async (keepMs) => {
    await put(node, bench.namespace, 'a', 'value', { freshMs: keepMs, keepMs });
  });
  await put(node, bench.namespace, 'a');
  await bench.pass(lifeMs);
  assert.ok((await found(node, bench.namespace, 'a')).freshMs > 0);
}

const FORBIDDEN_DURATIONS = [
  ...[0, -0, -1, 0.5, 1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ...[MAX_LIFE_MS + 1, Number.MAX_SAFE_INTEGER, 2 ** 53, Number.MAX_VALUE, '1000' as unknown as number],
];

const FORBIDDEN_LIVES: L2Life[] = [
  ...FORBIDDEN_DURATIONS.map((keepMs) => ({ freshMs: 0, keepMs })),
  ...[-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 1_001].map((freshMs) => ({ freshMs, keepMs: 1_000 })),
];

async function forbiddenLives(bench: Bench): Promise<void> {
  const node = await bench.node();
  const version = await put(node, bench.namespace, 'old', 'old', LONG);
  for (const life of FORBIDDEN_LIVES) {
    const bytes = bytesOf('new');
    await assert.rejects(node.l2.write(bench.namespace, [{ key: 'a', bytes, ...life }]), L2InvalidError, say(life));
    await assert.rejects(node.l2.write(bench.namespace, [{ key: 'old', bytes, ...life }]), L2InvalidError, say(life));
    await assert.rejects(node.l2.touch(bench.namespace, ['old'], life), L2InvalidError, say(life));
  }
  assert.equal(await textAt(node, bench.namespace, 'a'), undefined);
  const old = await found(node, bench.namespace, 'old');
  assert.ok(old.version === version && old.freshMs > 60_000 && old.keepMs > old.freshMs, say(old));
}

async function forbiddenBatch(bench: Bench): Promise<void> {
  const node = await bench.node();
  const good = (key: string) => ({ key, bytes: bytesOf('new'), ...LONG });
  const bad = [
    { ...good('bad'), keepMs: 0 },
    { ...good('bad'), freshMs: Number.NaN },
    { ...good('bad\ud800') },
    { ...good('bad'), bytes: 'text' as unknown as Uint8Array },
    { ...good('bad'), bytes: new Uint8Array(64 * 1024 * 1024 + 1) },
  ];
  for (const entry of bad) {
    const batch = [good('first'), entry, good('last')];
    await assert.rejects(node.l2.write(bench.namespace, batch), L2InvalidError);
    await shouldHoldNothing(node, bench.namespace);
  }
}

async function shouldHoldNothing(node: TestNode, namespace: string): Promise<void> {
  assert.deepEqual(await node.l2.read(namespace, ['first', 'bad', 'last']), [undefined, undefined, undefined]);
}

async function forbiddenLeases(bench: Bench): Promise<void> {
  const { leases } = await bench.node();
  const token = await leases.acquire(bench.namespace, [{ key: 'held', seen: undefined }], 600_000);
  for (const ttlMs of FORBIDDEN_DURATIONS) {
    const request = [{ key: 'a', seen: undefined }];
    await assert.rejects(leases.acquire(bench.namespace, request, ttlMs), L2InvalidError, say(ttlMs));
    const held = token[0]?.status === 'granted' ? token[0].token : '';
    await assert.rejects(leases.renew(bench.namespace, 'held', held, ttlMs), L2InvalidError, say(ttlMs));
  }
  const answers = await leases.acquire(
    bench.namespace,
    [
      { key: 'a', seen: undefined },
      { key: 'held', seen: undefined },
    ],
    9,
  );
  assert.deepEqual(
    answers.map((answer) => answer.status),
    ['granted', 'held'],
  );
}

async function forbiddenTimes(bench: Bench): Promise<void> {
  const { time } = await bench.node();
  for (const ensureMs of FORBIDDEN_DURATIONS) {
    await assert.rejects(time.marks(bench.namespace, ['t'], { known: 0, ensureMs }), L2InvalidError, say(ensureMs));
  }
  for (const known of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '7' as unknown as number]) {
    await assert.rejects(time.marks(bench.namespace, ['t'], { known }), L2InvalidError, say(known));
    await assert.rejects(time.advance(bench.namespace, ['t'], 'dead', { known }), L2InvalidError, say(known));
    await assert.rejects(time.advance(bench.namespace, null, 'stale', { known }), L2InvalidError, say(known));
  }
  assert.deepEqual((await time.marks(bench.namespace, ['t'], { known: 0 })).tags, [undefined]);
}

function say(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
