import { Cluster, Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startRedisCluster } from '../../../../test/support/redis-cluster.js';
import { startSentinels } from '../../../../test/support/redis-sentinel.js';
import { PoolConnectError, PoolOptionError } from '../index.js';
import { type RedisPool, type RedisPoolOptions, redisPool, redisPoolSettings } from './index.js';

const url = process.env['TIERWISE_TEST_REDIS_URL'] ?? '';
const PREFIX = `tierwise-pool-${process.pid}`;
const CLIENT_NAME = `${PREFIX}-client`;

let admin: Redis;
const pools: RedisPool<Redis>[] = [];

beforeAll(() => {
  admin = new Redis(url);
});

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close({ deadline: 0 })));
});

afterAll(async () => {
  const keys = await admin.keys(`${PREFIX}*`);
  if (keys.length > 0) await admin.del(keys);
  admin.disconnect();
});

function open(options: Partial<RedisPoolOptions<Redis>> = {}): RedisPool<Redis> {
  const pool = redisPool({
    client: (own) => new Redis(url, { ...own, connectionName: CLIENT_NAME }),
    ...options,
  });
  pools.push(pool);
  return pool;
}

/** Ends every connection of the pools, as an operator or a proxy would. */
async function killAll(): Promise<number> {
  const list = String(await admin.client('LIST'));
  const mine = list.split('\n').filter((line) => line.includes(`name=${CLIENT_NAME} `));
  for (const line of mine) await admin.client('KILL', 'ID', /id=(\d+)/.exec(line)?.[1] ?? '');
  return mine.length;
}

test('shared calls spread over the connections by what is under way on them', async () => {
  // The limit of exclusive connections is another one.
  const pool = open({ shared: 2, max: 1 });
  const clients = new Set<Redis>();
  const note = async (client: Redis): Promise<unknown> => {
    clients.add(client);
    return client.ping();
  };
  expect(await Promise.all([1, 2, 3, 4].map(() => pool.shared(note)))).toEqual(['PONG', 'PONG', 'PONG', 'PONG']);
  expect(clients.size).toBe(2);
  expect(pool.stats().shared).toMatchObject({ pool: 'redis.shared', size: 2, calls: 0, created: 2 });
  // One call after another: there is no need for a second connection.
  clients.clear();
  for (let n = 0; n < 4; n++) await pool.shared(note);
  expect(clients.size).toBe(1);
});

test('an exclusive connection watches for one only: the second writer’s transaction is refused', async () => {
  const pool = open({ max: 2 });
  const key = `${PREFIX}-watched`;
  await pool.shared((client) => client.set(key, 'old'));
  const result = await pool.exclusive(async (client) => {
    await client.watch(key);
    await pool.exclusive((other) => other.set(key, 'between'));
    return client.multi().set(key, 'new').exec();
  });
  expect(result).toBeNull();
  expect(await pool.shared((client) => client.get(key))).toBe('between');
  expect(pool.stats().exclusive).toMatchObject({ borrowed: 0, idle: 2, created: 2 });
});

test('what a borrower leaves behind is not lent to the next: a watch is forgotten, an open transaction or a subscription ends the connection', async () => {
  const pool = open({ max: 1 });
  const key = `${PREFIX}-left`;
  await pool.exclusive((client) => client.watch(key));
  await admin.set(key, 'changed');
  expect(await pool.exclusive((client) => client.multi().ping().exec())).toEqual([[null, 'PONG']]);
  expect(pool.stats().exclusive.created).toBe(1);
  await pool.exclusive((client) => client.multi({ pipeline: false }));
  expect(await pool.exclusive((client) => client.ping())).toBe('PONG');
  await pool.exclusive((client) => client.subscribe(`${PREFIX}-channel`));
  expect(await pool.exclusive((client) => client.ping())).toBe('PONG');
  expect(pool.stats().exclusive).toMatchObject({ created: 3, destroyed: { discarded: 2 } });
});

test('an abort ends a blocking command, and with it the connection', async () => {
  const pool = open({ max: 1 });
  const abort = new AbortController();
  const blocked = pool.exclusive(
    (client) => {
      const waiting = client.blpop(`${PREFIX}-empty`, 0);
      setImmediate(() => abort.abort(new Error('enough')));
      return waiting;
    },
    { signal: abort.signal },
  );
  await expect(blocked).rejects.toThrow('enough');
  expect(pool.stats().exclusive).toMatchObject({ borrowed: 0, size: 0 });
  expect(await pool.exclusive((client) => client.ping())).toBe('PONG');
});

test('CLIENT KILL under load fails only the calls in flight, and loses no count', async () => {
  const pool = open({ shared: 2, max: 3 });
  const counts = { done: 0, failed: 0 };
  const load = async (call: () => Promise<unknown>): Promise<void> => {
    for (let round = 0; round < 200; round++) {
      await call().then(
        () => counts.done++,
        () => counts.failed++,
      );
    }
  };
  const loads = Promise.all([
    ...Array.from({ length: 10 }, () => load(() => pool.shared((client) => client.incr(`${PREFIX}-n`)))),
    ...Array.from({ length: 6 }, () => load(() => pool.exclusive((client) => client.incr(`${PREFIX}-n`)))),
  ]);
  let killed = 0;
  for (let kills = 1; kills <= 3; kills++) {
    while (counts.done < kills * 600) await new Promise((resolve) => setImmediate(resolve));
    killed += await killAll();
  }
  await loads;
  expect(killed).toBeGreaterThan(6);
  expect(counts.failed).toBeGreaterThan(0);
  // 10 shared calls and 3 exclusive ones are in flight at a time, and calls begun between one CLIENT KILL and the next one's.
  expect(counts.failed).toBeLessThanOrEqual(3 * 2 * 13);
  expect(counts.done + counts.failed).toBe(3_200);
  const { shared, exclusive } = pool.stats();
  expect(shared).toMatchObject({ calls: 0, waiting: 0, connecting: 0 });
  expect(exclusive).toMatchObject({ borrowed: 0, waiting: 0, connecting: 0 });
  expect(await pool.shared((client) => client.ping())).toBe('PONG');
  await pool.close();
  for (const stats of [pool.stats().shared, pool.stats().exclusive]) {
    expect(stats.size).toBe(0);
    expect(Object.values(stats.destroyed).reduce((sum, count) => sum + count, 0)).toBe(stats.created);
  }
  // The server hears of it a moment later.
  while ((await killAll()) > 0) await new Promise((resolve) => setImmediate(resolve));
});

test('a server that is not there rejects the call with the reason, and nothing is left', async () => {
  const pool = open({ client: (own) => new Redis({ ...own, port: 1, host: '127.0.0.1' }) });
  await expect(pool.shared((client) => client.ping())).rejects.toThrow(PoolConnectError);
  await expect(pool.exclusive((client) => client.ping())).rejects.toThrow('ECONNREFUSED');
  expect(pool.stats().exclusive).toMatchObject({ size: 0, borrowed: 0 });
  expect(pool.stats().shared).toMatchObject({ size: 0, borrowed: 0, calls: 0 });
});

test('through Sentinel', async (context) => {
  const sentinels = await startSentinels();
  if (!sentinels) return context.skip();
  try {
    const addresses = [...sentinels.addresses];
    const pool = open({ client: (own) => new Redis({ ...own, sentinels: addresses, name: sentinels.name }) });
    const role = await pool.shared((client) => client.role());
    expect(role[0]).toBe('master');
    expect(await pool.exclusive((client) => client.ping())).toBe('PONG');
    await pool.close();
  } finally {
    await sentinels.stop();
  }
}, 60_000);

test('on Cluster: shared calls go to the node of their key', async (context) => {
  const servers = await startRedisCluster({ masters: 2 });
  if (!servers) return context.skip();
  try {
    const pool = redisPool({
      client: (own) =>
        new Cluster([...servers.addresses], {
          lazyConnect: true,
          enableOfflineQueue: false,
          redisOptions: own,
          clusterRetryStrategy: () => null,
        }),
    });
    const keys = ['a', 'b', 'c', 'd'];
    await Promise.all(keys.map((key) => pool.shared((client) => client.set(key, key))));
    expect(await Promise.all(keys.map((key) => pool.shared((client) => client.get(key))))).toEqual(keys);
    await pool.close();
    expect(pool.stats().shared.size).toBe(0);
  } finally {
    await servers.stop();
  }
}, 60_000);

test('settings of the environment are in seconds; what is not known is refused', () => {
  const settings = redisPoolSettings({
    REDIS_POOL_MIN_SIZE: '2',
    REDIS_POOL_MAX_SIZE: '20',
    REDIS_POOL_IDLE_TIMEOUT: '300',
    REDIS_POOL_CONNECT_TIMEOUT: '0.5',
    REDIS_POOL_MAX_LIFETIME: '',
    REDIS_URL: 'redis://localhost',
  });
  expect(settings).toEqual({ min: 2, max: 20, idleTimeout: 300_000, connectTimeout: 500 });
  expect(() => redisPoolSettings({ REDIS_POOL_MAX: '20' })).toThrow(PoolOptionError);
  expect(() => redisPoolSettings({ REDIS_POOL_MAX_SIZE: 'many' })).toThrow(PoolOptionError);
  expect(() => open({ ...redisPoolSettings({ REDIS_POOL_SHARED: '0' }) })).toThrow('shared');
});
