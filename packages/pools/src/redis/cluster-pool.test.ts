import { Cluster } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startRedisCluster, type TestRedisCluster } from '../../../../test/support/redis-cluster.js';
import { PoolClosedError, PoolConnectError } from '../index.js';
import { type RedisClusterPool, redisClusterPool } from './index.js';
import { keySlot } from './key-slot.js';

/** By their CRC-16, in the first and in the second half of the slots. */
const [KEY_A, KEY_B] = ['b', 'a'];

let servers: TestRedisCluster | undefined;

beforeAll(async () => {
  servers = await startRedisCluster({ masters: 2 });
}, 30_000);

afterAll(() => servers?.stop());

function open(options: { keyPrefix?: string; max?: number } = {}): RedisClusterPool<Cluster> {
  const { keyPrefix = '', ...more } = options;
  const addresses = [...(servers?.addresses ?? [])];
  const pool = redisClusterPool({ client: (own) => new Cluster(addresses, { ...own, keyPrefix }), ...more });
  onTestFinished(() => pool.close({ deadline: 0 }));
  return pool;
}

test('keys are placed as Redis places them', async (context) => {
  const admin = servers?.masters[0]?.admin ?? context.skip();
  for (const key of ['', 'a', '{}', '{}{a}', 'x{a}y', '{a', 'ключ', '{ключ}', 'a}{b}', '{a}{b}', 'x'.repeat(300)]) {
    expect([key, keySlot(key)]).toEqual([key, await admin.call('CLUSTER', 'KEYSLOT', key)]);
  }
});

test('an exclusive connection leads to the master of its key: WATCH and MULTI, and blocking commands, work', async (context) => {
  if (!servers) return context.skip();
  const pool = open({ keyPrefix: 'mine:', max: 2 });
  for (const key of [KEY_A, KEY_B]) {
    await pool.shared((client) => client.set(key, 'old'));
    const refused = await pool.exclusive(key, async (client) => {
      await client.watch(key);
      await pool.exclusive(key, (other) => other.set(key, 'between'));
      return client.multi().set(key, 'new').exec();
    });
    expect(refused).toBeNull();
    expect(await pool.shared((client) => client.get(key))).toBe('between');
    const waiting = pool.exclusive(`{${key}}:list`, (client) => client.blpop(`{${key}}:list`, 5));
    await pool.shared((client) => client.rpush(`{${key}}:list`, 'job'));
    expect(await waiting).toEqual([`mine:{${key}}:list`, 'job']);
  }
  const { exclusive, shared } = pool.stats();
  expect(Object.keys(exclusive)).toHaveLength(2);
  for (const stats of Object.values(exclusive)) expect(stats).toMatchObject({ borrowed: 0, idle: 2, created: 2 });
  expect(shared).toMatchObject({ size: 1, calls: 0 });
});

test('a slot moves: the call on the old master is rejected, and the next one finds the new master', async (context) => {
  if (!servers) return context.skip();
  const pool = open();
  const slot = keySlot('moving');
  await pool.exclusive('moving', (client) => client.set('moving', 'here'));
  const owners = await servers.owners();
  const from = owners?.find(({ slots }) => slots.some(([first, last]) => first <= slot && slot <= last))?.node;
  const to = owners?.find(({ node }) => node !== from)?.node;
  if (!from || !to) throw new Error('there are two masters');
  await servers.moveSlot(slot, from, to);
  await expect(pool.exclusive('moving', (client) => client.set('moving', 'there'))).rejects.toThrow('MOVED');
  let reply: string | null | Error = null;
  while (reply !== 'here') {
    reply = await pool.exclusive('moving', (client) => client.get('moving')).catch((error: Error) => error);
    if (reply instanceof Error) expect(reply.message).toMatch(/^MOVED/);
  }
  expect(pool.stats().exclusive[`127.0.0.1:${from.port}`]).toMatchObject({
    borrowed: 0,
    destroyed: { discarded: expect.any(Number) },
  });
});

test('CLIENT KILL under load fails only the calls in flight, and loses no count', async (context) => {
  if (!servers) return context.skip();
  const pool = open({ max: 3 });
  const counts = { done: 0, failed: 0 };
  const loads = Array.from({ length: 8 }, async (_, n) => {
    const key = n % 2 ? KEY_A : KEY_B;
    for (let round = 0; round < 150; round++) {
      await pool
        .exclusive(key, (client) => client.set(key, 'x'))
        .then(
          () => counts.done++,
          () => counts.failed++,
        );
    }
  });
  while (counts.done < 300) await new Promise((resolve) => setImmediate(resolve));
  for (const { admin } of servers.masters) await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await Promise.all(loads);
  expect(counts.failed).toBeGreaterThan(0);
  // Three connections to each of two masters, and a shared one to each, over which masters are found.
  expect(counts.failed).toBeLessThanOrEqual(8 * 2);
  expect(counts.done + counts.failed).toBe(1_200);
  for (const stats of Object.values(pool.stats().exclusive)) expect(stats).toMatchObject({ borrowed: 0, waiting: 0 });
});

test('all connections are heard of under their names, of masters too that are met later, until nobody listens', async (context) => {
  if (!servers) return context.skip();
  const pool = open();
  const names: string[] = [];
  const off = pool.on(({ type, pool: name }) => type === 'created' && names.push(name));
  const late: string[] = [];
  await pool.exclusive(KEY_A, (client) => client.ping());
  const ports = servers.masters.map(({ port }) => `redis.127.0.0.1:${port}`);
  expect(names).toEqual(['redis.shared', expect.stringMatching(/^redis\.127\.0\.0\.1:\d+$/)]);
  expect(ports).toContain(names[1]);
  const offSecond = pool.on(({ pool: name }) => late.push(name));
  await pool.exclusive(KEY_A, (client) => client.ping());
  expect(late.every((name) => name === names[1])).toBe(true);
  expect(late.length).toBeGreaterThan(0);
  off();
  offSecond();
  await pool.exclusive(KEY_B, (client) => client.ping());
  expect(names).toHaveLength(2);
});

test('an aborted signal borrows nothing', async () => {
  const pool = open();
  const signal = AbortSignal.abort(new Error('no'));
  await expect(pool.exclusive(KEY_A, (client) => client.ping(), { signal })).rejects.toThrow('no');
  expect(pool.stats()).toMatchObject({ shared: { created: 0 }, exclusive: {} });
});

test('a closed pool lends nothing, and one whose Cluster is not there says so', async (context) => {
  if (!servers) return context.skip();
  const pool = open();
  await pool.exclusive(KEY_A, (client) => client.ping());
  await pool.close();
  expect(pool.stats().shared).toMatchObject({ size: 0, destroyed: { discarded: 1, abandoned: 0 } });
  await expect(pool.exclusive(KEY_A, (client) => client.ping())).rejects.toThrow(PoolClosedError);
  expect(Object.values(pool.stats().exclusive).map(({ size }) => size)).toEqual([0]);
  const nowhere = redisClusterPool({ client: (own) => new Cluster([{ host: '127.0.0.1', port: 1 }], own) });
  await expect(nowhere.exclusive('a', (client) => client.ping())).rejects.toThrow(PoolConnectError);
  await nowhere.close();
});
