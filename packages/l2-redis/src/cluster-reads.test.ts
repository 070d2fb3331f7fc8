import { randomUUID } from 'node:crypto';
import { type L2Read, L2TimeoutError, L2UnavailableError } from '@tierwise/l2';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startRedisCluster, type TestClusterNode, type TestRedisCluster } from '../../../test/support/redis-cluster.js';
import type { Answered } from './calls.js';
import { ClusterReads } from './cluster-reads.js';
import type { ClusterRoute } from './cluster-route.js';
import { slotOf } from './cluster-slots.js';
import { keysOf } from './keys.js';
import type { RedisL2Options } from './options.js';
import { entry, openNode, scriptsRun, type TestNode } from './testing/node.js';

// The map is not read anew by itself: what a node knows of it is what it was told by those that it asked.
const LIMITS = { commandTimeout: 1_000, connectTimeout: 5_000, heartbeatInterval: 60_000, maxReconnectDelay: 100 };

let cluster: TestRedisCluster | undefined;
beforeAll(async () => {
  cluster = await startRedisCluster({ masters: 3 });
}, 30_000);
afterAll(() => cluster?.stop());

/** The test's own keys are those of its namespace. */
interface Bench {
  readonly cluster: TestRedisCluster;
  readonly node: TestNode;
  readonly namespace: string;
}

function clusterTest(name: string, options: Partial<RedisL2Options>, run: (bench: Bench) => Promise<void>): void {
  test(name, { timeout: 30_000 }, async ({ skip }) => {
    if (cluster === undefined) return skip('neither redis-server nor valkey-server is on PATH');
    const node = await openNode({ cluster: { nodes: cluster.addresses }, ...LIMITS, ...options } as RedisL2Options);
    await run({ cluster, node, namespace: randomUUID() });
  });
}

const KEYS = Array.from({ length: 60 }, (_, i) => `k${i}`);

const text = (read: L2Read): string | undefined => {
  if (read !== undefined && read.status !== 'found') throw new Error(read.status);
  return read && Buffer.from(read.bytes).toString();
};

/** Writes each key with its own name. */
async function fill({ node, namespace }: Bench, keys: readonly string[]): Promise<void> {
  await node.l2.write(
    namespace,
    keys.map((key) => entry(key, key)),
  );
}

/** The master that has a slot, by the shares of the beginning, and another one. */
function mastersOf({ masters }: TestRedisCluster, slot: number): [has: TestClusterNode, other: TestClusterNode] {
  const has = masters[Math.floor(slot / Math.ceil(16_384 / 3))] as TestClusterNode;
  return [has, masters.find((each) => each !== has) as TestClusterNode];
}

/** Counts what all masters did meanwhile. What they only refused does not count. */
async function commandsOf(bench: Bench, deed: () => Promise<void>): Promise<{ get: number; mget: number }> {
  const count = async (): Promise<{ get: number; mget: number }> => {
    const stats = await Promise.all(bench.cluster.masters.map(({ admin }) => admin.info('commandstats')));
    const calls = (name: string): number =>
      stats.reduce(
        (sum, each) => sum + Number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, 'm').exec(each)?.[1] ?? 0),
        0,
      );
    return { get: calls('get'), mget: calls('mget') };
  };
  const before = await count();
  await deed();
  const after = await count();
  return { get: after.get - before.get, mget: after.mget - before.mget };
}

clusterTest('what is read stands where it was asked for: from all masters, missing, and twice', {}, async (bench) => {
  await fill(bench, KEYS);
  const asked = [...KEYS, 'none', ...KEYS.slice(0, 5), 'nor this'];
  const reads = await bench.node.l2.read(bench.namespace, asked);
  expect(reads.map(text)).toEqual([...KEYS, undefined, ...KEYS.slice(0, 5), undefined]);
});

describe('of a batch with a key whose slot', () => {
  clusterTest('has moved, that key alone is asked for again, of its new master', {}, async (bench) => {
    const { cluster, node, namespace } = bench;
    await fill(bench, KEYS);
    const slot = slotOf(keysOf(namespace).entry('k7'));
    const [from, to] = mastersOf(cluster, slot);
    await cluster.moveSlot(slot, from, to);
    const { get } = await commandsOf(bench, async () => {
      expect((await node.l2.read(namespace, KEYS)).map(text)).toEqual(KEYS);
    });
    // The entry that has moved is stamped by its old master, so that a script looks at it once more.
    expect(get).toBe(KEYS.length + 1);
    await cluster.moveSlot(slot, to, from);
  });

  clusterTest('is just moving, that key alone is asked for where it is', {}, async (bench) => {
    const { cluster, node, namespace } = bench;
    await fill(bench, KEYS);
    const slot = slotOf(keysOf(namespace).entry('k7'));
    const [from, to] = mastersOf(cluster, slot);
    await cluster.moveSlot(slot, from, to, {
      moved: async () => {
        const { get } = await commandsOf(bench, async () => {
          expect((await node.l2.read(namespace, KEYS)).map(text)).toEqual(KEYS);
        });
        expect(get).toBe(KEYS.length + 1);
      },
    });
    await cluster.moveSlot(slot, to, from);
  });
});

describe('keys that share a slot', () => {
  const colocate = (): string => 'all';

  clusterTest('are one command', { colocate }, async (bench) => {
    await fill(bench, KEYS);
    const commands = await commandsOf(bench, async () => {
      expect((await bench.node.l2.read(bench.namespace, KEYS)).map(text)).toEqual(KEYS);
    });
    expect(commands).toEqual({ get: 0, mget: 1 });
  });

  clusterTest(
    'are one command for each slot, whoever has it',
    { colocate: (_, key) => key.slice(-1) },
    async (bench) => {
      await fill(bench, KEYS);
      const commands = await commandsOf(bench, async () => {
        expect((await bench.node.l2.read(bench.namespace, KEYS)).map(text)).toEqual(KEYS);
      });
      expect(commands).toEqual({ get: 0, mget: 10 });
    },
  );

  clusterTest('are read while half of them have moved, and when all have', { colocate }, async (bench) => {
    const { cluster, node, namespace } = bench;
    await fill(bench, KEYS);
    const names = keysOf(namespace, colocate);
    const slot = slotOf(names.entry('k'));
    const [from, to] = mastersOf(cluster, slot);
    const readAll = async (): Promise<void> => {
      expect((await node.l2.read(namespace, [...KEYS, 'none'])).map(text)).toEqual([...KEYS, undefined]);
    };
    await cluster.moveSlot(slot, from, to, {
      begun: async () => {
        const half = KEYS.slice(0, 30).map(names.entry);
        await from.admin.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...half);
        await readAll();
      },
      moved: readAll,
    });
    await readAll();
    await cluster.moveSlot(slot, to, from);
  });
});

clusterTest("a script looks only at the key that another server's clock has stamped", {}, async (bench) => {
  const { cluster, node, namespace } = bench;
  await fill(bench, KEYS);
  const name = keysOf(namespace).entry('k7');
  const [{ admin }] = mastersOf(cluster, slotOf(name));
  const stored = (await admin.getBuffer(name)) as Buffer;
  for (const at of [12, 18, 24]) stored.writeUIntBE(stored.readUIntBE(at, 6) - 900_000, at, 6);
  stored.writeUInt32BE(4_711, 30);
  await admin.set(name, stored, 'KEEPTTL');
  const ran = async (): Promise<number> =>
    (await Promise.all(cluster.masters.map((master) => scriptsRun(master.admin)))).reduce((sum, each) => sum + each);
  const before = await ran();
  const reads = await node.l2.read(namespace, KEYS);
  expect(reads.map(text)).toEqual(KEYS);
  for (const read of reads) expect(read).toMatchObject({ keepMs: expect.closeTo(115_000, -4) });
  expect((await ran()) - before).toBe(1);
});

describe('of a batch with a key', () => {
  clusterTest('of another type, there is none of that name, and the others are read', {}, async (bench) => {
    const { cluster, node, namespace } = bench;
    await fill(bench, KEYS);
    const name = keysOf(namespace).entry('k7');
    const [{ admin }] = mastersOf(cluster, slotOf(name));
    await admin.del(name);
    await admin.rpush(name, 'a list');
    const expected = KEYS.map((key) => (key === 'k7' ? undefined : key));
    expect((await node.l2.read(namespace, KEYS)).map(text)).toEqual(expected);
  });

  clusterTest('that may not be read, nothing is answered', {}, async (bench) => {
    const { cluster, namespace } = bench;
    await fill(bench, [...KEYS, 'secret']);
    for (const { admin } of cluster.masters)
      await admin.call('ACL', 'SETUSER', 'reader', 'on', '>pass', '+@all', '&*', '~*:v:{k*', '~tw1:*:g:*');
    const { l2 } = await openNode({
      cluster: { nodes: cluster.addresses },
      redis: { username: 'reader', password: 'pass' },
      ...LIMITS,
    });
    expect((await l2.read(namespace, KEYS)).map(text)).toEqual(KEYS);
    const refused = l2.read(namespace, [...KEYS, 'secret']);
    await expect(refused).rejects.toBeInstanceOf(L2UnavailableError);
    await expect(refused).rejects.toThrow(/NOPERM|permission/);
  });

  clusterTest('on a master that does not answer, nothing is, in time', { commandTimeout: 200 }, async (bench) => {
    const { cluster, node, namespace } = bench;
    await fill(bench, KEYS);
    const [{ server }] = mastersOf(cluster, slotOf(keysOf(namespace).entry('k7')));
    const others = KEYS.filter((key) => mastersOf(cluster, slotOf(keysOf(namespace).entry(key)))[0].server !== server);
    // For less than it takes the others to miss it.
    server.freeze();
    try {
      const read = node.l2.read(namespace, KEYS);
      expect((await node.l2.read(namespace, others)).map(text)).toEqual(others);
      await expect(read).rejects.toBeInstanceOf(L2TimeoutError);
    } finally {
      server.thaw();
    }
  });
});

describe('a call', () => {
  /** Reads from one server that answers each key with the same bytes. */
  function readsFrom(bytes: Buffer | null) {
    const owner = {
      server: { stamper: 1, getEach: (keys: readonly string[]) => keys.map(() => Promise.resolve(bytes)) },
    };
    const send = vi.fn(async () => [null, -2]);
    const route = { nodes: { ownerOf: () => owner }, giveUpAt: () => 0, send };
    return { reads: new ClusterReads(route as unknown as ClusterRoute, slotOf, false), send };
  }

  test('gets its time anew for each hundred of keys, however many there are', async () => {
    const { reads } = readsFrom(null);
    let answers = 0;
    const answered = <R>(reply: Promise<R>): Promise<R> => {
      answers += 1;
      return reply;
    };
    const keys = Array.from({ length: 250 }, (_, i) => `${i}`);
    expect(await reads.read(keys, Object.assign(answered, { deadline: 0 }) as Answered)).toHaveLength(250);
    expect(answers).toBe(3);
  });

  test('that was given up takes no further step', async () => {
    const { reads, send } = readsFrom(Buffer.from('not ours'));
    const answered = <R>(reply: Promise<R>): Promise<R> => reply.then(() => Promise.reject(new Error('given up')));
    await expect(reads.read(['a', 'b'], Object.assign(answered, { deadline: 0 }) as Answered)).rejects.toThrow(
      'given up',
    );
    expect(send).not.toHaveBeenCalled();
  });
});
