import { randomUUID } from 'node:crypto';
import { L2TimeoutError, L2UnavailableError } from '@tierwise/l2';
import { type RedisOptions as AnyRedisOptions, Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { everyCall } from './testing/calls.js';
import { entry, openNode, ownServer, testNode, until } from './testing/node.js';

const url = process.env['TIERWISE_TEST_REDIS_URL'] ?? '';

type RedisOptions = Omit<AnyRedisOptions, 'replyMapping'>;

/** A client as a user would make it. Its errors are the test's business. */
function userClient(options: RedisOptions = {}, of = url): Redis {
  const client = new Redis(of, options);
  client.on('error', () => {});
  onTestFinished(() => client.disconnect());
  return client;
}

test("a user's client: its keyPrefix is respected everywhere, and it stays open and as it was", async () => {
  const client = userClient({ keyPrefix: 'my*app:' });
  const plain = userClient();
  const namespace = randomUUID();
  await client.ping();
  const listeners = client.eventNames().map((event) => [event, client.listenerCount(event)]);
  const [node, peer] = [await openNode({ client }), await openNode({ url, redis: { keyPrefix: 'my*app:' } })];
  const stranger = await openNode({ url });
  for (const { l2 } of [node, stranger]) await l2.feed?.follow(namespace);
  await stranger.l2.write(namespace, [entry('a', 'of a stranger')]);
  await peer.l2.write(namespace, [entry('a', 'of a peer')]);
  expect(await node.l2.read(namespace, ['a'])).toMatchObject([{ bytes: Buffer.from('of a peer') }]);
  await Promise.all(everyCall(node.l2, namespace).map(([, run]) => run()));
  await node.l2.time?.marks(namespace, ['t'], { known: 0, ensureMs: 60_000 });
  await node.l2.leases?.acquire(namespace, [{ key: 'b', seen: undefined }], 60_000);
  await node.l2.write(namespace, [entry('c')]);
  await until('news', () => node.news.some((news) => news.type === 'changed' && news.keys.includes('c')));
  const keys = await plain.keys(`*${namespace}*`);
  expect(keys.filter((key) => !key.startsWith('my*app:tw1:'))).toEqual([`tw1:${namespace}:v:{a}`]);
  expect(keys.length).toBeGreaterThan(3);
  expect(stranger.news).toHaveLength(1);
  // One of the calls was a purge, and what is written while that runs may stay or go.
  expect(await node.l2.purge(namespace)).toBe(
    keys.filter((key) => key.startsWith(`my*app:tw1:${namespace}:v:`)).length,
  );
  expect(await stranger.l2.purge(namespace)).toBe(1);
  await node.l2.close();
  expect(client.status).toBe('ready');
  expect(await client.ping()).toBe('PONG');
  expect(client.eventNames().map((event) => [event, client.listenerCount(event)])).toEqual(listeners);
});

test.each<[string, RedisOptions]>([
  ['that connects when it is first used', { lazyConnect: true }],
  ['with numbers as text', { stringNumbers: true }],
  ['of RESP2', { protocol: 2 }],
  ['that pipelines by itself', { enableAutoPipelining: true }],
  ['that queues nothing', { enableOfflineQueue: false }],
])('a client %s will do', async (_, options) => {
  const { l2 } = await openNode({ client: userClient(options) });
  const namespace = randomUUID();
  const [written] = await l2.write(namespace, [entry('a')]);
  const version = written?.status === 'stored' ? written.version : undefined;
  expect(await l2.read(namespace, ['a'])).toMatchObject([{ status: 'found', version }]);
  const generation = (await l2.time?.marks(namespace, [], { known: 0 }))?.generation ?? 0;
  expect(await l2.time?.advance(namespace, null, 'dead', { known: 0 })).toBe(generation + 1);
  expect(await l2.health()).toMatchObject({ status: 'up' });
});

test('two L2 share a client', async () => {
  const client = userClient();
  const [one, two] = [await openNode({ client }), await openNode({ client })];
  const namespace = randomUUID();
  await one.l2.write(namespace, [entry('a')]);
  await one.l2.close();
  expect(await two.l2.read(namespace, ['a'])).toMatchObject([{ status: 'found' }]);
});

test("a client with ioredis' defaults, which hang, does not make calls hang", async (context) => {
  const server = await ownServer(context);
  const { l2 } = await openNode({ client: userClient({}, server.url), commandTimeout: 300 });
  server.freeze();
  const outcomes = await Promise.allSettled(everyCall(l2).map(([, run]) => run()));
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(L2TimeoutError) });
  }
});

test('nothing is left in the queue of a client that has no connection', async (context) => {
  const server = await ownServer(context);
  const client = userClient({ retryStrategy: () => 20, maxRetriesPerRequest: null }, server.url);
  const { l2 } = await openNode({ client, commandTimeout: 5_000 });
  await server.kill();
  await until('the loss is noticed', () => client.status !== 'ready');
  await expect(l2.write('n', [entry('a')])).rejects.toBeInstanceOf(L2UnavailableError);
  await server.restart();
  // Ready for the client; calls go through as soon as it is known which server this is.
  await until('calls go through', () => l2.health().then(({ status }) => status === 'up'));
  expect(await l2.read('n', ['a'])).toEqual([undefined]);
});

test('what is under way when a client loses its connection rejects at once, whatever the client does with it', async (context) => {
  const server = await ownServer(context);
  const client = userClient({ retryStrategy: () => 20, maxRetriesPerRequest: null }, server.url);
  const { l2 } = await openNode({ client, commandTimeout: 3_000 });
  server.freeze();
  const underWay = expect(l2.read('n', ['a'])).rejects.toBeInstanceOf(L2UnavailableError);
  await server.kill();
  await underWay;
});

test("a client's own time limit is reported as one", async (context) => {
  const server = await ownServer(context);
  const { l2 } = await openNode({ client: userClient({ commandTimeout: 50 }, server.url), commandTimeout: 5_000 });
  server.freeze();
  await expect(l2.read('n', ['a'])).rejects.toBeInstanceOf(L2TimeoutError);
});

test('a client that was closed cannot be opened with', async () => {
  const client = userClient();
  await client.ping();
  await client.quit();
  const node = testNode({ client, connectTimeout: 100 });
  await expect(node.l2.open(node.host)).rejects.toThrow();
});
