import { createHierarchy, type Hierarchy } from '@tierwise/hierarchy';
import { redisL2 } from '@tierwise/l2-redis';
import { Redis } from 'ioredis';
import { expect, onTestFinished, type TestContext, test } from 'vitest';
import { startRedisServer, type TestRedisServer } from './support/redis-server.js';

/**
 * What `tracking: true` promises, seen from L1: another program's change of an entry is followed at once, and a node's own
 * writes stay where they are. The other program is a plain client of ioredis; the foreign values that it writes are copies of
 * entries that once stood there, so that they can be read.
 */

const NAMESPACE = 'tracked';
const nameOf = (key: string) => `tw1:${NAMESPACE}:v:{${key}}`;

interface Scene {
  readonly server: TestRedisServer;
  readonly cache: Hierarchy;
  /** Two programs: one that connected before the node did, and one after it. Redis takes its clients in that order. */
  readonly strangers: readonly [Redis, Redis];
  /** Resolves when the node has heard, and decided about, all that happened until now. */
  readonly settled: () => Promise<void>;
}

async function scene({ skip }: TestContext): Promise<Scene> {
  const server = await startRedisServer();
  if (server === undefined) return skip('neither redis-server nor valkey-server is on PATH');
  onTestFinished(() => server.stop());
  const client = async () => {
    const redis = new Redis(server.url);
    onTestFinished(() => redis.disconnect());
    await redis.ping();
    return redis;
  };
  const before = await client();
  const listener = await client();
  const cache = createHierarchy({
    namespace: NAMESPACE,
    l1: { maxEntries: 50_000 },
    l2: redisL2({ url: server.url, tracking: true, commandTimeout: 10_000, connectTimeout: 10_000 }),
    l2Timeout: '10s',
    ttl: '10m',
  });
  onTestFinished(() => cache.close());
  await cache.ready();
  const after = await client();
  const origin = await originOf(cache, listener);
  let rounds = 0;
  const settled = async () => {
    // Suspects are looked at in order: this one, announced as the node's own and yet foreign, is decided after all before it.
    rounds += 1;
    const key = `settled ${rounds}`;
    const heard = new Promise<void>((resolve) => {
      const stop = cache.on('news', ({ news }) => {
        if (news.type !== 'changed' || news.cause !== 'external' || !news.keys.includes(key)) return;
        stop();
        resolve();
      });
    });
    const message = JSON.stringify([1, 'changed', origin, 'write', [key], [1]]);
    await after.multi().set(nameOf(key), 'x').publish(`tw1:${NAMESPACE}:f`, message).exec();
    await heard;
  };
  await settled();
  return { server, cache, strangers: [before, after], settled };
}

/** What a node calls itself, as its peers hear it. */
async function originOf(cache: Hierarchy, listener: Redis): Promise<string> {
  await listener.subscribe(`tw1:${NAMESPACE}:f`);
  const message = new Promise<string>((resolve) => listener.once('message', (_, text: string) => resolve(text)));
  await cache.set('the first', 1);
  const [, , origin] = JSON.parse(await message) as [number, string, string];
  return origin;
}

/** What L2 holds of keys, asked by a node that has just come. */
async function truthOf(server: TestRedisServer, keys: readonly string[]): Promise<unknown[]> {
  const fresh = createHierarchy({
    namespace: NAMESPACE,
    l2: redisL2({ url: server.url }),
    l2Timeout: '10s',
    ttl: '10m',
  });
  try {
    return await fresh.getMany(keys);
  } finally {
    await fresh.close();
  }
}

/** Entries as they stand in Redis, to be written again by another program. They hold `value` under each key. */
async function entriesOf(scene: Scene, keys: readonly string[], value: string): Promise<Buffer[]> {
  const { server, strangers } = scene;
  const peer = createHierarchy({
    namespace: NAMESPACE,
    l2: redisL2({ url: server.url }),
    l2Timeout: '10s',
    ttl: '10m',
  });
  await peer.setMany(keys.map((key) => [key, value] as const));
  await peer.close();
  return (await strangers[1].mgetBuffer(keys.map(nameOf))) as Buffer[];
}

async function until(what: string, isSo: () => boolean, limitMs = 5_000): Promise<void> {
  for (const start = performance.now(); !isSo(); await new Promise(setImmediate)) {
    if (performance.now() - start > limitMs) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
  }
}

test.for<[string, (stranger: Redis, key: string) => Promise<unknown>]>([
  ['DEL', (stranger, key) => stranger.del(nameOf(key))],
  ['SET', (stranger, key) => stranger.set(nameOf(key), 'foreign')],
  ['PEXPIRE', (stranger, key) => stranger.pexpire(nameOf(key), 1)],
  ['RENAME', (stranger, key) => stranger.rename(nameOf(key), 'elsewhere')],
  ['FLUSHALL', (stranger) => stranger.flushall()],
  ['FLUSHDB', (stranger) => stranger.flushdb()],
])('%s by another program empties L1', async ([, act], context) => {
  const { cache, strangers, settled } = await scene(context);
  await cache.set('a', 'value');
  await settled();
  expect(cache.peek('a')).toBe('value');
  await act(strangers[1], 'a');
  await until('L1 has dropped it', () => cache.peek('a') === undefined);
});

test('10,000 own writes, one by one, in batches and by loads, all stay in L1', async (context) => {
  const { cache, settled } = await scene(context);
  const keys = Array.from({ length: 10_000 }, (_, i) => `key ${i}`);
  for (let i = 0; i < 4_000; i += 100) {
    await Promise.all(keys.slice(i, i + 100).map((key) => cache.set(key, key)));
  }
  await cache.setMany(keys.slice(4_000, 8_000).map((key) => [key, key] as const));
  for (let i = 8_000; i < 10_000; i += 100) {
    await Promise.all(keys.slice(i, i + 100).map((key) => cache.getOrSet(key, () => key)));
  }
  await settled();
  expect(keys.filter((key) => cache.peek(key) !== key)).toEqual([]);
}, 30_000);

test('own and foreign writes of one key in one turn of Redis, 2,000 times: L1 never ends with the one that lost', async (context) => {
  const stage = await scene(context);
  const { server, cache, strangers, settled } = stage;
  const [rounds, atOnce] = [2_000, 100];
  const won = { own: 0, foreign: 0, gone: 0 };
  const kept = { own: 0 };
  for (let first = 0; first < rounds; first += atOnce) {
    const keys = Array.from({ length: atOnce }, (_, i) => `round ${first + i}`);
    const foreign = await entriesOf(stage, keys, 'foreign');
    const alien = (key: string, i: number): Promise<unknown> => {
      const stranger = strangers[i % 2] as Redis;
      return i % 3 === 0 ? stranger.del(nameOf(key)) : stranger.set(nameOf(key), foreign[i] as Buffer, 'PX', 600_000);
    };
    const own = (key: string): Promise<unknown> => cache.set(key, 'own');
    // All that is sent now waits for the server, which takes it in one turn, in the order in which it came.
    server.freeze();
    const deeds: Promise<unknown>[] = [];
    for (const deed of (first / atOnce) % 2 === 0 ? [alien, own] : [own, alien]) {
      deeds.push(...keys.map(deed));
      // The packets leave at the end of this turn of ours.
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    server.thaw();
    await Promise.all(deeds);
    await settled();
    const truth = await truthOf(server, keys);
    for (const [i, key] of keys.entries()) {
      const held = cache.peek(key);
      expect([undefined, truth[i]], `${key}, L2 has ${String(truth[i])}`).toContain(held);
      if (held === 'own') kept.own += 1;
      won[truth[i] === 'own' ? 'own' : truth[i] === 'foreign' ? 'foreign' : 'gone'] += 1;
    }
  }
  // Every outcome took part.
  for (const count of [...Object.values(won), kept.own]) expect(count).toBeGreaterThan(rounds / 20);
}, 60_000);

test('foreign writes that race reads, 2,000 times: no old value is left in L1', async (context) => {
  const stage = await scene(context);
  const { server, cache, strangers, settled } = stage;
  const keys = Array.from({ length: 100 }, (_, i) => `key ${i}`);
  const values = Array.from({ length: 20 }, (_, round) => `value ${round}`);
  const entries: Buffer[][] = [];
  for (const value of values) entries.push(await entriesOf(stage, keys, value));
  await strangers[1].del(keys.map(nameOf));
  await settled();
  let overtaken = 0;
  for (const [round, value] of values.entries()) {
    const reads = keys.map(async (key, i) => {
      const writing = (strangers[i % 2] as Redis).set(nameOf(key), entries[round]?.[i] as Buffer, 'PX', 600_000);
      const reading = cache.get(key);
      if ((await reading) !== value) overtaken += 1;
      await writing;
    });
    await Promise.all(reads);
    await settled();
    const truth = await truthOf(server, keys);
    expect(truth).toEqual(keys.map(() => value));
    for (const key of keys) expect([undefined, value], key).toContain(cache.peek(key));
    // Promoted, so that the next round has something old to lose.
    await cache.getMany(keys);
  }
  expect(overtaken).toBeGreaterThan(0);
}, 60_000);

test('after a reconnect another program is heard again', async (context) => {
  const { cache, strangers, settled } = await scene(context);
  const alive = new Promise<void>((resolve) => {
    cache.on('feed', ({ state }) => state === 'alive' && resolve());
  });
  await strangers[1].call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await alive;
  await cache.set('a', 'value');
  await settled();
  expect(cache.peek('a')).toBe('value');
  await strangers[1].del(nameOf('a'));
  await until('L1 has dropped it', () => cache.peek('a') === undefined);
});
