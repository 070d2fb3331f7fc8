import { PoolClosedError, PoolConnectError } from '../errors.js';
import type { PoolListener } from '../events.js';
import { type PoolLimits, type ResolvedLimits, resolveLimits } from '../options.js';
import type { AcquireOptions, ConnectionPool } from '../pool.js';
import type { PoolStats } from '../pool-stats.js';
import { type PooledClientOptions, pooledClientOptions, type RedisConnection } from './client.js';
import { exclusivePool, lend } from './exclusive.js';
import { keySlot } from './key-slot.js';
import { sharedConnections } from './shared.js';
import { wholeNumber } from './whole-number.js';

/** What the pool needs of a client to one server of a Cluster: `Redis` of ioredis has it. */
export interface RedisNodeConnection extends RedisConnection {
  duplicate(override?: object): RedisNodeConnection;
}

/** What the pool needs of a client to a Cluster: `Cluster` of ioredis has it. */
export interface RedisClusterConnection extends RedisConnection {
  readonly options: { readonly keyPrefix?: string | Buffer | undefined };
  /** Per slot, the servers that have it as `host:port`, the master first. */
  readonly slots: readonly (readonly string[] | undefined)[];
  nodes(role: 'master'): RedisNodeConnection[];
  refreshSlotsCache(callback?: () => void): void;
}

/** The clients to single servers that a client to a Cluster has. */
export type NodeOf<C extends RedisClusterConnection> = ReturnType<C['nodes']>[number];

/** Options that the pooled clients of a Cluster must be made with. */
export interface PooledClusterOptions {
  readonly lazyConnect: true;
  readonly enableOfflineQueue: false;
  readonly clusterRetryStrategy: () => null;
  readonly redisOptions: PooledClientOptions;
}

/** Options of {@link redisClusterPool}. Sizes and times are those of the exclusive connections to each master; `name` is `redis` by default. */
export interface RedisClusterPoolOptions<C> extends PoolLimits {
  /**
   * Makes a client of ioredis, with these options among its own:
   *
   * ```ts
   * client: (options) => new Cluster(nodes, { ...options, redisOptions: { ...options.redisOptions, password } })
   * ```
   */
  readonly client: (options: PooledClusterOptions) => C;
  /** How many shared clients there may be, each with a connection to each server, 1 to 1,000. One is enough for most loads. Default: 1. */
  readonly shared?: number | undefined;
  /** How long a shared connection may owe an answer before it counts as dead, in milliseconds. Default: 10,000. */
  readonly silence?: number | undefined;
}

/** How a pool of a Cluster is. */
export interface RedisClusterPoolStats {
  /** The shared clients. `calls`: how many are under way on them. */
  readonly shared: PoolStats & { readonly calls: number };
  /** The exclusive connections, by master as `host:port`. */
  readonly exclusive: Readonly<Record<string, PoolStats>>;
}

/** A pool of connections to a Redis Cluster. */
export interface RedisClusterPool<C extends RedisClusterConnection> {
  /** As that of a {@link RedisPool}; each command goes to the server of its key. */
  shared<R>(fn: (client: C) => R | Promise<R>): Promise<R>;
  /**
   * Runs `fn` on a connection of its own to the master that has a key: for WATCH and MULTI on keys of one slot, blocking commands, and subscriptions
   * (`SSUBSCRIBE` belongs to the slot of its channel, plain ones may be on any server). Otherwise as that of a {@link RedisPool}.
   *
   * If the slot moves, Redis answers `MOVED` or `ASK` and the call rejects: nothing is done twice. After a `MOVED` the next call finds the new master.
   *
   * @param key - any key of the slot, without the client's `keyPrefix`.
   */
  exclusive<R>(key: string, fn: (client: NodeOf<C>) => R | Promise<R>, options?: AcquireOptions): Promise<R>;
  /** Ends everything, see {@link RedisPool.close}. */
  close(options?: { readonly deadline?: number | undefined }): Promise<void>;
  stats(): RedisClusterPoolStats;
  /** Hears of all connections; the pool `<name>.shared` is the shared ones', and `<name>.<host>:<port>` that of the exclusive ones to a master. */
  on(listener: PoolListener): () => void;
}

/** A pool for the Cluster of ioredis. Connects when something is asked. Throws a {@link PoolOptionError}. */
export function redisClusterPool<C extends RedisClusterConnection>({
  client: newClient,
  shared = 1,
  silence = 10_000,
  ...given
}: RedisClusterPoolOptions<C>): RedisClusterPool<C> {
  const limits = resolveLimits({ ...given, name: given.name ?? 'redis' });
  wholeNumber(limits.name, 'shared', shared, 1_000);
  wholeNumber(limits.name, 'silence', silence, 86_400_000);
  const redisOptions = { ...pooledClientOptions(limits), socketTimeout: silence };
  const options: PooledClusterOptions = {
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: () => null,
    redisOptions,
  };
  const { lanes, pool } = sharedConnections(limits, shared, () => newClient(options));
  const masters = new Masters<NodeOf<C>>(limits);
  let isClosed = false;

  return {
    shared: (fn) => lanes.use(fn),
    exclusive: async (key, fn, own = {}) => {
      own.signal?.throwIfAborted();
      if (isClosed) throw new PoolClosedError(limits.name, 'is closed');
      // Over which all the others are found, too.
      const cluster = await lanes.use((client) => client);
      const master = masters.of(cluster, key);
      try {
        return await lend(master, fn, own);
      } catch (error) {
        if (error instanceof Error && error.message.startsWith('MOVED ')) cluster.refreshSlotsCache();
        throw error;
      }
    },
    close: async (own) => {
      isClosed = true;
      await masters.close(own);
      lanes.close();
      await pool.close({ deadline: 0 });
    },
    stats: () => ({ shared: { ...pool.stats(), calls: lanes.calls }, exclusive: masters.stats() }),
    on: (listener) => {
      const offs = [masters.on(listener), pool.on(listener)];
      return () => {
        for (const off of offs) off();
      };
    },
  };
}

/** The exclusive connections, a pool for each master that was asked for. */
class Masters<N extends RedisNodeConnection> {
  readonly #limits: ResolvedLimits;
  readonly #pools = new Map<string, ConnectionPool<N>>();
  readonly #listeners = new Set<PoolListener>();

  constructor(limits: ResolvedLimits) {
    this.#limits = limits;
  }

  /** The pool of the master that has a key. */
  of(cluster: RedisClusterConnection, key: string): ConnectionPool<N> {
    const slot = keySlot(String(cluster.options.keyPrefix ?? '') + key);
    const address = cluster.slots[slot]?.[0];
    // Which one does not matter: they differ in where they lead to. And a node whose connection has just broken is not among them.
    const [node] = cluster.nodes('master');
    if (address === undefined || node === undefined) {
      cluster.refreshSlotsCache();
      throw new PoolConnectError(this.#limits.name, new Error(`slot ${slot} has no known master`));
    }
    return this.#pools.get(address) ?? this.#add(address, cluster, node);
  }

  #add(address: string, cluster: RedisClusterConnection, node: RedisNodeConnection): ConnectionPool<N> {
    this.#forgetOthers(new Set(cluster.slots.map((servers) => servers?.[0])));
    const colon = address.lastIndexOf(':');
    const options = {
      ...pooledClientOptions(this.#limits),
      keyPrefix: cluster.options.keyPrefix ?? '',
      host: address.slice(0, colon),
      port: Number(address.slice(colon + 1)),
    };
    const name = `${this.#limits.name}.${address}`;
    const pool = exclusivePool({ ...this.#limits, name }, () => node.duplicate(options) as N);
    for (const listener of this.#listeners) pool.on(listener);
    this.#pools.set(address, pool);
    return pool;
  }

  stats(): Record<string, PoolStats> {
    return Object.fromEntries([...this.#pools].map(([address, pool]) => [address, pool.stats()]));
  }

  on(listener: PoolListener): () => void {
    this.#listeners.add(listener);
    const offs = [...this.#pools.values()].map((pool) => pool.on(listener));
    return () => {
      this.#listeners.delete(listener);
      for (const off of offs) off();
    };
  }

  async close(options: { readonly deadline?: number | undefined } | undefined): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.close(options)));
  }

  /** Who is no master any more gets no new borrowers; those who have a connection keep it until they are done, or `drainTimeout` is over. */
  #forgetOthers(masters: ReadonlySet<string | undefined>): void {
    for (const [address, pool] of this.#pools) {
      if (masters.has(address)) continue;
      this.#pools.delete(address);
      void pool.close();
    }
  }
}
