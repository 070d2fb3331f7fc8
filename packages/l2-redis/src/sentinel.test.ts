import { randomUUID } from 'node:crypto';
import { L2Error } from '@tierwise/l2';
import { Redis } from 'ioredis';
import { expect, onTestFinished, type TestContext, test } from 'vitest';
import { startSentinels, type TestSentinels } from '../../../test/support/redis-sentinel.js';
import { commandConnection } from './connection.js';
import { channelOf, keysOf } from './keys.js';
import { settingsOf } from './options.js';
import { entry, openNode, ownServer, until } from './testing/node.js';

const LIMITS = { commandTimeout: 1_000, connectTimeout: 5_000, heartbeatInterval: 100, maxReconnectDelay: 100 };
/** What a call may take beyond its limit on a busy machine, in milliseconds. */
const SLACK = 1_000;

async function ownSentinels({ skip }: TestContext, count = 1): Promise<TestSentinels> {
  const sentinels = await startSentinels({ sentinels: count });
  if (sentinels === undefined) return skip('neither redis-server nor valkey-server is on PATH');
  onTestFinished(() => sentinels.stop());
  return sentinels;
}

const optionsFor = ({ name, addresses }: TestSentinels) => ({ sentinel: { name, sentinels: addresses }, ...LIMITS });

const works = (call: () => Promise<unknown>): Promise<boolean> =>
  call().then(
    () => true,
    () => false,
  );

test('the master is killed under load: calls fail in time, then the new one answers, feed included; what the replica missed is invalidated again', {
  timeout: 60_000,
}, async (context) => {
  const sentinels = await ownSentinels(context);
  const { master, replica } = sentinels;
  const namespace = randomUUID();
  const node = await openNode(optionsFor(sentinels));
  const peer = await openNode(optionsFor(sentinels));
  for (const { l2 } of [node, peer]) await l2.feed?.follow(namespace);
  await until('alive', () => node.states.at(-1) === 'alive' && peer.states.at(-1) === 'alive');
  const { l2 } = node;
  await l2.write(
    namespace,
    ['deleted', 'kept'].map((key) => entry(key, 'old')),
  );
  const standby = new Redis(replica.url);
  onTestFinished(() => standby.disconnect());
  await until('the replica has it', async () => (await standby.exists(keysOf(namespace).entry('kept'))) === 1);

  let isOver = false;
  let failed = 0;
  const load = ['a', 'b', 'c'].map(async (key) => {
    while (!isOver) {
      const start = performance.now();
      try {
        await l2.write(namespace, [entry(key)]);
        await l2.read(namespace, [key]);
      } catch (error) {
        expect(error).toBeInstanceOf(L2Error);
        failed += 1;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      expect(performance.now() - start).toBeLessThan(2 * LIMITS.commandTimeout + SLACK);
    }
  });

  replica.freeze();
  const admin = new Redis(master.url);
  admin.on('error', () => {});
  onTestFinished(() => admin.disconnect());
  await admin.call('CLIENT', 'KILL', 'TYPE', 'replica');
  expect(await l2.delete(namespace, ['deleted'])).toEqual([true]);
  await master.kill();
  replica.thaw();

  await until('deaf', () => node.states.at(-1) === 'deaf' && peer.states.at(-1) === 'deaf');
  await until('the new master answers', () => works(() => l2.read(namespace, ['deleted'])), 30_000);
  expect(await l2.read(namespace, ['deleted'])).toEqual([undefined]);
  expect(await sentinels.masterPort()).toBe(replica.port);
  await until('alive', () => node.states.at(-1) === 'alive' && peer.states.at(-1) === 'alive', 20_000);
  isOver = true;
  await Promise.all(load);
  expect(failed).toBeGreaterThan(0);
  // A connection may be lost once more while things settle, and what is done while deaf is not told of later.
  await until('news', async () => {
    await works(() => peer.l2.write(namespace, [entry('kept', 'new')]));
    return node.news.some(
      (news) => news.type === 'changed' && news.keys.includes('kept') && news.origin === peer.host.origin,
    );
  });
});

test('three Sentinels, the master is killed: what others change on the new one is heard, and no moment of the old one counts', {
  timeout: 90_000,
}, async (context) => {
  const sentinels = await ownSentinels(context, 3);
  const { replica, master } = sentinels;
  const namespace = randomUUID();
  const node = await openNode({ ...optionsFor(sentinels), tracking: true, reissue: false });
  await node.l2.feed?.follow(namespace);
  await until('alive', () => node.states.at(-1) === 'alive');
  await node.l2.write(namespace, [entry('a'), entry('b')]);
  const since = node.l2.replay?.moment(namespace, 'a') ?? '';
  const standby = new Redis(replica.url);
  onTestFinished(() => standby.disconnect());
  await until('the replica has it', async () => (await standby.exists(keysOf(namespace).entry('b'))) === 1);

  await master.kill();
  await until('deaf', () => node.states.at(-1) === 'deaf');
  await until('the new master answers', () => works(() => node.l2.read(namespace, ['a'])), 60_000);
  // The Sentinel that is asked here need not be the first one to know.
  await until('it is known as the master', async () => (await sentinels.masterPort()) === replica.port, 20_000);
  await until('alive', () => node.states.at(-1) === 'alive', 20_000);

  node.news.length = 0;
  const heard = () => node.news.find((news) => news.type === 'changed' && news.cause === 'external');
  // What is done while a node is deaf once more, as the Sentinels agree, is not told of later.
  await until(
    'it is heard',
    async () => {
      await standby.set(keysOf(namespace).entry('b'), 'of another');
      await standby.del(keysOf(namespace).entry('b'));
      return heard() !== undefined;
    },
    20_000,
  );
  expect(heard()).toMatchObject({ keys: ['b'] });
  const replay = (moment: string) => node.l2.replay?.replay(namespace, [{ ...entry('a', 'replayed'), since: moment }]);
  // A connection may be lost once more while the Sentinels agree.
  let dropped: unknown;
  await until('it is answered', () =>
    works(async () => {
      dropped = await replay(since);
    }),
  );
  expect(dropped).toEqual([{ status: 'dropped' }]);
  expect(await replay(node.l2.replay?.moment(namespace, 'a') ?? '')).toMatchObject([{ status: 'stored' }]);
});

test('a feed that was left with another server than the commands is noticed, and moved', {
  timeout: 30_000,
}, async (context) => {
  const sentinels = await ownSentinels(context);
  const namespace = randomUUID();
  const node = await openNode(optionsFor(sentinels));
  await node.l2.feed?.follow(namespace);
  await until('alive', () => node.states.at(-1) === 'alive');
  const [old, standby] = [sentinels.master, sentinels.replica].map(({ url }) => new Redis(url)) as [Redis, Redis];
  for (const admin of [old, standby]) onTestFinished(() => admin.disconnect());
  // By hand, and without a word to the clients that listen, as Sentinels would have.
  await standby.replicaof('NO', 'ONE');
  for (const { host, port } of sentinels.addresses) {
    const sentinel = new Redis(port, host);
    await sentinel.call('SENTINEL', 'REMOVE', 'main');
    await sentinel.call('SENTINEL', 'MONITOR', 'main', '127.0.0.1', sentinels.replica.port, 1);
    sentinel.disconnect();
  }
  await old.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await until(
    'it listens to the new master',
    async () => (await standby.pubsub('NUMSUB', channelOf('', namespace, 0))).at(-1) === 1,
  );
  await until('alive', () => node.states.at(-1) === 'alive');
  expect(node.states).toEqual(['alive', 'deaf', 'alive']);
  await until('calls work', () => works(() => node.l2.delete(namespace, ['a'])));
  await until('news', () => node.news.length > 0);
});

test('a connection that ioredis gave up for good is made again', async (context) => {
  const server = await ownServer(context);
  const { client, close } = commandConnection(settingsOf({ url: server.url, ...LIMITS }));
  onTestFinished(close);
  await client.connect();
  client.options.retryStrategy = () => null;
  await client.call('CLIENT', 'KILL', 'ID', await client.client('ID'), 'SKIPME', 'no').catch(() => {});
  await until('it is lost', () => client.status !== 'ready');
  await until('it is back', () => client.status === 'ready');
  await close();
  await until('it is closed', () => client.status === 'end');
});
