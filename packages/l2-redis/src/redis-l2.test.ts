import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { channelOf, keysOf } from './keys.js';
import { entry, openNode, ownServer, until } from './testing/node.js';
import { startProxy } from './testing/proxy.js';

const url = process.env['TIERWISE_TEST_REDIS_URL'] ?? '';
const redis = new Redis(url);
afterAll(() => redis.quit());

const PATIENT = { url, commandTimeout: 10_000, connectTimeout: 10_000 };
let namespace: string;
beforeEach(() => {
  namespace = randomUUID();
});

describe('what stands in Redis', () => {
  test('an entry is the documented bytes, and its expiry is the end of its life', async () => {
    const { l2 } = await openNode(PATIENT);
    const [seconds] = await redis.time();
    const [written] = await l2.write(namespace, [entry('a', 'hello')]);
    const stored = (await redis.getBuffer(keysOf(namespace).entry('a'))) as Buffer;
    const remaining = await redis.pttl(keysOf(namespace).entry('a'));
    expect(stored.subarray(0, 4).toString('hex')).toBe('54570101');
    expect(Number(stored.readBigUInt64BE(4))).toBe(written?.status === 'stored' && written.version);
    const writtenAt = stored.readUIntBE(12, 6);
    expect(writtenAt).toBe(Math.floor(Number(stored.readBigUInt64BE(4)) / 1_000));
    expect(Math.abs(writtenAt - Number(seconds) * 1_000)).toBeLessThan(10_000);
    expect(stored.readUIntBE(18, 6) - writtenAt).toBe(60_000);
    expect(stored.readUIntBE(24, 6) - writtenAt).toBe(120_000);
    expect(stored.subarray(34).toString()).toBe('hello');
    expect(remaining).toBeGreaterThan(110_000);
    expect(remaining).toBeLessThanOrEqual(120_000);
  });

  test('expire and touch change the moments in the header, and nothing else', async () => {
    const { l2 } = await openNode(PATIENT);
    const key = keysOf(namespace).entry('a');
    await l2.write(namespace, [entry('a', 'hello')]);
    const before = (await redis.getBuffer(key)) as Buffer;
    await l2.expire(namespace, ['a']);
    const expired = (await redis.getBuffer(key)) as Buffer;
    expect(expired.readUIntBE(18, 6)).toBeLessThan(before.readUIntBE(18, 6) - 50_000);
    expect(withoutMoments(expired)).toBe(withoutMoments(before));
    expect(expired.readUIntBE(24, 6)).toBe(before.readUIntBE(24, 6));
    await until('a millisecond has passed', async () => {
      const [seconds, micros] = await redis.time();
      return Number(seconds) * 1_000 + Number(micros) / 1_000 > expired.readUIntBE(18, 6) + 2;
    });
    expect(await l2.expire(namespace, ['a'])).toEqual([true]);
    expect(await redis.getBuffer(key)).toEqual(expired);
    await l2.touch(namespace, ['a'], { freshMs: 200_000, keepMs: 300_000 });
    const touched = (await redis.getBuffer(key)) as Buffer;
    expect(withoutMoments(touched)).toBe(withoutMoments(before));
    // What is stale stays so.
    expect(touched.readUIntBE(18, 6)).toBe(expired.readUIntBE(18, 6));
    expect(await redis.pttl(key)).toBeGreaterThan(290_000);
  });

  test('a lease expires with its time; marks expire, the counter does not', async () => {
    const { l2 } = await openNode(PATIENT);
    const names = keysOf(namespace);
    await l2.leases?.acquire(namespace, [{ key: 'a', seen: undefined }], 50_000);
    await l2.time?.marks(namespace, ['t'], { known: 0, ensureMs: 50_000 });
    for (const key of [names.lease('a'), names.mark('t')]) {
      expect(await redis.pttl(key)).toBeGreaterThan(40_000);
      expect(await redis.pttl(key)).toBeLessThanOrEqual(50_000);
    }
    expect(await redis.pttl(names.time)).toBe(-1);
    await l2.time?.marks(namespace, ['t'], { known: 0, ensureMs: 1_000 });
    expect(await redis.pttl(names.mark('t'))).toBeGreaterThan(40_000);
    await l2.time?.advance(namespace, ['t'], 'dead', { known: 0 });
    expect(await redis.pttl(names.mark('t'))).toBeGreaterThan(40_000);
  });

  test('the counter is seeded above the microseconds of Redis, and every number is exact', async () => {
    const { l2 } = await openNode(PATIENT);
    const [seconds] = await redis.time();
    const first = (await l2.time?.marks(namespace, [], { known: 0 }))?.generation ?? 0;
    expect(first).toBeGreaterThanOrEqual(Number(seconds) * 1_000_000);
    expect(await l2.time?.advance(namespace, ['t'], 'dead', { known: 0 })).toBe(first + 1);
    const high = 2 ** 53 - 10;
    expect(await l2.time?.advance(namespace, ['t'], 'stale', { known: high })).toBe(high + 1);
    expect(await redis.hget(keysOf(namespace).time, 'c')).toBe(String(high + 1));
  });
});

describe('values that are not ours', () => {
  test('a key of another type reads as absent, gets a lease, and is written over', async () => {
    const { l2 } = await openNode(PATIENT);
    const names = keysOf(namespace);
    await redis.rpush(names.entry('a'), 'x');
    await redis.rpush(names.lease('a'), 'x');
    expect(await l2.read(namespace, ['a'])).toEqual([undefined]);
    expect(await l2.touch(namespace, ['a'], { freshMs: 1, keepMs: 1 })).toEqual([false]);
    expect(await l2.leases?.release(namespace, 'a', 'x')).toBe(false);
    expect(await l2.expire(namespace, ['a'])).toEqual([false]);
    const [answer] = (await l2.leases?.acquire(namespace, [{ key: 'a', seen: undefined }], 1_000)) ?? [];
    expect(answer?.status).toBe('granted');
    await redis.del(names.lease('a'));
    await redis.rpush(names.lease('a'), 'x');
    expect(await l2.write(namespace, [{ ...entry('a'), lease: 'x' }])).toEqual([{ status: 'refused' }]);
    await l2.write(namespace, [entry('a')]);
    expect(await l2.read(namespace, ['a'])).toMatchObject([{ status: 'found' }]);
  });

  test('an entry whose life is over is absent for every call, even if Redis still has it', async () => {
    const { l2 } = await openNode(PATIENT);
    const key = keysOf(namespace).entry('a');
    await l2.write(namespace, [entry('a')]);
    const stored = (await redis.getBuffer(key)) as Buffer;
    stored.writeUIntBE(stored.readUIntBE(12, 6), 18, 6);
    stored.writeUIntBE(stored.readUIntBE(12, 6), 24, 6);
    await redis.set(key, stored);
    expect(await l2.read(namespace, ['a'])).toEqual([undefined]);
    expect(await l2.touch(namespace, ['a'], { freshMs: 1_000, keepMs: 1_000 })).toEqual([false]);
    expect(await l2.expire(namespace, ['a'])).toEqual([false]);
    const [answer] = (await l2.leases?.acquire(namespace, [{ key: 'a', seen: undefined }], 1_000)) ?? [];
    expect(answer?.status).toBe('granted');
    expect(await l2.delete(namespace, ['a'])).toEqual([false]);
    expect(await redis.exists(key)).toBe(0);
  });

  test.each([
    ['a version beyond all', 4, 'ffffffffffffffff'],
    ['a version of 0', 4, '0000000000000000'],
    ['stale after it is gone', 18, 'ffffffffffff'],
  ])(
    'a header that contradicts itself (%s) is as good as none: it is written over, and a commit may expect it',
    async (_, at, hex) => {
      const { l2 } = await openNode(PATIENT);
      const corrupt = async (): Promise<void> => {
        await l2.write(namespace, [entry('a')]);
        await redis.setrange(keysOf(namespace).entry('a'), at, Buffer.from(hex, 'hex') as unknown as string);
      };
      await corrupt();
      const seen = await l2.transactions?.read(namespace, ['a']);
      expect(seen).toMatchObject([{ status: 'damaged', version: 0 }]);
      const commit = { expect: [{ key: 'a', version: seen?.[0]?.version }], writes: [entry('a')], deletes: [] };
      expect(await l2.transactions?.commit(namespace, commit)).toMatchObject({ status: 'committed' });
      await corrupt();
      await l2.write(namespace, [entry('a', 'new')]);
      expect(await l2.read(namespace, ['a'])).toMatchObject([{ status: 'found' }]);
    },
  );

  test('a lease without an end is not ours, and does not hold for ever', async () => {
    const { l2 } = await openNode(PATIENT);
    await redis.set(keysOf(namespace).lease('a'), 'x');
    const [answer] = (await l2.leases?.acquire(namespace, [{ key: 'a', seen: undefined }], 1_000)) ?? [];
    expect(answer?.status).toBe('granted');
  });

  test('a counter and marks that make no sense are lost ones: everything earlier is dead', async () => {
    const { l2 } = await openNode(PATIENT);
    const names = keysOf(namespace);
    const before = (await l2.time?.marks(namespace, ['t', 'u'], { known: 0, ensureMs: 60_000 }))?.generation ?? 0;
    await redis.set(names.time, 'nonsense');
    await redis.set(names.mark('t'), 'nonsense');
    await redis.del(names.mark('u'));
    await redis.rpush(names.mark('u'), 'nonsense');
    const after = await l2.time?.marks(namespace, ['t', 'u'], { known: before });
    expect(after?.generation).toBeGreaterThan(before);
    expect(after?.namespace.dead).toBe(after?.generation);
    expect(after?.tags).toEqual([undefined, undefined]);
    await l2.time?.advance(namespace, ['t', 'u'], 'dead', { known: 0 });
    const ensured = await l2.time?.marks(namespace, ['t', 'u'], { known: 0, ensureMs: 60_000 });
    expect(ensured?.tags).toEqual(Array(2).fill({ dead: ensured?.generation, stale: ensured?.generation }));
  });

  test('the empty string as a lease is a lease that nobody has, not a write without one', async () => {
    const { l2 } = await openNode(PATIENT);
    expect(await l2.write(namespace, [{ ...entry('a'), lease: '' }])).toEqual([{ status: 'refused' }]);
  });

  test('messages that nobody understands are counted, and the feed goes on', async () => {
    const node = await openNode(PATIENT);
    await node.l2.feed?.follow(namespace);
    const channel = channelOf('', namespace, 0);
    for (const message of ['', '{', '[1,"changed"]']) await redis.publish(channel, message);
    await redis.publish(channel, '[2,"of the future"]');
    await node.l2.delete(namespace, ['a']);
    await until('news', () => node.news.length === 2);
    expect(node.news).toMatchObject([{ type: 'reset', namespace }, { type: 'changed' }]);
    expect((await node.l2.health()).detail).toContain('3 messages of the feed were not understood');
  });
});

describe('purge', () => {
  const NAMES = ['', '*', '?', '[ab]', 'a*', 'users', 'usersAbc', 'users:abc', 'users{', 'user?', '\\', '^-'];

  test.each(['', 'app:', 'a*[b]?\\:', 'héé{'])(
    'with the key prefix %j removes its own namespace only',
    async (keyPrefix) => {
      const base = randomUUID();
      const { l2 } = await openNode({ ...PATIENT, redis: { keyPrefix } });
      const names = NAMES.map((name) => `${base}${name}`);
      for (const name of names) {
        await l2.write(name, [entry('a'), entry('*'), entry('}')]);
        await l2.leases?.acquire(name, [{ key: 'b', seen: undefined }], 60_000);
      }
      for (const [i, name] of names.entries()) {
        expect(await l2.purge(name), name).toBe(3);
        const [lease] = (await l2.leases?.acquire(name, [{ key: 'b', seen: undefined }], 60_000)) ?? [];
        expect(lease?.status).toBe('granted');
        for (const other of names.slice(i + 1)) {
          expect(await l2.read(other, ['a', '*', '}']), `${other} after ${name}`).toMatchObject(
            Array(3).fill({ status: 'found' }),
          );
        }
      }
    },
  );

  test('takes as many pages as there are, and leaves logical time', async () => {
    const { l2 } = await openNode(PATIENT);
    const keys = Array.from({ length: 3_000 }, (_, i) => `key ${i}`);
    await l2.write(
      namespace,
      keys.map((key) => entry(key)),
    );
    const before = await l2.time?.marks(namespace, ['t'], { known: 0, ensureMs: 60_000 });
    expect(await l2.purge(namespace)).toBe(3_000);
    expect(await l2.time?.marks(namespace, ['t'], { known: 0 })).toEqual(before);
    expect(await redis.exists(...keys.map(keysOf(namespace).entry))).toBe(0);
  });
});

test('a remaining life is never overstated, over however slow a line', async (context) => {
  const server = await ownServer(context);
  const proxy = await startProxy(server.port);
  const direct = new Redis(server.url);
  onTestFinished(() => direct.disconnect());
  proxy.delayMs = 30;
  const { l2 } = await openNode({ ...PATIENT, url: proxy.url });
  await l2.write('n', [entry('a')]);
  for (let i = 0; i < 5; i += 1) {
    const [read] = await l2.read('n', ['a']);
    const readAt = performance.now();
    const remaining = await direct.pttl(keysOf('n').entry('a'));
    const since = performance.now() - readAt;
    const keepMs = read?.status === 'found' ? read.keepMs : Number.NaN;
    // Redis' own remainder when the read had come is at least what it says now, and at most so much more as has passed.
    expect(keepMs).toBeLessThanOrEqual(remaining + since + 1);
    expect(keepMs).toBeGreaterThan(remaining - 200);
  }
});

describe('what is sent', () => {
  test('one command for a read, and a second one only when the clock is to be read anew', async (context) => {
    const server = await ownServer(context);
    const admin = new Redis(server.url);
    onTestFinished(() => admin.disconnect());
    let skipped = 0;
    const { l2 } = await openNode({ ...PATIENT, url: server.url, now: () => performance.now() + skipped });
    await l2.write('n', [entry('a')]);
    await admin.config('RESETSTAT');
    await l2.read('n', ['a', 'b', 'c']);
    expect(await calls(admin)).toEqual({ mget: 1 });
    skipped += 31_000;
    await l2.read('n', ['a']);
    expect(await calls(admin)).toEqual({ mget: 2, time: 1 });
    await l2.read('n', ['a']);
    expect(await calls(admin)).toEqual({ mget: 3, time: 1 });
    skipped += 31_000;
    await l2.delete('n', ['other']);
    await l2.read('n', ['a']);
    expect(await calls(admin)).toMatchObject({ mget: 4, publish: 1 });
  });

  test('a batch goes in parts, and what was asked later for one of its keys is done later', async () => {
    const { l2 } = await openNode(PATIENT);
    const keys = Array.from({ length: 2_000 }, (_, i) => `key ${i}`);
    const written = l2.write(
      namespace,
      keys.map((key) => entry(key)),
    );
    const deleted = l2.delete(namespace, ['key 1999']);
    const read = l2.read(namespace, keys);
    await written;
    expect(await deleted).toEqual([true]);
    const found = await read;
    expect(found.slice(0, -1).every((each) => each?.status === 'found')).toBe(true);
    expect(found.at(-1)).toBeUndefined();
  });

  test('scripts that Redis forgot are sent again', async (context) => {
    const server = await ownServer(context);
    const admin = new Redis(server.url);
    onTestFinished(() => admin.disconnect());
    const { l2 } = await openNode({ ...PATIENT, url: server.url });
    await l2.write('n', [entry('a')]);
    await admin.script('FLUSH');
    await l2.write('n', [entry('a', 'new')]);
    expect(await l2.read('n', ['a'])).toMatchObject([{ bytes: Buffer.from('new') }]);
  });

  test('one namespace in two databases of a server is two, in the feed too', async () => {
    const [zero, one] = [await openNode(PATIENT), await openNode({ ...PATIENT, redis: { db: 1 } })];
    for (const { l2 } of [zero, one]) await l2.feed?.follow(namespace);
    await zero.l2.write(namespace, [entry('a')]);
    expect(await one.l2.read(namespace, ['a'])).toEqual([undefined]);
    await one.l2.write(namespace, [entry('b')]);
    await until('both heard', () => zero.news.length > 0 && one.news.length > 0);
    expect(zero.news).toMatchObject([{ keys: ['a'] }]);
    expect(one.news).toMatchObject([{ keys: ['b'] }]);
    await one.l2.purge(namespace);
  });
});

test('health tells the version and the space in use', async () => {
  const { l2 } = await openNode(PATIENT);
  expect((await l2.health()).detail).toMatch(/^(Redis|Valkey) \d+\.\d+\.\d+, \S+ of memory in use$/);
});

function withoutMoments(stored: Buffer): string {
  return stored.toString('hex', 0, 18) + stored.toString('hex', 30);
}

/** How often each command was called by clients since the last reset, without what tests ask. */
async function calls(admin: Redis): Promise<Record<string, number>> {
  const stats = await admin.info('commandstats');
  const counts = [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name = '', count]) => [
    name,
    Number(count),
  ]);
  const asked = new Set(['info', 'config|resetstat', 'ping', 'subscribe']);
  return Object.fromEntries(counts.filter(([name]) => !asked.has(String(name))));
}
