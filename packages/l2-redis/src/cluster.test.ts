import { randomUUID } from 'node:crypto';
import { L2TimeoutError, L2UnavailableError } from '@tierwise/l2';
import { Cluster } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startRedisCluster, type TestClusterNode, type TestRedisCluster } from '../../../test/support/redis-cluster.js';
import { slotOf } from './cluster-slots.js';
import { keysOf } from './keys.js';
import { entry, openNode, scriptsRun, type TestNode, until } from './testing/node.js';

const LIMITS = { commandTimeout: 1_000, connectTimeout: 5_000, heartbeatInterval: 100, maxReconnectDelay: 100 };

let cluster: TestRedisCluster;
let isMissing = false;
beforeAll(async () => {
  const started = await startRedisCluster({ masters: 3 });
  if (started === undefined) isMissing = true;
  else cluster = started;
}, 30_000);
afterAll(() => cluster?.stop());

const clusterTest = (name: string, run: (node: TestNode, namespace: string) => Promise<void>): void =>
  test(name, { timeout: 30_000 }, async ({ skip }) => {
    if (isMissing) skip('neither redis-server nor valkey-server is on PATH');
    await run(await openNode({ cluster: { nodes: cluster.addresses }, ...LIMITS }), randomUUID());
  });

const text = (read: unknown): string | undefined =>
  read === undefined ? undefined : Buffer.from((read as { bytes: Uint8Array }).bytes).toString();

/** The master that has the slot of a key, by the shares of the beginning. */
function masterOf(namespace: string, key: string): TestClusterNode {
  const share = Math.ceil(16_384 / 3);
  return cluster.masters[Math.floor(slotOf(keysOf(namespace).entry(key)) / share)] as TestClusterNode;
}

clusterTest('a peer hears each deed once, though each master passes it on', async ({ l2 }, namespace) => {
  const peer = await openNode({ cluster: { nodes: cluster.addresses }, ...LIMITS });
  await until('alive', () => peer.states.at(-1) === 'alive');
  await peer.l2.feed?.follow(namespace);
  // Twice the same deed is two.
  for (const key of ['a', 'b', 'c', 'a', 'a']) await l2.delete(namespace, [key]);
  await l2.time?.advance(namespace, ['t'], 'dead', { known: 0 });
  await l2.purge(namespace);
  await until('the last news', () => peer.news.some(({ type }) => type === 'reset'));
  await Promise.all(cluster.masters.map(({ admin }) => admin.publish('nobody', '')));
  await l2.delete(namespace, ['end']);
  await until('the end', () => peer.news.some((news) => news.type === 'changed' && news.keys.includes('end')));
  const told = peer.news.map((news) => (news.type === 'changed' ? news.keys.join() : news.type));
  expect(told.sort()).toEqual(['a', 'a', 'a', 'b', 'c', 'end', 'marks', 'reset'].sort());
});

describe("an entry that another server's clock has stamped", () => {
  /** Makes an entry look as if it had been moved here from a server whose clock differs by so much. */
  async function moved(namespace: string, key: string, shiftMs: number): Promise<void> {
    const name = keysOf(namespace).entry(key);
    const { admin } = masterOf(namespace, key);
    const stored = (await admin.getBuffer(name)) as Buffer;
    for (const at of [12, 18, 24]) stored.writeUIntBE(stored.readUIntBE(at, 6) + shiftMs, at, 6);
    stored.writeUInt32BE(4_711, 30);
    await admin.set(name, stored, 'KEEPTTL');
  }

  for (const shiftMs of [-900_000, 900_000]) {
    clusterTest(`by ${shiftMs} ms lives as long as Redis keeps it`, async ({ l2 }, namespace) => {
      await l2.write(
        namespace,
        ['read', 'expired', 'touched', 'leased'].map((key) => entry(key)),
      );
      for (const key of ['read', 'expired', 'touched', 'leased']) await moved(namespace, key, shiftMs);
      const [read] = await l2.read(namespace, ['read']);
      if (read?.status !== 'found') throw new Error('not found');
      expect(read.keepMs).toBeGreaterThan(110_000);
      expect(read.keepMs).toBeLessThanOrEqual(120_000);
      expect(read.keepMs - read.freshMs).toBe(60_000);
      expect(read.ageMs).toBeLessThan(10_000);

      expect(await l2.expire(namespace, ['expired'])).toEqual([true]);
      const [expired] = await l2.read(namespace, ['expired']);
      if (expired?.status !== 'found') throw new Error('not found');
      expect(expired.freshMs).toBeLessThanOrEqual(0);
      expect(expired.keepMs).toBeGreaterThan(110_000);
      expect(expired.keepMs).toBeLessThanOrEqual(120_001);

      expect(await l2.touch(namespace, ['touched'], { freshMs: 5_000, keepMs: 6_000 })).toEqual([true]);
      const [touched] = await l2.read(namespace, ['touched']);
      if (touched?.status !== 'found') throw new Error('not found');
      expect(touched.freshMs).toBeGreaterThan(1_000);
      expect(touched.freshMs).toBeLessThanOrEqual(5_000);
      expect(touched.ageMs).toBeLessThan(10_000);

      const [answer] = (await l2.leases?.acquire(namespace, [{ key: 'leased', seen: undefined }], 1_000)) ?? [];
      if (answer?.status !== 'changed' || answer.entry.status !== 'found') throw new Error('not changed');
      expect(answer.entry.keepMs).toBeGreaterThan(110_000);
      expect(answer.entry.keepMs).toBeLessThanOrEqual(120_001);
    });
  }
});

clusterTest('a write that was given up while its master was frozen never takes effect', async (_, namespace) => {
  const { l2 } = await openNode({ cluster: { nodes: cluster.addresses }, ...LIMITS, commandTimeout: 200 });
  const { server, admin } = masterOf(namespace, 'late');
  const ran = await scriptsRun(admin);
  // For less than it takes the others to miss it.
  server.freeze();
  await expect(l2.write(namespace, [entry('late')])).rejects.toBeInstanceOf(L2TimeoutError);
  server.thaw();
  await until('Redis has done what was sent', async () => (await scriptsRun(admin)) > ran);
  expect(await admin.exists(keysOf(namespace).entry('late'))).toBe(0);
});

describe('while a slot moves', () => {
  clusterTest('no call fails, and what was written is what is read', async (node, namespace) => {
    const peer = await openNode({ cluster: { nodes: cluster.addresses }, ...LIMITS });
    const { l2 } = node;
    // `{s}` in front, so that all of these and their leases share a slot: within the braces of ours, the first closing one ends it.
    const slot = slotOf(keysOf(namespace).entry('s}'));
    const keys = Array.from({ length: 200 }, (_, i) => `s}${i}`);
    expect(new Set(keys.map((key) => slotOf(keysOf(namespace).entry(key))))).toEqual(new Set([slot]));
    await l2.write(
      namespace,
      keys.map((key) => entry(key, 'first')),
    );
    const from = masterOf(namespace, 's}');
    const to = cluster.masters.find((each) => each !== from) as TestClusterNode;

    let isMoving = true;
    const load = [...Array(8).keys()].map(async (worker) => {
      let rounds = 0;
      for (; isMoving || rounds < 20; rounds += 1) {
        const key = keys[(worker * 25 + rounds) % keys.length] as string;
        const own = `${key}/${worker}`;
        await l2.write(namespace, [entry(own, `${rounds}`)]);
        expect(text((await l2.read(namespace, [own]))[0])).toBe(`${rounds}`);
        expect(await peer.l2.delete(namespace, [own])).toEqual([true]);
        expect(await l2.read(namespace, [own, key])).toMatchObject([undefined, { status: 'found' }]);
        const [lease] = (await l2.leases?.acquire(namespace, [{ key: own, seen: undefined }], 5_000)) ?? [];
        if (lease?.status !== 'granted') throw new Error('no lease');
        const [filled] = await peer.l2.write(namespace, [{ ...entry(own, 'filled'), lease: lease.token }]);
        expect(filled?.status).toBe('stored');
      }
      return rounds;
    });
    const underWay = Promise.all(load);
    for (const [start, end] of [
      [from, to],
      [to, from],
      [from, to],
    ] as const)
      await cluster.moveSlot(slot, start, end);
    isMoving = false;
    expect(Math.min(...(await underWay))).toBeGreaterThanOrEqual(20);
    expect((await peer.l2.read(namespace, keys)).map(text)).toEqual(keys.map(() => 'first'));
    // Back, since tests share the cluster.
    await cluster.moveSlot(slot, to, from);
  });

  clusterTest(
    'that takes longer than a call may, single keys are read, and what needs two is refused in time',
    async ({ l2 }, namespace) => {
      const from = masterOf(namespace, 'k');
      const to = cluster.masters.find((each) => each !== from) as TestClusterNode;
      const slot = slotOf(keysOf(namespace).entry('k'));
      await l2.write(namespace, [entry('k', 'value')]);
      await cluster.moveSlot(slot, from, to, {
        moved: async () => {
          expect(text((await l2.read(namespace, ['k']))[0])).toBe('value');
          const start = performance.now();
          await expect(l2.delete(namespace, ['k'])).rejects.toMatchObject({ backend: 'redis' });
          expect(performance.now() - start).toBeLessThan(LIMITS.commandTimeout + 1_000);
        },
      });
      // What was refused is not done after all, now that it could be.
      for (let turn = 0; turn < 20; turn += 1) {
        expect(await l2.health()).toMatchObject({ status: 'up' });
        expect(text((await l2.read(namespace, ['k']))[0])).toBe('value');
      }
      expect(await l2.delete(namespace, ['k'])).toEqual([true]);
      await cluster.moveSlot(slot, to, from);
    },
  );

  clusterTest(
    'to a server that nobody knew, it is followed there, and its news are heard from it',
    async (node, namespace) => {
      const { l2, states, news } = node;
      await l2.feed?.follow(namespace);
      await until('alive', () => states.at(-1) === 'alive');
      const joined = await cluster.join();
      const from = masterOf(namespace, 'k');
      const slot = slotOf(keysOf(namespace).entry('k'));
      await l2.write(namespace, [entry('k', 'old')]);
      await cluster.moveSlot(slot, from, joined, {
        moved: async () => expect(text((await l2.read(namespace, ['k']))[0])).toBe('old'),
      });
      await l2.write(namespace, [entry('k', 'new')]);
      expect(text((await l2.read(namespace, ['k']))[0])).toBe('new');
      expect(await joined.admin.exists(keysOf(namespace).entry('k'))).toBe(1);
      await until('it is listened to', async () =>
        String(await joined.admin.client('LIST', 'TYPE', 'PUBSUB')).includes('sub=1'),
      );
      await until('alive again', () => states.at(-1) === 'alive');
      const heard = news.length;
      await l2.delete(namespace, ['k']);
      await until('news', () => news.length > heard);
      await cluster.moveSlot(slot, joined, from);
      await cluster.settled();
      await until(
        'nobody listens to it any more',
        async () => !String(await joined.admin.client('LIST', 'TYPE', 'PUBSUB')).includes('sub='),
      );
      await until('alive once more', () => states.at(-1) === 'alive');
    },
  );
});

clusterTest(
  'a frozen master holds up calls for its own slots only, and no longer than their limit',
  async (node, namespace) => {
    const keyOn = (master: TestClusterNode): string =>
      Array.from({ length: 1_000 }, (_, i) => `${i}`).find((key) => masterOf(namespace, key) === master) as string;
    const [frozen, other] = cluster.masters as [TestClusterNode, TestClusterNode];
    await until('alive', () => node.states.at(-1) === 'alive');
    frozen.server.freeze();
    try {
      const start = performance.now();
      const stuck = node.l2.write(namespace, [entry(keyOn(frozen))]);
      const outcome = stuck.then(
        () => 'written',
        (error: Error) => error.name,
      );
      await node.l2.write(namespace, [entry(keyOn(other))]);
      expect(await outcome).toBe('L2TimeoutError');
      expect(performance.now() - start).toBeLessThan(LIMITS.commandTimeout + 1_000);
      await until('deaf', () => node.states.at(-1) === 'deaf');
    } finally {
      frozen.server.thaw();
    }
    await until('alive again', () => node.states.at(-1) === 'alive');
    await cluster.settled();
    await until('it answers', () =>
      node.l2.write(namespace, [entry(keyOn(frozen))]).then(
        () => true,
        () => false,
      ),
    );
  },
);

clusterTest(
  "a Cluster client of the user's own, with a prefix: where it is and what it sets are used, and it stays open",
  async (_, namespace) => {
    const client = new Cluster([...cluster.addresses], {
      keyPrefix: 'my*app:',
      redisOptions: { connectionName: 'mine' },
    });
    onTestFinished(() => client.disconnect());
    await client.ping();
    const { l2, news, states } = await openNode({ client, ...LIMITS });
    await l2.feed?.follow(namespace);
    await until('alive', () => states.at(-1) === 'alive');
    await l2.write(namespace, [entry('a', 'mine')]);
    expect(await client.exists(keysOf(namespace).entry('a'))).toBe(1);
    expect(text((await l2.read(namespace, ['a']))[0])).toBe('mine');
    await until('news', () => news.length === 1);
    expect(await l2.purge(namespace)).toBe(1);
    await l2.close();
    expect(client.status).toBe('ready');
  },
);

test('with tracking, what other programs do on any master is heard from it', async ({ skip }) => {
  if (isMissing) skip('neither redis-server nor valkey-server is on PATH');
  const namespace = randomUUID();
  const node = await openNode({ cluster: { nodes: cluster.addresses }, tracking: true, ...LIMITS });
  await node.l2.feed?.follow(namespace);
  await until('alive', () => node.states.at(-1) === 'alive');
  const keys = cluster.masters.map((master) => {
    const key = Array.from({ length: 1_000 }, (_, i) => `${i}`).find((each) => masterOf(namespace, each) === master);
    return key as string;
  });
  await node.l2.write(
    namespace,
    keys.map((key) => entry(key)),
  );
  for (const key of keys) await masterOf(namespace, key).admin.del(keysOf(namespace).entry(key));
  const external = (): string[] =>
    node.news.flatMap((news) => (news.type === 'changed' && news.cause === 'external' ? news.keys : []));
  await until('all are told', () => keys.every((key) => external().includes(key)));
});

test('writes wait for replicas where that is asked for, and are refused without', async ({ skip }) => {
  if (isMissing) skip('neither redis-server nor valkey-server is on PATH');
  const waitReplicas = { count: 1, timeoutMs: 50 };
  const { l2 } = await openNode({ cluster: { nodes: cluster.addresses }, waitReplicas, ...LIMITS });
  await expect(l2.write('n', [entry('a')])).rejects.toBeInstanceOf(L2UnavailableError);
  await expect(l2.delete('n', ['a'])).rejects.toThrow(/only 0 of 1 replicas/);
  expect(await l2.read('n', ['a'])).toEqual([undefined]);
});
