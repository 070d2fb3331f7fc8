import { randomUUID } from 'node:crypto';
import { L2Error } from '@tierwise/l2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRedisCluster, type TestClusterNode, type TestRedisCluster } from '../../../test/support/redis-cluster.js';
import { slotOf } from './cluster-slots.js';
import { keysOf } from './keys.js';
import { entry, openNode, type TestNode, until } from './testing/node.js';

const LIMITS = { commandTimeout: 1_000, connectTimeout: 5_000, heartbeatInterval: 100, maxReconnectDelay: 100 };
/** What a call may take beyond its limit on a busy machine, in milliseconds. */
const SLACK = 1_000;

let cluster: TestRedisCluster;
let isMissing = false;
beforeAll(async () => {
  const started = await startRedisCluster({ masters: 3, replicated: true });
  if (started === undefined) isMissing = true;
  else cluster = started;
}, 60_000);
afterAll(() => cluster?.stop());

/** Each test uses up one of the three masters, and leaves its replica in its place. */
const failoverTest = (
  name: string,
  index: number,
  run: (
    node: TestNode,
    namespace: string,
    keys: string[],
    master: TestClusterNode,
    replica: TestClusterNode,
  ) => Promise<void>,
): void =>
  test(name, { timeout: 60_000 }, async ({ skip }) => {
    if (isMissing) skip('neither redis-server nor valkey-server is on PATH');
    const namespace = randomUUID();
    const share = Math.ceil(16_384 / 3);
    const isThere = (key: string): boolean => Math.floor(slotOf(keysOf(namespace).entry(key)) / share) === index;
    const keys = Array.from({ length: 300 }, (_, i) => `${i}`)
      .filter(isThere)
      .slice(0, 20);
    const node = await openNode({ cluster: { nodes: cluster.addresses }, ...LIMITS });
    await node.l2.feed?.follow(namespace);
    await until('alive', () => node.states.at(-1) === 'alive');
    const [master, replica] = [cluster.masters[index], cluster.replicas[index]] as [TestClusterNode, TestClusterNode];
    await run(node, namespace, keys, master, replica);
  });

const text = (read: unknown): string | undefined =>
  read === undefined ? undefined : Buffer.from((read as { bytes: Uint8Array }).bytes).toString();

const works = (call: () => Promise<unknown>): Promise<boolean> =>
  call().then(
    () => true,
    () => false,
  );

/** Calls on all keys until it is stopped. Whatever fails must fail in time, and as an error of ours. */
function underLoad(
  node: TestNode,
  namespace: string,
  keys: readonly string[],
): { stop: () => Promise<{ failed: number; done: number }> } {
  const { l2 } = node;
  let isOver = false;
  const counts = { failed: 0, done: 0 };
  const workers = keys.slice(0, 6).map(async (key) => {
    for (let i = 0; !isOver; i += 1) {
      const start = performance.now();
      try {
        if (i % 3 === 0) await l2.write(namespace, [entry(`${key}/load`, `${i}`)]);
        else if (i % 3 === 1) await l2.read(namespace, [`${key}/load`]);
        else await l2.delete(namespace, [`${key}/load`]);
        counts.done += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(L2Error);
        counts.failed += 1;
        // As a breaker would: what fails at once would otherwise be tried again in the same turn, for ever.
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      expect(performance.now() - start).toBeLessThan(LIMITS.commandTimeout + SLACK);
    }
  });
  return {
    async stop() {
      isOver = true;
      await Promise.all(workers);
      return counts;
    },
  };
}

failoverTest(
  'a master is killed: calls fail in time, then its replica answers, the feed comes back, nothing invalid is served',
  0,
  async (node, namespace, keys, master, replica) => {
    const peer = await openNode({ cluster: { nodes: cluster.addresses }, ...LIMITS });
    await peer.l2.feed?.follow(namespace);
    await until('alive', () => peer.states.at(-1) === 'alive');
    await node.l2.write(
      namespace,
      keys.map((key) => entry(key, 'old')),
    );
    const load = underLoad(node, namespace, keys);
    await node.l2.delete(namespace, keys.slice(0, 10));
    await master.server.kill();
    await until('deaf', () => node.states.at(-1) === 'deaf' && peer.states.at(-1) === 'deaf');
    await until(
      'the replica answers',
      () => works(() => node.l2.write(namespace, [entry(keys[19] as string, 'new')])),
      20_000,
    );
    await until('alive', () => node.states.at(-1) === 'alive' && peer.states.at(-1) === 'alive', 20_000);
    const { failed } = await load.stop();
    expect(failed).toBeGreaterThan(0);
    // A node learns of the new master by itself; until then its calls are refused, in time.
    for (const { l2 } of [node, peer]) await until('it reads', () => works(() => l2.read(namespace, keys)), 20_000);
    expect((await node.l2.read(namespace, keys.slice(0, 10))).every((read) => read === undefined)).toBe(true);
    expect(text((await peer.l2.read(namespace, [keys[19] as string]))[0])).toBe('new');
    expect(await replica.admin.exists(keysOf(namespace).entry(keys[19] as string))).toBe(1);
    const heard = peer.news.length;
    await node.l2.delete(namespace, [keys[19] as string]);
    await until('news', () => peer.news.length > heard);
  },
);

failoverTest(
  'a replica takes over by order: calls follow it, and the feed listens to it',
  1,
  async (node, namespace, keys, _, replica) => {
    await node.l2.write(
      namespace,
      keys.map((key) => entry(key, 'kept')),
    );
    await until('the replica has it', async () => {
      await replica.admin.readonly();
      return (await replica.admin.exists(keysOf(namespace).entry(keys.at(-1) as string))) === 1;
    });
    const load = underLoad(node, namespace, keys);
    await replica.admin.call('CLUSTER', 'FAILOVER');
    await until('it listens to the new master', async () =>
      /sub=[1-9]/.test(String(await replica.admin.client('LIST', 'TYPE', 'PUBSUB'))),
    );
    await until('alive', () => node.states.at(-1) === 'alive');
    await until('calls work', () => works(() => node.l2.write(namespace, [entry(keys[0] as string, 'new')])));
    const { done } = await load.stop();
    expect(done).toBeGreaterThan(0);
    expect(node.states).toEqual(['alive', 'deaf', 'alive']);
    expect(text((await node.l2.read(namespace, [keys[0] as string]))[0])).toBe('new');
  },
);

failoverTest(
  'what a master acknowledged and its replica never heard of is invalidated again, before this node reads it',
  2,
  async (node, namespace, keys, master, replica) => {
    const [deleted, expired, rewritten, untouched] = keys as [string, string, string, string];
    const { l2 } = node;
    const tags = Array.from({ length: 100 }, (_, i) => `${i}`);
    // Bookkeeping of a namespace is in one slot: one that belongs to the same master.
    const marked = Array.from({ length: 50 }, () => randomUUID()).find(
      (name) => slotOf(keysOf(name).time) >= 2 * Math.ceil(16_384 / 3),
    ) as string;
    const before = await l2.time?.marks(marked, tags, { known: 0, ensureMs: 600_000 });
    await l2.write(
      namespace,
      [deleted, expired, rewritten, untouched].map((key) => entry(key, 'old')),
    );
    await until('the replica has it', async () => {
      await replica.admin.readonly();
      return (await replica.admin.exists(keysOf(namespace).entry(untouched))) === 1;
    });
    const bystander = await openNode({ cluster: { nodes: cluster.addresses }, ...LIMITS });
    // The old values are now older than what is re-issued: only what follows is remembered anew.
    replica.server.freeze();
    await master.admin.call('CLIENT', 'KILL', 'TYPE', 'replica');
    expect(await l2.delete(namespace, [deleted])).toEqual([true]);
    expect(await l2.expire(namespace, [expired])).toEqual([true]);
    await l2.write(namespace, [entry(rewritten, 'new')]);
    await l2.time?.advance(marked, ['7'], 'dead', { known: 0 });
    await master.server.kill();
    replica.server.thaw();
    await until('the replica answers', () => works(() => bystander.l2.read(namespace, [untouched])), 20_000);
    await until('this node reads', () => works(() => l2.read(namespace, [deleted])), 20_000);
    // Not once does this node see what it invalidated.
    const [first, second, third] = await l2.read(namespace, [deleted, expired, rewritten]);
    expect(first).toBeUndefined();
    expect(second === undefined || (second.status === 'found' && second.freshMs <= 0)).toBe(true);
    expect(third).toBeUndefined();
    await until('so do others', async () =>
      (await bystander.l2.read(namespace, [deleted, rewritten])).every((read) => read === undefined),
    );
    const after = await bystander.l2.time?.marks(marked, tags, { known: 0 });
    expect(after?.tags[7]?.dead).toBeGreaterThan(before?.generation ?? Number.POSITIVE_INFINITY);
  },
);
