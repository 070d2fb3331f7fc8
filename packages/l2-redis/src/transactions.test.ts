import { randomUUID } from 'node:crypto';
import { type L2, L2NotColocatedError, type L2Transactions } from '@tierwise/l2';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startRedisCluster, type TestClusterNode, type TestRedisCluster } from '../../../test/support/redis-cluster.js';
import { slotOf } from './cluster-slots.js';
import { keysOf } from './keys.js';
import { entry, openNode, type TestNode, until } from './testing/node.js';

const url = process.env['TIERWISE_TEST_REDIS_URL'] ?? '';
const LIMITS = { commandTimeout: 2_000, connectTimeout: 5_000, heartbeatInterval: 100, maxReconnectDelay: 100 };

/** `order:7:lines` is of the group `order:7`, and so on; keys without a colon are in none. */
const colocate = (_: string, key: string): string | undefined => /^[^:]+:[^:]+/.exec(key)?.[0];

function transactionsOf(l2: L2): L2Transactions {
  if (!l2.transactions) throw new Error('there are no transactions');
  return l2.transactions;
}

const text = (read: unknown): string | undefined =>
  read === undefined ? undefined : Buffer.from((read as { bytes: Uint8Array }).bytes).toString();

describe('on one server', () => {
  test('keys of all groups and of none go into one transaction', async () => {
    const namespace = randomUUID();
    const { l2 } = await openNode({ url, colocate, ...LIMITS });
    const keys = ['a', 'order:7', 'order:8:lines', '%=order:7}'];
    const writes = keys.map((key) => entry(key, key));
    expect(await transactionsOf(l2).commit(namespace, { expect: [], writes, deletes: [] })).toMatchObject({
      status: 'committed',
    });
    expect((await l2.read(namespace, keys)).map(text)).toEqual(keys);
    expect(await l2.purge(namespace)).toBe(4);
  });

  test('a read of more keys than one MGET takes is of one moment', async () => {
    const namespace = randomUUID();
    const [writer, reader] = [await openNode({ url, ...LIMITS }), await openNode({ url, ...LIMITS })];
    const keys = Array.from({ length: 1_000 }, (_, i) => `${i}`);
    let isOver = false;
    const writing = (async () => {
      for (let round = 0; round < 20; round += 1) {
        const writes = keys.map((key) => entry(key, `${round}`));
        await transactionsOf(writer.l2).commit(namespace, { expect: [], writes, deletes: [] });
      }
      isOver = true;
    })();
    while (!isOver) {
      const seen = new Set((await transactionsOf(reader.l2).read(namespace, keys)).map(text));
      expect(seen.size).toBe(1);
    }
    await writing;
  });

  test('what another program changed in a group is heard by its key', async () => {
    const namespace = randomUUID();
    const node = await openNode({ url, colocate, tracking: true, ...LIMITS });
    const stranger = await openNode({ url, colocate, ...LIMITS });
    await node.l2.feed?.follow(namespace);
    await node.l2.write(namespace, [entry('order:7:lines')]);
    // Not by a call, which would say so itself.
    const { Redis } = await import('ioredis');
    const admin = new Redis(url);
    onTestFinished(() => admin.disconnect());
    await admin.del(keysOf(namespace, colocate).entry('order:7:lines'));
    await until('it is heard', () =>
      node.news.some(
        (news) => news.type === 'changed' && news.cause === 'external' && news.keys[0] === 'order:7:lines',
      ),
    );
    expect(await stranger.l2.read(namespace, ['order:7:lines'])).toEqual([undefined]);
  });
});

describe('on a Cluster', () => {
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
      await run(await openNode({ cluster: { nodes: cluster.addresses }, colocate, ...LIMITS }), randomUUID());
    });

  clusterTest(
    'keys of different slots are refused, with their slots and a way out, and nothing is done',
    async ({ l2 }, namespace) => {
      const transactions = transactionsOf(l2);
      const commit = {
        expect: [{ key: 'seen', version: undefined }],
        writes: [entry('written')],
        deletes: ['deleted'],
      };
      for (const run of [
        () => transactions.commit(namespace, commit),
        () => transactions.read(namespace, ['seen', 'written', 'deleted', 'order:7']),
      ]) {
        const error = await run().catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(L2NotColocatedError);
        const { message, code } = error as L2NotColocatedError;
        expect(code).toBe('ERR_TIERWISE_L2_NOT_COLOCATED');
        expect(message).toContain(`"written" in ${slotOf(keysOf(namespace).entry('written'))}`);
        expect(message).toContain('colocate');
      }
      expect(await l2.read(namespace, ['written'])).toEqual([undefined]);
    },
  );

  clusterTest(
    'keys of one group are read and committed together, and other calls find them',
    async ({ l2 }, namespace) => {
      const transactions = transactionsOf(l2);
      const keys = ['order:7', 'order:7:lines', 'order:7:total'];
      await l2.write(namespace, [entry('order:7', 'old'), entry('order:7:total', 'old')]);
      const [order] = await transactions.read(namespace, keys);
      const commit = {
        expect: [{ key: 'order:7', version: order?.version }],
        writes: [entry('order:7', 'new'), entry('order:7:lines', 'new')],
        deletes: ['order:7:total'],
      };
      expect(await transactions.commit(namespace, commit)).toMatchObject({ status: 'committed' });
      expect((await l2.read(namespace, keys)).map(text)).toEqual(['new', 'new', undefined]);
      expect((await transactions.read(namespace, keys)).map(text)).toEqual(['new', 'new', undefined]);
      expect(await transactions.commit(namespace, commit)).toEqual({ status: 'conflict', keys: ['order:7'] });
    },
  );

  clusterTest('keys that share a slot by chance, or by themselves, need no group', async ({ l2 }, namespace) => {
    const keys = ['s}1', 's}2'];
    const writes = keys.map((key) => entry(key, key));
    expect(await transactionsOf(l2).commit(namespace, { expect: [], writes, deletes: [] })).toMatchObject({
      status: 'committed',
    });
    expect((await transactionsOf(l2).read(namespace, keys)).map(text)).toEqual(keys);
  });

  clusterTest('while the slot of a group moves, a transaction is whole or not at all', async ({ l2 }, namespace) => {
    const transactions = transactionsOf(l2);
    const keys = Array.from({ length: 20 }, (_, i) => `order:9:${i}`);
    const slot = slotOf(keysOf(namespace, colocate).entry('order:9:0'));
    const owner = Math.floor(slot / Math.ceil(16_384 / 3));
    const from = cluster.masters[owner] as TestClusterNode;
    const to = cluster.masters[(owner + 1) % 3] as TestClusterNode;
    const commit = (round: number) =>
      transactions.commit(namespace, {
        expect: [],
        writes: keys.map((key) => entry(key, `${round}`)),
        deletes: [],
      });
    await commit(0);
    let isMoving = true;
    const load = (async () => {
      for (let round = 1; isMoving || round < 20; round += 1) await commit(round);
    })();
    const looks = (async () => {
      while (isMoving) {
        const seen = new Set((await transactions.read(namespace, keys)).map(text));
        expect(seen.size).toBe(1);
      }
    })();
    await cluster.moveSlot(slot, from, to);
    await cluster.settled();
    isMoving = false;
    await Promise.all([load, looks]);
    // An entry that came from another server is read by its clock.
    const peer = await openNode({ cluster: { nodes: cluster.addresses }, colocate, ...LIMITS });
    const [read] = await transactionsOf(peer.l2).read(namespace, keys);
    expect(read?.status === 'found' && read.keepMs > 60_000 && read.keepMs <= 120_000).toBe(true);
    expect(peer.l2.replay?.moment(namespace, 'order:9:0')).not.toBe(l2.replay?.moment(namespace, 'alone'));
  });
});
