import { type L2, L2InvalidError, L2UnavailableError } from '@tierwise/l2';
import type { RedisPool } from '@tierwise/pools/redis';
import { redisPool } from '@tierwise/pools/redis';
import { Cluster, Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { startRedisServer } from '../../../test/support/redis-server.js';
import { redisL2 } from './redis-l2.js';
import { adminOf, entry, openNode, ownServer, until } from './testing/node.js';
import { testPool } from './testing/pool.js';
import { type Relay, startRelay } from './testing/relay.js';

/** Far above what a call needs: an order that comes late within it is done. */
const LIMITS = { commandTimeout: 10_000, minReconnectDelay: 5 };

/** How many calls are under way, by connection. */
function callsOf(pool: RedisPool<Redis>): number[] {
  return pool.lanes.map(({ calls }) => calls);
}

/** All connections are there, and used. */
async function allUsed(pool: RedisPool<Redis>, l2: L2): Promise<void> {
  await until('all connections are used', async () => {
    const reads = pool.lanes.map((_, n) => l2.read('n', [`key ${n}`]));
    const calls = callsOf(pool);
    await Promise.all(reads);
    return calls.every((count) => count > 0);
  });
}

/** A pool of two connections, of which the first one goes through a relay. */
async function relayedPool(relay: Relay, url: string): Promise<RedisPool<Redis>> {
  let to = relay.url;
  const pool = redisPool<Redis>({ client: (own) => new Redis(to, own), shared: 2 });
  onTestFinished(() => pool.close({ deadline: 0 }));
  await pool.lanes[0]?.connection();
  to = url;
  return pool;
}

test('calls spread over the connections, and each key’s stay on one', async (context) => {
  const server = await ownServer(context);
  const pool = testPool(server.url, { shared: 3 });
  const { l2 } = await openNode({ pool, ...LIMITS });
  await allUsed(pool, l2);
  server.freeze();
  const calls = ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => l2.write('n', [entry(key)]));
  expect(callsOf(pool)).toEqual([2, 2, 2]);
  calls.push(...[1, 2, 3].map(() => l2.write('n', [entry('a')])));
  expect(callsOf(pool).sort()).toEqual([2, 2, 5]);
  server.thaw();
  for (const written of await Promise.all(calls)) expect(written).toMatchObject([{ status: 'stored' }]);
  expect(callsOf(pool)).toEqual([0, 0, 0]);
});

test('a batch is parted by where its keys have something under way, and keeps its order', async (context) => {
  const server = await ownServer(context);
  const pool = testPool(server.url, { shared: 2 });
  const { l2 } = await openNode({ pool, ...LIMITS });
  await allUsed(pool, l2);
  server.freeze();
  const writes = ['a', 'b', 'c', 'd'].map((key) => l2.write('n', [entry(key, `${key} 1`)]));
  writes.push(
    l2.write(
      'n',
      ['d', 'a', 'new', 'b', 'a'].map((key, i) => entry(key, `${key} ${2 + i}`)),
    ),
  );
  const read = l2.read('n', ['c', 'new', 'a', 'missing', 'b', 'd', 'a']);
  server.thaw();
  await Promise.all(writes);
  const texts = (await read).map((each) => each?.status === 'found' && Buffer.from(each.bytes).toString());
  expect(texts).toEqual(['c 1', 'new 4', 'a 6', false, 'b 5', 'd 2', 'a 6']);
});

test('a write that is held up on one connection is not overtaken by a deletion, given up or not', async (context) => {
  const server = await ownServer(context);
  const relay = await startRelay(server.port);
  const pool = await relayedPool(relay, server.url);
  const { l2 } = await openNode({ pool, ...LIMITS });
  await allUsed(pool, l2);
  relay.hold();
  const abort = new AbortController();
  const write = l2.write('n', [entry('a')], { signal: abort.signal });
  const other = l2.write('n', [entry('b')]);
  expect(callsOf(pool)).toEqual([1, 1]);
  await other;
  abort.abort(new Error('enough'));
  await expect(write).rejects.toThrow('enough');
  const deletion = l2.delete('n', ['a']);
  expect(callsOf(pool)).toEqual([2, 0]);
  await relay.deliver();
  expect(await deletion).toEqual([true]);
  expect(await l2.read('n', ['a', 'b'])).toMatchObject([undefined, { status: 'found' }]);
});

test('a commit of keys that are under way on two connections is done after both', async (context) => {
  const server = await ownServer(context);
  const relay = await startRelay(server.port);
  const pool = await relayedPool(relay, server.url);
  const { l2 } = await openNode({ pool, ...LIMITS });
  await allUsed(pool, l2);
  relay.hold();
  const first = l2.write('n', [entry('a')]);
  const second = l2.write('n', [entry('b')]);
  const commit = l2.transactions?.commit('n', { expect: [], writes: [], deletes: ['a', 'b'] });
  const read = l2.read('n', ['a']);
  await second;
  await relay.deliver();
  expect([await first, await commit, await read]).toMatchObject([
    [{ status: 'stored' }],
    { status: 'committed' },
    [undefined],
  ]);
  expect(await l2.read('n', ['a', 'b'])).toEqual([undefined, undefined]);
});

test('a connection is lost with a write on its way: a deletion over another one is not undone by it', async (context) => {
  const server = await ownServer(context);
  const relay = await startRelay(server.port);
  const pool = await relayedPool(relay, server.url);
  const { l2 } = await openNode({ pool, ...LIMITS });
  await allUsed(pool, l2);
  relay.hold();
  const write = l2.write('n', [entry('a')]);
  const rejected = expect(write).rejects.toBeInstanceOf(L2UnavailableError);
  await until('it is on its way', () => relay.held > 0);
  relay.cutClients();
  await rejected;
  expect(await l2.delete('n', ['a'])).toEqual([false]);
  await relay.deliver();
  expect(await l2.read('n', ['a'])).toEqual([undefined]);
});

test('all connections are lost with a write on its way: a deletion over a new one is not undone by it', async (context) => {
  const server = await ownServer(context);
  const relay = await startRelay(server.port);
  const pool = testPool(relay.url, { shared: 2 });
  const { l2 } = await openNode({ pool, ...LIMITS });
  await allUsed(pool, l2);
  relay.hold();
  const write = l2.write('n', [entry('a')]);
  const rejected = expect(write).rejects.toBeInstanceOf(L2UnavailableError);
  await until('it is on its way', () => relay.held > 0);
  relay.cutClients();
  await rejected;
  await until('there is a new connection', () => l2.health().then(({ status }) => status === 'up'));
  expect(await l2.delete('n', ['a'])).toEqual([false]);
  await relay.deliver();
  expect(await l2.read('n', ['a'])).toEqual([undefined]);
});

test('what is heard over one connection is known to all: a moment is never before what was done last', async (context) => {
  const server = await ownServer(context);
  const pool = testPool(server.url, { shared: 2 });
  const { l2 } = await openNode({ pool, ...LIMITS });
  await allUsed(pool, l2);
  for (const busy of pool.lanes) {
    let release = (): void => {};
    busy.count(new Promise<void>((resolve) => (release = resolve)));
    const [written] = await l2.write('n', [entry('a')]);
    release();
    await new Promise((resolve) => setImmediate(resolve));
    const [, micros] = l2.replay?.moment('n', 'a').split(':') ?? [];
    expect(Number(micros)).toBeGreaterThanOrEqual(written?.status === 'stored' ? written.version : Number.NaN);
  }
});

test('CLIENT KILL of one connection fails what is in flight on it, and nothing else', async (context) => {
  const server = await ownServer(context);
  const pool = testPool(server.url, { shared: 2 });
  const { l2 } = await openNode({ pool, ...LIMITS });
  await allUsed(pool, l2);
  const admin = adminOf(server);
  const [lane] = pool.lanes;
  const id = await (await lane?.connection())?.client('ID');
  let failed = 0;
  let done = 0;
  let isOver = false;
  const load = Array.from({ length: 8 }, async (_, n) => {
    while (!isOver) {
      await l2.write('n', [entry(`${n}`)]).then(
        () => done++,
        () => failed++,
      );
    }
  });
  await until('there is load', () => done > 200);
  await admin.client('KILL', 'ID', id ?? 0);
  const until2 = done + 1_000;
  await until('the load goes on', () => done > until2 && pool.stats().shared.size === 2);
  isOver = true;
  await Promise.all(load);
  // Eight are in flight at a time. Those of the lost connection are rejected; whoever comes before its end is heard of, too.
  expect(failed).toBeGreaterThan(0);
  expect(failed).toBeLessThanOrEqual(8);
  expect(callsOf(pool)).toEqual([0, 0]);
  expect(pool.stats().shared).toMatchObject({ size: 2, borrowed: 2, created: 3, destroyed: { lost: 1 }, calls: 0 });
});

test('the feed has a connection of its own, which is borrowed anew when it is lost, and given back at the end', async (context) => {
  const server = await ownServer(context);
  const pool = testPool(server.url);
  const { l2, news, states } = await openNode({ pool, ...LIMITS });
  await l2.feed?.follow('n');
  await until('it is alive', () => states.at(-1) === 'alive');
  expect(pool.stats().exclusive).toMatchObject({ borrowed: 1, size: 1 });
  await adminOf(server).call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await until('it is alive again', () => states.length >= 3 && states.at(-1) === 'alive');
  expect(states).toEqual(['alive', 'deaf', 'alive']);
  await l2.write('n', [entry('a')]);
  await until('news', () => news.length > 0);
  await l2.close();
  expect(pool.stats().exclusive).toMatchObject({ borrowed: 0, destroyed: { lost: 1, discarded: 1 } });
  expect(await pool.shared((client) => client.ping())).toBe('PONG');
});

test('with tracking, what other programs do is heard over exclusive connections', async (context) => {
  const server = await ownServer(context);
  const pool = testPool(server.url, { client: { protocol: 2, keyPrefix: 'mine:' } });
  const { l2, news, states } = await openNode({ pool, tracking: true, ...LIMITS });
  await l2.feed?.follow('n');
  await until('it is alive', () => states.at(-1) === 'alive');
  expect(pool.stats().exclusive.borrowed).toBe(2);
  await l2.write('n', [entry('a')]);
  expect(await adminOf(server).del('mine:tw1:n:v:{a}')).toBe(1);
  await until('news of it', () => news.some((each) => each.type === 'changed' && each.cause === 'external'));
});

test('a connection that finds another server has the others given up, and what was invalidated lately is done there again', async (context) => {
  const [old, next] = [await ownServer(context), await ownServer(context)];
  let { url } = old;
  const pool = redisPool<Redis>({ client: (own) => new Redis(url, own), shared: 3 });
  onTestFinished(() => pool.close({ deadline: 0 }));
  const { l2 } = await openNode({ pool, ...LIMITS });
  await allUsed(pool, l2);
  const { l2: peer } = await openNode({ url: next.url });
  await l2.delete('n', ['a']);
  await peer.write('n', [entry('a', 'of a time before')]);
  url = next.url;
  // One of them only: the old server goes on answering the others.
  (await pool.lanes[1]?.connection())?.disconnect();
  await until('it was done again', () => peer.read('n', ['a']).then(([read]) => read === undefined));
  const keys = Array.from({ length: 30 }, (_, n) => `k${n}`);
  await Promise.all(keys.map((key) => l2.write('n', [entry(key)])));
  expect(await adminOf(old).keys('tw1:n:v:*')).toEqual([]);
  expect(await adminOf(next).keys('tw1:n:v:*')).toHaveLength(30);
});

test.each([
  ['who it is', ['-info']],
  ['what a connection is called', ['-client|id']],
  ['whether it may end connections', ['-client|kill']],
])('where Redis does not let it know %s, one connection is used at a time', async (_, rights) => {
  const server = await startRedisServer();
  if (server === undefined) return;
  onTestFinished(() => server.stop());
  const admin = adminOf(server);
  await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', 'allkeys', 'allchannels', '+@all', ...rights);
  const pool = testPool(server.url, { shared: 2, client: { username: 'app', password: 'secret' } });
  const { l2 } = await openNode({ pool, ...LIMITS });
  await until('both are connected', () => pool.stats().shared.size === 2);
  // More than it takes to be met.
  for (let n = 0; n < 10; n += 1) for (const lane of pool.lanes) await (await lane.connection()).ping();
  server.freeze();
  const calls = ['a', 'b', 'c', 'd'].map((key) => l2.write('n', [entry(key)]));
  expect(callsOf(pool).sort()).toEqual([0, 4]);
  // None was given up for the other.
  expect(pool.stats().shared.created).toBe(2);
  server.thaw();
  await Promise.all(calls);
  const used = pool.lanes.find(({ calls }) => calls > 0) ?? pool.lanes[0];
  (await used?.connection())?.disconnect();
  await until('another one is used', () => l2.health().then(({ status }) => status === 'up'));
  expect(await l2.write('n', [entry('a')])).toMatchObject([{ status: 'stored' }]);
});

test('a master that has become a replica is left: connections are made anew', async (context) => {
  const server = await ownServer(context);
  const pool = testPool(server.url, { shared: 2 });
  const { l2 } = await openNode({ pool, ...LIMITS });
  await allUsed(pool, l2);
  const admin = adminOf(server);
  await admin.replicaof('127.0.0.1', '1');
  await expect(l2.write('n', [entry('a')])).rejects.toThrow('READONLY');
  await until('another one is made', () => pool.stats().shared.created === 3);
  await admin.replicaof('NO', 'ONE');
  await until('writes go through', () =>
    l2.write('n', [entry('a')]).then(
      () => true,
      () => false,
    ),
  );
});

/** As a pool of what Sentinels name would be. */
function asOfSentinels(pool: RedisPool<Redis>): RedisPool<Redis> {
  const sentinels = [{ host: '127.0.0.1', port: 1 }];
  return { ...pool, clientOptions: (kind) => ({ ...pool.clientOptions(kind), sentinels }) };
}

test('where Sentinels name the master, a replica is left until it is the master', async (context) => {
  const server = await ownServer(context);
  const admin = adminOf(server);
  await admin.replicaof('127.0.0.1', '1');
  const pool = testPool(server.url, { shared: 2 });
  const l2 = redisL2({ pool: asOfSentinels(pool), connectTimeout: 200, maxReconnectDelay: 50, ...LIMITS });
  onTestFinished(() => l2.close());
  await expect(l2.open({ origin: 'o', onNews: () => {}, onFeedState: () => {} })).rejects.toThrow('open');
  await admin.replicaof('NO', 'ONE');
  await until('calls go through', () => l2.health().then(({ status }) => status === 'up'));
});

test('where Sentinels name the master, a feed of another server is made anew', async (context) => {
  const [server, other] = [await ownServer(context), await ownServer(context)];
  const urls = { exclusive: other.url, shared: server.url };
  const pool = redisPool<Redis>({ client: (own, kind) => new Redis(urls[kind], own) });
  onTestFinished(() => pool.close({ deadline: 0 }));
  const { l2, states } = await openNode({ pool: asOfSentinels(pool), ...LIMITS, heartbeatInterval: 20 });
  void l2.feed?.follow('n').catch(() => {});
  await until('it is given back, and another one taken', () => pool.stats().exclusive.created > 2);
  expect(states.at(-1)).not.toBe('alive');
  urls.exclusive = server.url;
  await until('it is alive', () => states.at(-1) === 'alive');
});

test('nobody answers: open rejects with the reason, and calls work when somebody does', async (context) => {
  const server = await ownServer(context);
  await server.kill();
  const pool = testPool(server.url, { client: { keyPrefix: 'mine:' } });
  const l2 = redisL2({ pool, connectTimeout: 100, ...LIMITS });
  onTestFinished(() => l2.close());
  const news: unknown[] = [];
  const host = { origin: 'o', onNews: (each: unknown) => news.push(each), onFeedState: () => {} };
  await expect(l2.open(host)).rejects.toThrow('ECONNREFUSED');
  await expect(l2.read('n', ['a'])).rejects.toThrow('ECONNREFUSED');
  const following = l2.feed?.follow('n');
  await server.restart();
  await following;
  await until('calls go through', () => l2.health().then(({ status }) => status === 'up'));
  await l2.write('n', [entry('a')]);
  await until('news', () => news.length > 0);
});

test('pools that will not do are refused', () => {
  const pool = redisPool<Redis>({ client: (own) => new Redis({ ...own, protocol: 3 }) });
  const cluster = redisPool({ client: (own) => new Cluster([{ port: 1 }], { lazyConnect: true, redisOptions: own }) });
  for (const [options, message] of [
    [{ pool: {} }, 'pool must be one of redisPool()'],
    [{ pool: cluster }, 'for a Cluster use the option cluster'],
    [{ pool, tracking: true }, 'protocol: 2'],
    [{ pool, url: 'redis://localhost' }, 'url and pool exclude each other'],
    [{ pool, redis: { db: 1 } }, 'pool excludes redis'],
  ] as const) {
    const make = () => redisL2(options as unknown as Parameters<typeof redisL2>[0]);
    expect(make).toThrow(L2InvalidError);
    expect(make).toThrow(message);
  }
});
