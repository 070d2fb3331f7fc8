import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { startRedisServer, type TestRedisServer } from '../../../../test/support/redis-server.js';
import { PoolClosedError, PoolConnectError, type PoolEvent, PoolOptionError } from '../index.js';
import {
  type PooledClientOptions,
  type RedisPool,
  type RedisPoolOptions,
  redisPool,
  redisPoolSettings,
} from './index.js';

const url = process.env['TIERWISE_TEST_REDIS_URL'] ?? '';

function open(options: Partial<RedisPoolOptions<Redis>> = {}, to = url): RedisPool<Redis> {
  const pool = redisPool<Redis>({ client: (own) => new Redis(to, own), ...options });
  onTestFinished(() => pool.close({ deadline: 0 }));
  return pool;
}

async function ownServer(): Promise<TestRedisServer> {
  const server = await startRedisServer();
  if (server === undefined) throw new Error('there is no redis-server on PATH: see CONTRIBUTING.md');
  onTestFinished(() => server.stop());
  return server;
}

test('a pool is told what a client is for, and every client is made so that it does not heal by itself', async () => {
  const made: [kind: string, options: PooledClientOptions][] = [];
  const pool = open({
    client: (own, kind) => {
      made.push([kind, own]);
      return new Redis(url, own);
    },
    connectTimeout: 1_234,
    silence: 5_678,
  });
  await pool.shared((client) => client.ping());
  await pool.exclusive((client) => client.ping());
  const always = {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    enableReadyCheck: false,
    connectTimeout: 1_234,
    retryStrategy: expect.any(Function),
  };
  expect(made).toEqual([
    ['shared', { ...always, socketTimeout: 5_678 }],
    ['exclusive', always],
  ]);
  expect(made.map(([, own]) => own.retryStrategy())).toEqual([null, null]);
});

test('who comes while a shared connection is made waits for the same one', async () => {
  const pool = open();
  await Promise.all([1, 2, 3].map(() => pool.shared((client) => client.ping())));
  expect(pool.stats().shared).toMatchObject({ created: 1, borrowed: 1, hits: 0, misses: 1 });
});

test('calls that are made one after another are sent in that order', async () => {
  const pool = open();
  await pool.shared((client) => client.ping());
  const order: number[] = [];
  await Promise.all([1, 2, 3].map((n) => pool.shared(() => order.push(n))));
  void pool.shared(() => order.push(4));
  expect(order).toEqual([1, 2, 3, 4]);
});

test('a lane: everybody gets its connection, what is counted is load, and another one is made when it is gone', async () => {
  const pool = open({ shared: 2 });
  const [lane, other] = pool.lanes;
  if (!lane || !other) throw new Error('there are two');
  const [client, same] = await Promise.all([lane.connection(), lane.connection()]);
  expect(same).toBe(client);
  expect(await lane.connection()).toBe(client);
  let answer = (): void => {};
  let refuse = (): void => {};
  lane.count(new Promise<void>((resolve) => (answer = resolve)));
  lane.count(new Promise<void>((_, reject) => (refuse = () => reject(new Error('no')))));
  expect([lane.calls, other.calls, pool.stats().shared.calls]).toEqual([2, 0, 2]);
  // So the other one is used, as often as one after another.
  const used = new Set<Redis>();
  for (let n = 0; n < 3; n++) await pool.shared((each) => used.add(each));
  expect([...used]).toEqual([await other.connection()]);
  answer();
  refuse();
  await new Promise((resolve) => setImmediate(resolve));
  expect(lane.calls).toBe(0);
  client.disconnect();
  expect(await lane.connection()).not.toBe(client);
  expect(pool.stats().shared).toMatchObject({ created: 3, borrowed: 2 });
});

test('its options are known before anything is connected', () => {
  const pool = open({ client: (own, kind) => new Redis({ ...own, keyPrefix: `${kind}:` }) });
  expect(pool.clientOptions('shared').keyPrefix).toBe('shared:');
  expect(pool.clientOptions('exclusive').keyPrefix).toBe('exclusive:');
  expect(pool.stats()).toMatchObject({ shared: { created: 0 }, exclusive: { created: 0 } });
});

test('both kinds are heard of, under their names, until nobody listens', async () => {
  const pool = open({ name: 'jobs', min: 2 });
  const events: PoolEvent[] = [];
  const off = pool.on((event) => events.push(event));
  await pool.shared((client) => client.ping());
  await pool.warmUp();
  expect(events.filter(({ type }) => type === 'created').map(({ pool: name }) => name)).toEqual([
    'jobs.shared',
    'jobs',
    'jobs',
  ]);
  expect(pool.stats()).toMatchObject({ shared: { pool: 'jobs.shared' }, exclusive: { pool: 'jobs', idle: 2 } });
  off();
  const { length } = events;
  await pool.close();
  expect(events).toHaveLength(length);
});

test('close lets exclusive borrowers and shared calls end until its deadline, and takes nothing new', async () => {
  const pool = open({ name: 'jobs' });
  let give = (): void => {};
  const borrowed = pool.exclusive(async (client) => {
    await new Promise<void>((resolve) => (give = resolve));
    // Shared calls are still possible for who has an exclusive connection.
    return [await client.ping(), await pool.shared((other) => other.ping())];
  });
  await pool.shared((client) => client.ping());
  while (pool.stats().exclusive.borrowed === 0) await new Promise((resolve) => setImmediate(resolve));
  const closing = pool.close({ deadline: 60_000 });
  await expect(pool.exclusive((client) => client.ping())).rejects.toThrow(PoolClosedError);
  give();
  expect(await borrowed).toEqual(['PONG', 'PONG']);
  await closing;
  await expect(pool.shared((client) => client.ping())).rejects.toThrow(PoolClosedError);
  await expect(pool.lanes[0]?.connection()).rejects.toThrow(PoolClosedError);
  expect(pool.stats()).toMatchObject({ shared: { size: 0, borrowed: 0 }, exclusive: { size: 0, borrowed: 0 } });
  expect(pool.stats().shared.destroyed).toMatchObject({ discarded: 1, abandoned: 0 });
});

test('who does not give back by the deadline of close is left behind', async () => {
  const pool = open();
  const held = expect(pool.exclusive((client) => client.blpop(`nothing ${process.pid}`, 0))).rejects.toThrow();
  while (pool.stats().exclusive.borrowed === 0) await new Promise((resolve) => setImmediate(resolve));
  await pool.close({ deadline: 5 });
  await held;
  expect(pool.stats().exclusive).toMatchObject({ size: 0, borrowed: 0, destroyed: { abandoned: 1 } });
});

test('a shared connection that is being made when the pool is closed is ended', async () => {
  const pool = open();
  const call = expect(pool.shared((client) => client.ping())).rejects.toThrow(PoolClosedError);
  await pool.close({ deadline: 0 });
  await call;
  expect(pool.stats().shared).toMatchObject({ size: 0, borrowed: 0, calls: 0 });
});

test('an aborted signal borrows nothing; one that is aborted while waiting leaves the queue', async () => {
  const pool = open({ max: 1 });
  await expect(pool.exclusive(() => 1, { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
  expect(pool.stats().exclusive).toMatchObject({ created: 0, borrowed: 0 });
  const abort = new AbortController();
  let isCalled = false;
  await pool.exclusive(async () => {
    const waiting = pool.exclusive(() => (isCalled = true), { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
  expect(isCalled).toBe(false);
  expect(pool.stats().exclusive).toMatchObject({ waiting: 0, borrowed: 0, idle: 1 });
});

test('a signal that is aborted at once, though a connection is idle, has nothing called', async () => {
  const pool = open();
  await pool.exclusive((client) => client.ping());
  const abort = new AbortController();
  let isCalled = false;
  const call = expect(pool.exclusive(() => (isCalled = true), { signal: abort.signal })).rejects.toThrow('no');
  abort.abort(new Error('no'));
  await call;
  expect(isCalled).toBe(false);
  expect(pool.stats().exclusive.borrowed).toBe(0);
});

test('a shared connection that was lost is out of the pool at once', async () => {
  const pool = open();
  const client = await pool.shared((each) => each);
  client.disconnect();
  while (client.status !== 'end') await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  expect(pool.stats().shared).toMatchObject({ size: 0, borrowed: 0, destroyed: { lost: 1 } });
});

test('a signal that is aborted when all is done ends nothing', async () => {
  const pool = open({ max: 1 });
  const abort = new AbortController();
  await pool.exclusive((client) => client.ping(), { signal: abort.signal });
  abort.abort();
  expect(await pool.exclusive((client) => client.ping())).toBe('PONG');
  expect(pool.stats().exclusive).toMatchObject({ created: 1 });
});

test('whose function rejects leaves no connection behind, and is told why', async () => {
  const pool = open();
  await expect(pool.exclusive(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
  await expect(pool.shared(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
  // Its end takes a moment, and counts until it is over.
  await expect.poll(() => pool.stats().exclusive).toMatchObject({ borrowed: 0, size: 0, destroyed: { discarded: 1 } });
  expect(pool.stats().shared).toMatchObject({ calls: 0, size: 1 });
});

test('a borrower who ends the connection gets the result all the same', async () => {
  const pool = open();
  const result = pool.exclusive(async (client) => {
    const pong = await client.ping();
    client.disconnect();
    return pong;
  });
  expect(await result).toBe('PONG');
  expect(pool.stats().exclusive).toMatchObject({ borrowed: 0, idle: 0 });
});

test('a connection that ended while nobody had it is not lent, and its end is counted', async () => {
  const server = await ownServer();
  const pool = open({ max: 1 }, server.url);
  await pool.exclusive((client) => client.ping());
  await pool.shared((client) => client.ping());
  await server.kill();
  await server.restart();
  expect(await pool.exclusive((client) => client.ping())).toBe('PONG');
  expect(await pool.shared((client) => client.ping())).toBe('PONG');
  expect(pool.stats().exclusive).toMatchObject({ created: 2, destroyed: { lost: 1 }, errors: { lost: 1 } });
  expect(pool.stats().shared).toMatchObject({ created: 2, errors: { lost: 1 } });
});

test('a frozen server: shared calls end after the silence, an idle connection by its health check, and connecting after its time', async () => {
  const server = await ownServer();
  const pool = open({ silence: 200, healthCheckInterval: 50, checkTimeout: 50, connectTimeout: 150 }, server.url);
  await pool.exclusive((client) => client.ping());
  await pool.shared((client) => client.ping());
  server.freeze();
  await expect(pool.shared((client) => client.ping())).rejects.toThrow();
  while (pool.stats().exclusive.idle > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(pool.stats().exclusive).toMatchObject({ destroyed: { unhealthy: 1 } });
  await expect(pool.exclusive((client) => client.hello())).rejects.toThrow(PoolConnectError);
  server.thaw();
  expect(await pool.shared((client) => client.ping())).toBe('PONG');
});

test('sizes that make no sense are refused', () => {
  for (const options of [{ shared: 0 }, { shared: 1.5 }, { shared: 1_001 }, { silence: 0 }, { silence: 86_400_001 }]) {
    expect(() => open(options)).toThrow(PoolOptionError);
  }
});

test('every setting of the environment has its option, times in seconds', () => {
  const settings = redisPoolSettings({
    REDIS_POOL_MIN_SIZE: '1',
    REDIS_POOL_MAX_SIZE: '2',
    REDIS_POOL_SHARED: '3',
    REDIS_POOL_MAX_WAITING: '4',
    REDIS_POOL_ACQUIRE_TIMEOUT: '5',
    REDIS_POOL_CONNECT_TIMEOUT: '6.0004',
    REDIS_POOL_IDLE_TIMEOUT: '7',
    REDIS_POOL_MAX_LIFETIME: '8',
    REDIS_POOL_HEALTH_CHECK_INTERVAL: '9',
    REDIS_POOL_DRAIN_TIMEOUT: undefined,
  });
  expect(settings).toEqual({
    min: 1,
    max: 2,
    shared: 3,
    maxWaiting: 4,
    acquireTimeout: 5_000,
    connectTimeout: 6_000,
    idleTimeout: 7_000,
    maxLifetime: 8_000,
    healthCheckInterval: 9_000,
  });
});
