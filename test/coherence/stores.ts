import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Fault, FaultProxy, type Where } from '../support/fault-proxy.js';
import { startRedisCluster, type TestRedisCluster } from '../support/redis-cluster.js';
import { startSentinels } from '../support/redis-sentinel.js';
import { startRedisServer, type TestRedisServer } from '../support/redis-server.js';
import { pickKey } from './keys.js';
import { operate, type Steps } from './migration.js';
import type { Random } from './random.js';
import { type L2Place, type MigrationPlace, NAMESPACE } from './subject.js';

/** The second tier of a run, and what stands between it and each node. */
export interface Store {
  /** What the nodes are told. One place for each, so that each has its own connections to suffer. */
  readonly places: readonly L2Place[];
  /** By node; none where nothing can be put in between. */
  readonly networks: readonly Network[];
  /** To be frozen and killed; none where there are none. */
  readonly servers: readonly TestRedisServer[];
  /**
   * Has a slot with keys of ours go to another master, where there are slots. `meanwhile` is waited for twice on its way: when it has
   * begun, and when all keys have been moved. @returns whether it was moved: not in the middle of a failover.
   */
  readonly moveSlot?: (random: Random, meanwhile: () => Promise<void>) => Promise<boolean>;
  /** Where the store is on its way to another one, moves it there and back until `ended`, then for good. @returns what was done. */
  readonly operate?: (random: Random, ended: Promise<void>) => Promise<Steps>;
  stop(): Promise<void>;
}

export const STORES: Readonly<Record<string, (nodes: number, random: Random) => Promise<Store>>> = {
  redis: standalone,
  'redis-tracking': tracked,
  'redis-pool': pooled,
  cluster,
  sentinel,
  embedded,
  'embedded-to-redis': embeddedToRedis,
  'redis-to-cluster': redisToCluster,
};

/** What the network takes anyway, in milliseconds, each chunk for itself. */
const LONGEST_TRIP_MS = 3;

/** Connections by what they are for. */
export const FEED = 'feed';
export const COMMANDS = 'commands';

/** A subscriber gives itself away by its first command after the handshake. */
function labelOf(chunk: Buffer): string | undefined {
  const text = chunk.toString('latin1');
  if (/\b[PS]?SUBSCRIBE\r\n/i.test(text)) return FEED;
  return /\b(?:EVAL(?:SHA)?|M?GET|SET|DEL|UNLINK|PUBLISH|TIME)\r\n/i.test(text) ? COMMANDS : undefined;
}

/** What one node's connections to all servers pass through. */
export class Network {
  readonly #proxies: ReadonlyMap<number, FaultProxy>;

  private constructor(proxies: ReadonlyMap<number, FaultProxy>) {
    this.#proxies = proxies;
  }

  static async to(servers: readonly TestRedisServer[], random: Random): Promise<Network> {
    const started = servers.map(async ({ port }) => [port, await FaultProxy.start({ port, labelOf })] as const);
    const network = new Network(new Map(await Promise.all(started)));
    network.inject({ kind: 'delay', ms: () => random.between(0, LONGEST_TRIP_MS) });
    return network;
  }

  /** The port by which this node reaches a server. */
  portTo(server: TestRedisServer): number {
    return this.#proxies.get(server.port)?.port ?? 0;
  }

  /** The same for all servers, by the addresses that they know each other by. */
  get natMap(): Record<string, { host: string; port: number }> {
    return Object.fromEntries(
      [...this.#proxies].map(([port, proxy]) => [`127.0.0.1:${port}`, { host: '127.0.0.1', port: proxy.port }]),
    );
  }

  inject(fault: Fault, where?: Where): () => void {
    const ends = [...this.#proxies.values()].map((proxy) => proxy.inject(fault, where));
    return () => {
      for (const end of ends) end();
    };
  }

  /** Cuts all connections and has new ones refused. @returns how to end that. */
  refuse(): () => Promise<void> {
    const ends = [...this.#proxies.values()].map((proxy) => proxy.refuse());
    return async () => {
      await Promise.all(ends.map((end) => end()));
    };
  }

  cut(label?: string): void {
    for (const proxy of this.#proxies.values()) proxy.cut(label);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.stop()));
  }
}

async function networked(
  nodes: number,
  random: Random,
  servers: readonly TestRedisServer[],
  placeOf: (network: Network) => L2Place,
  stop: () => Promise<unknown>,
): Promise<Store> {
  const networks = await Promise.all(Array.from({ length: nodes }, () => Network.to(servers, random)));
  return {
    places: networks.map(placeOf),
    networks,
    servers,
    stop: async () => {
      await Promise.all(networks.map((network) => network.stop()));
      await stop();
    },
  };
}

async function standalone(nodes: number, random: Random): Promise<Store> {
  const server = started(await startRedisServer());
  const placeOf = (network: Network): L2Place => ({ kind: 'redis', port: network.portTo(server) });
  return networked(nodes, random, [server], placeOf, () => server.stop());
}

/** One that tells of every change of an entry, whoever made it. */
async function tracked(nodes: number, random: Random): Promise<Store> {
  const store = await standalone(nodes, random);
  return { ...store, places: store.places.map((place) => ({ ...place, tracking: true }) as L2Place) };
}

/** Over three shared connections of a pool. */
async function pooled(nodes: number, random: Random): Promise<Store> {
  const store = await standalone(nodes, random);
  return { ...store, places: store.places.map((place) => ({ ...place, pooled: 3 }) as L2Place) };
}

/** Three masters, each with a replica. */
async function cluster(nodes: number, random: Random): Promise<Store> {
  const found = started(await startRedisCluster({ masters: 3, replicated: true }));
  const servers = [...found.masters, ...found.replicas].map(({ server }) => server);
  const placeOf = ({ natMap }: Network): L2Place => ({ kind: 'cluster', nodes: Object.values(natMap), natMap });
  return { ...(await networked(nodes, random, servers, placeOf, () => found.stop())), moveSlot: moving(found) };
}

/** How often a slot that moves is the one of the bookkeeping. */
const BOOKKEEPING_SHARE = 0.25;

function moving(cluster: TestRedisCluster): NonNullable<Store['moveSlot']> {
  return async (random, meanwhile) => {
    const slot = await cluster.slotOf(random.chance(BOOKKEEPING_SHARE) ? `.${NAMESPACE}` : pickKey(random));
    const masters = await cluster.owners();
    const from = masters?.find(({ slots }) => slots.some(([first, last]) => first <= slot && slot <= last))?.node;
    const others = masters?.filter(({ node }) => node !== from);
    if (from === undefined || others === undefined || others.length === 0) return false;
    await cluster.moveSlot(slot, from, random.pick(others).node, { begun: meanwhile, moved: meanwhile });
    return true;
  };
}

/** A master, a replica, and the three who watch over them. Nobody disturbs the watch: it is not what is tested. */
async function sentinel(nodes: number, random: Random): Promise<Store> {
  const found = started(await startSentinels({ sentinels: 3 }));
  const { addresses: sentinels, name } = found;
  const placeOf = ({ natMap }: Network): L2Place => ({ kind: 'sentinel', sentinels, name, natMap });
  return networked(nodes, random, [found.master, found.replica], placeOf, () => found.stop());
}

function started<T>(found: T | undefined): T {
  if (found === undefined) throw new Error('there is no redis-server on PATH: see CONTRIBUTING.md');
  return found;
}

async function embedded(nodes: number): Promise<Store> {
  const dir = await mkdtemp(join(tmpdir(), 'tierwise-coherence-'));
  return {
    places: Array.from({ length: nodes }, () => ({ kind: 'embedded', dir })),
    networks: [],
    servers: [],
    stop: () => rm(dir, { recursive: true, force: true }),
  };
}

/** Each node has its own ways to both; who operates has better ones. */
function migrating(store: Omit<Store, 'places'>, places: readonly MigrationPlace[], own: MigrationPlace): Store {
  return { ...store, places, operate: (random, ended) => operate(own, random, ended) };
}

async function embeddedToRedis(nodes: number, random: Random): Promise<Store> {
  const [old, young] = await Promise.all([embedded(nodes), startRedisServer()]);
  const server = started(young);
  const from = old.places[0] as L2Place;
  const placeOf = (network: Network): MigrationPlace => ({
    kind: 'migration',
    from,
    to: { kind: 'redis', port: network.portTo(server) },
  });
  const stop = () => Promise.all([old.stop(), server.stop()]);
  const store = await networked(nodes, random, [server], placeOf, stop);
  return migrating(store, store.networks.map(placeOf), {
    kind: 'migration',
    from,
    to: { kind: 'redis', port: server.port },
  });
}

/** Three masters without replicas: what they lose is lost. */
async function redisToCluster(nodes: number, random: Random): Promise<Store> {
  const [old, young] = await Promise.all([startRedisServer(), startRedisCluster({ masters: 3 })]);
  const [server, cluster] = [started(old), started(young)];
  const masters = cluster.masters.map((master) => master.server);
  const placeOf = (network: Network): MigrationPlace => {
    const { natMap } = network;
    const places = masters.map((master) => ({ host: '127.0.0.1', port: network.portTo(master) }));
    return {
      kind: 'migration',
      from: { kind: 'redis', port: network.portTo(server) },
      to: { kind: 'cluster', nodes: places, natMap },
    };
  };
  const stop = () => Promise.all([server.stop(), cluster.stop()]);
  const store = await networked(nodes, random, [server, ...masters], placeOf, stop);
  return migrating({ ...store, moveSlot: moving(cluster) }, store.networks.map(placeOf), {
    kind: 'migration',
    from: { kind: 'redis', port: server.port },
    to: { kind: 'cluster', nodes: cluster.addresses, natMap: {} },
  });
}
