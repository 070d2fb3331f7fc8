import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort, startRedisServer, type TestRedisServer } from './redis-server.js';

/** After so many milliseconds of silence a node counts as failing, and its replica takes over. */
const NODE_TIMEOUT_MS = 1_000;

const SLOTS = 16_384;

/** One server of a cluster, and a client to give it orders with. */
export interface TestClusterNode {
  readonly server: TestRedisServer;
  readonly port: number;
  readonly id: string;
  readonly admin: Redis;
}

/** A Redis Cluster of a test's own, on loopback ports. */
export interface TestRedisCluster {
  /** The masters of the beginning, each with an equal share of the slots. */
  readonly masters: readonly TestClusterNode[];
  /** The replicas of the beginning: one for each master, or none. */
  readonly replicas: readonly TestClusterNode[];
  readonly addresses: readonly { host: string; port: number }[];
  /** Starts one more server, a master without slots. */
  join(): Promise<TestClusterNode>;
  /** The slot of a name that has no braces. */
  slotOf(name: string): Promise<number>;
  /** The masters that run, with their slots from … to, or `undefined` while the nodes that run do not agree on them. */
  owners(): Promise<readonly SlotOwner[] | undefined>;
  /** Moves a slot with all its keys while others read and write, as `redis-cli --cluster reshard` does. */
  moveSlot(slot: number, from: TestClusterNode, to: TestClusterNode, hooks?: MoveHooks): Promise<void>;
  /** Resolves when all nodes that run agree that all slots are served. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

/** A master, and the slots that it has, as ranges from … to. */
interface SlotOwner {
  readonly node: TestClusterNode;
  readonly slots: readonly (readonly [first: number, last: number])[];
}

/** Steps of a move at which a test may do something. */
interface MoveHooks {
  /** The slot is on its way, no key has been moved yet. */
  readonly begun?: () => Promise<unknown>;
  /** All keys have been moved, the slot still belongs to its old owner. */
  readonly moved?: () => Promise<unknown>;
}

/** @returns `undefined` where no server program is on PATH: the test is to be skipped, visibly. */
export async function startRedisCluster(options: {
  readonly masters: number;
  readonly replicated?: boolean;
}): Promise<TestRedisCluster | undefined> {
  const count = options.masters * (options.replicated ? 2 : 1);
  const started = await Promise.all(Array.from({ length: count }, startNode));
  const nodes = started.filter((node) => node !== undefined);
  if (nodes.length < count) return undefined;
  const cluster = new Cluster(nodes.slice(0, options.masters), nodes.slice(options.masters));
  try {
    await cluster.form();
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

/** A port that was free a moment ago may be taken by now: then on others. */
async function startNode(): Promise<(TestClusterNode & { busPort: number }) | undefined> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startNodeOnce();
    } catch (error) {
      if (tries === MAX_TRIES) throw error;
    }
  }
}

const MAX_TRIES = 5;

async function startNodeOnce(): Promise<(TestClusterNode & { busPort: number }) | undefined> {
  const busPort = await freePort();
  const server = await startRedisServer(
    ...['--cluster-enabled', 'yes', '--cluster-port', `${busPort}`, '--cluster-node-timeout', `${NODE_TIMEOUT_MS}`],
    ...['--repl-diskless-sync-delay', '0', '--cluster-replica-validity-factor', '0'],
    // A master without slots stays one.
    ...['--cluster-allow-replica-migration', 'no'],
  );
  if (server === undefined) return undefined;
  const admin = new Redis(server.url, { retryStrategy: () => 50 });
  admin.on('error', () => {});
  return { server, port: server.port, busPort, admin, id: String(await admin.cluster('MYID')) };
}

type Node = TestClusterNode & { readonly busPort: number };

class Cluster implements TestRedisCluster {
  readonly masters: readonly Node[];
  readonly replicas: readonly Node[];
  readonly #nodes: Node[];

  constructor(masters: readonly Node[], replicas: readonly Node[]) {
    this.masters = masters;
    this.replicas = replicas;
    this.#nodes = [...masters, ...replicas];
  }

  get addresses(): { host: string; port: number }[] {
    return this.#nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
  }

  async form(): Promise<void> {
    const share = Math.ceil(SLOTS / this.masters.length);
    for (const [i, { admin }] of this.masters.entries()) {
      await admin.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
      await admin.call('CLUSTER', 'ADDSLOTSRANGE', i * share, Math.min(SLOTS, (i + 1) * share) - 1);
    }
    await this.#meet(this.#nodes.slice(1));
    for (const [i, { admin }] of this.replicas.entries()) {
      await admin.call('CLUSTER', 'REPLICATE', (this.masters[i] as Node).id);
    }
    await this.settled();
    await poll('replicas follow', async () => {
      const infos = await Promise.all(this.replicas.map(({ admin }) => admin.info('replication')));
      return infos.every((info) => info.includes('master_link_status:up'));
    });
  }

  async join(): Promise<TestClusterNode> {
    const node = await startNode();
    if (node === undefined) throw new Error('there is no server program any more');
    this.#nodes.push(node);
    await this.#meet([node]);
    await this.settled();
    return node;
  }

  async slotOf(name: string): Promise<number> {
    const [first] = this.#running;
    if (first === undefined) throw new Error('no node runs');
    return Number(await first.admin.call('CLUSTER', 'KEYSLOT', name));
  }

  async owners(): Promise<readonly SlotOwner[] | undefined> {
    const lists = await Promise.all(
      this.#running.map(({ admin }) => admin.call('CLUSTER', 'SLOTS').then(ownersIn, () => undefined)),
    );
    const [owners] = lists;
    if (owners === undefined || lists.some((other) => JSON.stringify(other) !== JSON.stringify(owners)))
      return undefined;
    const found = this.#nodes.map((node) => ({ node, slots: owners[node.id] ?? [] }));
    return found.filter(({ slots }) => slots.length > 0);
  }

  async moveSlot(slot: number, from: TestClusterNode, to: TestClusterNode, hooks: MoveHooks = {}): Promise<void> {
    await to.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
    await from.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
    await hooks.begun?.();
    for (;;) {
      const keys = (await from.admin.callBuffer('CLUSTER', 'GETKEYSINSLOT', slot, 10)) as Buffer[];
      if (keys.length === 0) break;
      await from.admin.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...keys);
    }
    await hooks.moved?.();
    for (const { admin } of [to, from]) await admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
  }

  async settled(): Promise<void> {
    await poll('the cluster is whole', async () => {
      const infos = await Promise.all(
        this.#running.map(({ admin }) => admin.call('CLUSTER', 'INFO').then(String, () => '')),
      );
      return infos.every((info) => info.includes('cluster_state:ok') && info.includes('cluster_slots_ok:16384'));
    });
  }

  get #running(): readonly Node[] {
    return this.#nodes.filter(({ admin }) => admin.status === 'ready');
  }

  async stop(): Promise<void> {
    for (const { admin } of this.#nodes) admin.disconnect();
    await Promise.all(this.#nodes.map(({ server }) => server.stop()));
  }

  /** Makes nodes known to all others. */
  async #meet(nodes: readonly Node[]): Promise<void> {
    const [first] = this.#nodes as [Node, ...Node[]];
    for (const { port, busPort } of nodes) await first.admin.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort);
    await poll('everybody knows everybody', async () => {
      const lists = await Promise.all(this.#nodes.map(({ admin }) => admin.call('CLUSTER', 'NODES').then(String)));
      const met = (list: string): boolean =>
        this.#nodes.every(({ id }) => list.includes(id)) && !/handshake/.test(list);
      return lists.every(met);
    });
  }
}

/** Of a reply to `CLUSTER SLOTS`: the slots of each master, by its id. */
function ownersIn(reply: unknown): Readonly<Record<string, [number, number][]>> {
  const owners: Record<string, [number, number][]> = {};
  for (const [first, last, [, , id]] of reply as [number, number, [string, number, string]][]) {
    owners[id] = [...(owners[id] ?? []), [first, last]];
  }
  return Object.fromEntries(Object.entries(owners).sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function poll(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const start = performance.now(); !(await isSo()); await delay(20)) {
    if (performance.now() - start > 20_000) throw new Error(`waited 20 s in vain: ${what}`);
  }
}
