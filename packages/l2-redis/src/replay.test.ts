import { randomUUID } from 'node:crypto';
import { DELETION_MEMORY_MS, type L2, type L2Moment } from '@tierwise/l2';
import type { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { keysOf } from './keys.js';
import { adminOf, entry, openNode, ownServer, until } from './testing/node.js';

const url = process.env['TIERWISE_TEST_REDIS_URL'] ?? '';
const PATIENT = { commandTimeout: 5_000, connectTimeout: 5_000 };
const names = keysOf('n');

const momentOf = (l2: L2, key = 'a'): L2Moment => l2.replay?.moment('n', key) ?? '';

async function replayed(l2: L2, since: L2Moment, key = 'a'): Promise<string | undefined> {
  const answers = await l2.replay?.replay('n', [{ ...entry(key, 'replayed'), since }]);
  return answers?.[0]?.status;
}

/** Changes the bytes of an entry, and nothing else. */
async function patch(admin: Redis, name: string, change: (stored: Buffer) => void): Promise<void> {
  const stored = (await admin.getBuffer(name)) as Buffer;
  change(stored);
  await admin.set(name, stored, 'KEEPTTL');
}

test('an entry says by which kind of call it was written, and touch and expire leave that', async () => {
  const namespace = randomUUID();
  const admin = adminOf({ url });
  const { l2 } = await openNode({ url, ...PATIENT });
  const kindOf = async (key: string): Promise<number | undefined> =>
    (await admin.getBuffer(keysOf(namespace).entry(key)))?.[3];
  await l2.write(namespace, [entry('written')]);
  const [lease] = (await l2.leases?.acquire(namespace, [{ key: 'filled', seen: undefined }], 1_000)) ?? [];
  await l2.write(namespace, [{ ...entry('filled'), lease: lease?.status === 'granted' ? lease.token : '' }]);
  await l2.transactions?.commit(namespace, { expect: [], writes: [entry('committed')], deletes: [] });
  await l2.replay?.replay(namespace, [{ ...entry('replayed'), since: l2.replay.moment(namespace, 'replayed') }]);
  for (const step of [
    async () => {},
    () => l2.touch(namespace, ['written', 'filled', 'committed', 'replayed'], { freshMs: 50_000, keepMs: 50_000 }),
    () => l2.expire(namespace, ['written', 'filled', 'committed', 'replayed']),
  ]) {
    await step();
    expect(await Promise.all(['written', 'filled', 'committed', 'replayed'].map(kindOf))).toEqual([1, 2, 3, 3]);
  }
});

test('a deletion and an expiry leave a note beside the key, for as long as the contract says and a little more', async () => {
  const namespace = randomUUID();
  const admin = adminOf({ url });
  const { l2 } = await openNode({ url, ...PATIENT });
  await l2.delete(namespace, ['deleted']);
  await l2.expire(namespace, ['expired']);
  await l2.transactions?.commit(namespace, { expect: [], writes: [], deletes: ['committed'] });
  for (const key of ['deleted', 'expired', 'committed']) {
    const remaining = await admin.pttl(keysOf(namespace).note(key));
    expect(remaining).toBeGreaterThan(DELETION_MEMORY_MS);
    expect(remaining).toBeLessThanOrEqual(DELETION_MEMORY_MS + 10_000);
  }
});

test('what is written or touched for a short life leaves a note, and longer lives cost none', async () => {
  const admin = adminOf({ url });
  const { l2 } = await openNode({ url, ...PATIENT });
  for (const keepMs of [DELETION_MEMORY_MS - 10_000, DELETION_MEMORY_MS]) {
    const namespace = randomUUID();
    const life = { freshMs: 1_000, keepMs };
    const short = (key: string) => ({ ...entry(key), ...life });
    await l2.write(namespace, [entry('long'), short('written'), entry('touched')]);
    await l2.touch(namespace, ['never there', 'touched'], life);
    await l2.transactions?.commit(namespace, {
      expect: [{ key: 'new', version: undefined }],
      writes: [entry('long'), short('committed')],
      deletes: ['deleted', 'deleted too'],
    });
    await l2.replay?.replay(namespace, [{ ...short('replayed'), since: l2.replay.moment(namespace, 'replayed') }]);
    const [lease] = (await l2.leases?.acquire(namespace, [{ key: 'filled', seen: undefined }], 1_000)) ?? [];
    await l2.write(namespace, [{ ...short('filled'), lease: lease?.status === 'granted' ? lease.token : '' }]);
    const noted = (await admin.keys(`tw1:${namespace}:d:*`)).map((name) => /\{(.*)\}/.exec(name)?.[1]).sort();
    const shortLived = keepMs < DELETION_MEMORY_MS ? ['committed', 'replayed', 'touched', 'written'] : [];
    expect(noted).toEqual(['deleted', 'deleted too', ...shortLived].sort());
    expect(await l2.read(namespace, ['long', 'deleted'])).toMatchObject([{ status: 'found' }, undefined]);
  }
});

test('what was written long ago needs no note when it is touched for a short life', async () => {
  const namespace = randomUUID();
  const admin = adminOf({ url });
  const { l2 } = await openNode({ url, ...PATIENT });
  await l2.write(namespace, [entry('a'), entry('b')]);
  await patch(admin, keysOf(namespace).entry('a'), (stored) =>
    stored.writeUIntBE(stored.readUIntBE(12, 6) - DELETION_MEMORY_MS, 12, 6),
  );
  await l2.touch(namespace, ['a', 'b'], { freshMs: 1_000, keepMs: 1_000 });
  const noteOf = (key: string) => admin.exists(keysOf(namespace).note(key));
  expect([await noteOf('a'), await noteOf('b')]).toEqual([0, 1]);
});

test.each<[what: string, change: (stored: Buffer) => void]>([
  ['by a version that did not say how it was written', (stored) => stored.writeUInt8(0, 3)],
  ['by another process', (stored) => stored.writeUInt32BE((stored.readUInt32BE(30) ^ 1) >>> 0, 30)],
  ['in a format that is still to come', (stored) => stored.writeUInt8(9, 3)],
])('what was written %s and gave way to a fill that has ended may have been written just now', async (_, change) => {
  const key = randomUUID();
  const { l2 } = await openNode({ url, ...PATIENT });
  await l2.write('n', [entry(key)]);
  await patch(adminOf({ url }), names.entry(key), change);
  const since = momentOf(l2, key);
  const [read] = await l2.read('n', [key]);
  const [answer] = (await l2.leases?.acquire('n', [{ key, seen: read?.version }], 1_000)) ?? [];
  const lease = answer?.status === 'granted' ? answer.token : '';
  expect(await l2.write('n', [{ ...entry(key), freshMs: 1, keepMs: 1, lease }])).toMatchObject([{ status: 'stored' }]);
  await until('it has ended', async () => (await l2.read('n', [key]))[0] === undefined);
  expect(await replayed(l2, since, key)).toBe('dropped');
});

test('a moment from before a restart of Redis, which forgot what was deleted, brings nothing back', async (context) => {
  const server = await ownServer(context);
  const { l2 } = await openNode({ url: server.url, ...PATIENT });
  const peer = await openNode({ url: server.url, ...PATIENT });
  const since = momentOf(l2);
  expect(since).not.toBe('');
  await peer.l2.delete('n', ['a']);
  await server.kill();
  // It is known without a server.
  expect(momentOf(l2)).not.toBe('');
  await server.restart();
  await until('calls work', () =>
    l2.read('n', ['a']).then(
      () => true,
      () => false,
    ),
  );
  expect(await replayed(l2, since)).toBe('dropped');
  expect(await l2.read('n', ['a'])).toEqual([undefined]);
  // What was dropped leaves a note, even where nothing was: so another key.
  expect(await replayed(l2, momentOf(l2), 'b')).toBe('stored');
});

test('a server that became another one, unknown to the node, between its moment and the replay', async (context) => {
  const server = await ownServer(context, '--enable-debug-command', 'yes');
  const { l2 } = await openNode({ url: server.url, ...PATIENT });
  const since = momentOf(l2);
  await adminOf(server).call('DEBUG', 'CHANGE-REPL-ID');
  expect(await replayed(l2, since)).toBe('dropped');
  expect(momentOf(l2).split(':')[0]).toBe(since.split(':')[0]);
});

test.each<[what: string, status: string, change: (stored: Buffer) => void]>([
  ['as it is', 'stored', () => {}],
  ['by a version that did not say how it was written', 'dropped', (stored) => stored.writeUInt8(0, 3)],
  ['by another process', 'dropped', (stored) => stored.writeUInt32BE((stored.readUInt32BE(30) ^ 1) >>> 0, 30)],
])('an older entry that was written %s: %s', async (_, status, change) => {
  const key = randomUUID();
  const { l2 } = await openNode({ url, ...PATIENT });
  await l2.write('n', [entry(key)]);
  await patch(adminOf({ url }), names.entry(key), change);
  expect(await replayed(l2, momentOf(l2), key)).toBe(status);
});

test('what was written twice in one batch is as certain as anything', async () => {
  const key = randomUUID();
  const { l2 } = await openNode({ url, ...PATIENT });
  await l2.write('n', [entry(key, 'first'), entry('another'), entry(key, 'second')]);
  expect((await adminOf({ url }).getBuffer(names.entry(key)))?.subarray(34).toString()).toBe('second');
  expect(await replayed(l2, momentOf(l2, key), key)).toBe('stored');
});

test('an entry of a time that is still to come says nothing of the moment', async () => {
  const key = randomUUID();
  const { l2 } = await openNode({ url, ...PATIENT });
  await l2.write('n', [entry(key)]);
  await patch(adminOf({ url }), names.entry(key), (stored) =>
    stored.writeBigUInt64BE(stored.readBigUInt64BE(4) + 900_000_000n, 4),
  );
  const before = momentOf(l2);
  expect(await l2.read('n', [key])).toMatchObject([{ status: 'found' }]);
  expect(momentOf(l2)).toBe(before);
});

test("an entry of another process does not pass for this one's when it was touched or expired here", async () => {
  const { l2 } = await openNode({ url, ...PATIENT });
  for (const deed of ['touch', 'expire'] as const) {
    const key = randomUUID();
    await l2.write('n', [entry(key)]);
    await patch(adminOf({ url }), names.entry(key), (stored) => stored.writeUInt32BE(4_711, 30));
    if (deed === 'touch') await l2.touch('n', [key], { freshMs: 1_000, keepMs: 60_000 });
    else await l2.expire('n', [key]);
    expect(await replayed(l2, momentOf(l2), key)).toBe('dropped');
  }
});

test("what was written when Redis' clock had been set back cannot be told to be later: it goes", async () => {
  const key = randomUUID();
  const { l2 } = await openNode({ url, ...PATIENT });
  const since = momentOf(l2, key);
  await l2.write('n', [entry(key)]);
  // Its version is of a time that is still to come, so the next one is not the moment at which that is written.
  await patch(adminOf({ url }), names.entry(key), (stored) =>
    stored.writeBigUInt64BE(stored.readBigUInt64BE(4) + 900_000_000n, 4),
  );
  await l2.write('n', [entry(key, 'next')]);
  expect(await replayed(l2, since, key)).toBe('dropped');
});

test('a moment that is still to come by the clock of Redis, and ones that are none', async () => {
  const { l2 } = await openNode({ url, ...PATIENT });
  const [life] = momentOf(l2).split(':');
  const [seconds] = await adminOf({ url }).time();
  for (const since of [`${life}:${Number(seconds) + 900}000000`, `${life}:`, `${life}:-1`, ':1', 'x'.repeat(64)]) {
    expect(await replayed(l2, since, randomUUID())).toBe('dropped');
  }
});

test('a note that another process left counts as later than any moment', async () => {
  const key = randomUUID();
  const { l2 } = await openNode({ url, ...PATIENT });
  await l2.delete('n', [key]);
  const admin = adminOf({ url });
  const note = names.note(key);
  const [, at] = String(await admin.get(note)).split(' ');
  expect(await replayed(l2, momentOf(l2), key)).toBe('stored');
  await admin.set(note, `4711 ${at}`, 'PX', 60_000);
  expect(await replayed(l2, momentOf(l2), key)).toBe('dropped');
});

test('a note that another process left does not give way to that of a touch', async () => {
  const key = randomUUID();
  const { l2 } = await openNode({ url, ...PATIENT });
  const [seconds] = await adminOf({ url }).time();
  await l2.write('n', [entry(key)]);
  await adminOf({ url }).set(names.note(key), `4711 ${Number(seconds) - 1}000000`, 'PX', 60_000);
  const since = momentOf(l2, key);
  await l2.touch('n', [key], { freshMs: 1, keepMs: 1 });
  await until('it has ended', async () => (await l2.read('n', [key]))[0] === undefined);
  expect(await replayed(l2, since, key)).toBe('dropped');
});

test('a node that may not ask who the server is knows no moment, and replays nothing', async (context) => {
  const server = await ownServer(context);
  const admin = adminOf(server);
  await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all', '-info');
  const { l2 } = await openNode({ url: server.url, redis: { username: 'app', password: 'secret' }, ...PATIENT });
  expect(momentOf(l2)).toBe('');
  const peer = await openNode({ url: server.url, ...PATIENT });
  expect(await replayed(l2, momentOf(peer.l2))).toBe('dropped');
  expect(await l2.write('n', [entry('a')])).toMatchObject([{ status: 'stored' }]);
  expect(await l2.read('n', ['a'])).toMatchObject([{ status: 'found' }]);
});
