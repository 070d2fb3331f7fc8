import type { PoolListener } from '../events.js';
import { type PoolLimits, resolveLimits } from '../options.js';
import type { AcquireOptions } from '../pool.js';
import type { PoolStats } from '../pool-stats.js';
import { type PooledClientOptions, pooledClientOptions, type RedisConnection } from './client.js';
import { exclusivePool, lend } from './exclusive.js';
import { type RedisLane, sharedConnections } from './shared.js';
import { wholeNumber } from './whole-number.js';

/** Options of {@link redisPool}. Sizes and times are those of the exclusive connections; `name` is `redis` by default. */
export interface RedisPoolOptions<C extends RedisConnection> extends PoolLimits {
  /**
   * Makes a client of ioredis, with these options among its own: `(options) => new Redis({ ...options, host })`, with `sentinels` and `name` for
   * Sentinel. For Cluster, see {@link redisClusterPool}. `kind` says what the client is for.
   */
  readonly client: (options: PooledClientOptions, kind: 'shared' | 'exclusive') => C;
  /**
   * How many shared connections there may be, 1 to 1,000. One is enough where values are small: `bench/src/redis-pool.ts` found no gain on loopback by
   * more. Two to four pay where large answers (hundreds of KiB) would hold small ones up. Redis keeps no order between them. Default: 1.
   */
  readonly shared?: number | undefined;
  /** How long a shared connection may owe an answer before it counts as dead, in milliseconds. Default: 10,000. */
  readonly silence?: number | undefined;
}

/** How a Redis pool is. */
export interface RedisPoolStats {
  /** The shared connections: what is `borrowed` is in use by everybody. `calls`: how many are under way on them. */
  readonly shared: PoolStats & { readonly calls: number };
  readonly exclusive: PoolStats;
}

/** A pool of connections to Redis or Valkey. */
export interface RedisPool<C extends RedisConnection> {
  /**
   * Runs `fn` on the shared connection with the fewest calls under way: for everything that does not change the state of a connection and does not block.
   *
   * Rejects with what `fn` rejects with; with a {@link PoolConnectError} or {@link PoolTimeoutError} if there is no connection.
   */
  shared<R>(fn: (client: C) => R | Promise<R>): Promise<R>;
  /**
   * Runs `fn` on a connection of its own: for WATCH and MULTI, blocking commands and subscriptions. It is lent again only if it is as it was: nobody
   * subscribed, no transaction open. If `fn` rejects, it is ended.
   *
   * @param options - `signal` ends what `fn` waits for, too, by ending the connection.
   */
  exclusive<R>(fn: (client: C) => R | Promise<R>, options?: AcquireOptions): Promise<R>;
  /** Makes exclusive connections until there are `min`. */
  warmUp(): Promise<void>;
  /** Ends everything; exclusive connections may be given back until `deadline` (milliseconds, default `drainTimeout`), and shared calls go on until then. */
  close(options?: { readonly deadline?: number | undefined }): Promise<void>;
  /**
   * The shared connections one by one, for whoever has to know which of them a call takes. Most callers want {@link RedisPool.shared}.
   */
  readonly lanes: readonly RedisLane<C>[];
  /** With which options its clients are made, defaults of ioredis included: read off one that is never connected. */
  clientOptions(kind: 'shared' | 'exclusive'): C['options'];
  stats(): RedisPoolStats;
  /** Hears of both kinds; the pool `<name>.shared` is the shared ones'. */
  on(listener: PoolListener): () => void;
}

/** A pool for ioredis. Connects when something is asked. Throws a {@link PoolOptionError}. */
export function redisPool<C extends RedisConnection>({
  client: newClient,
  shared = 1,
  silence = 10_000,
  ...given
}: RedisPoolOptions<C>): RedisPool<C> {
  const limits = resolveLimits({ ...given, name: given.name ?? 'redis' });
  wholeNumber(limits.name, 'shared', shared, 1_000);
  wholeNumber(limits.name, 'silence', silence, 86_400_000);
  const options = pooledClientOptions(limits);
  const exclusive = exclusivePool(limits, () => newClient(options, 'exclusive'));
  const sharedOptions = { ...options, socketTimeout: silence };
  const { lanes, pool } = sharedConnections(limits, shared, () => newClient(sharedOptions, 'shared'));

  return {
    lanes: lanes.all,
    clientOptions: (kind) => newClient(options, kind).options,
    shared: (fn) => lanes.use(fn),
    exclusive: (fn, own = {}) => lend(exclusive, fn, own),
    warmUp: () => exclusive.warmUp(),
    close: async (own) => {
      await exclusive.close(own);
      lanes.close();
      await pool.close({ deadline: 0 });
    },
    stats: () => ({ shared: { ...pool.stats(), calls: lanes.calls }, exclusive: exclusive.stats() }),
    on: (listener) => {
      const offs = [exclusive.on(listener), pool.on(listener)];
      return () => {
        for (const off of offs) off();
      };
    },
  };
}
