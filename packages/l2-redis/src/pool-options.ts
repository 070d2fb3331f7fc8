import type { Redis, RedisOptions } from 'ioredis';
import { invalid } from './invalid.js';

/**
 * What {@link RedisL2Options.pool} needs of a pool of connections to one Redis, or to the master that Sentinels name. The one that
 * `redisPool` of `@tierwise/pools/redis` makes fits; this is no more than its shape, so neither package needs the other.
 */
export interface RedisL2Pool {
  /** The connections that are shared, or the places for them. Commands go over these. */
  readonly lanes: readonly RedisL2Lane[];
  /** With which options its clients are made. */
  clientOptions(kind: 'shared' | 'exclusive'): RedisOptions;
  /**
   * Lends a connection to `fn` alone, until what it returns has settled. The feed is on such a one, and another one with `tracking`, for as
   * long as the L2 is open.
   */
  exclusive<R>(fn: (client: Redis) => Promise<R>, options: { readonly signal: AbortSignal }): Promise<R>;
}

/** One of the shared connections, or the place for one. */
export interface RedisL2Lane {
  /** How many calls are under way on it, whoever's they are. */
  readonly calls: number;
  /**
   * Its connection, made if there is none, and the same for everybody as long as it lives. It must not heal by itself: when it breaks, what is under
   * way on it is rejected, it says `close`, and this gives another one.
   */
  connection(): Promise<Redis>;
  /** Counts a call until it is answered. */
  count(answer: Promise<unknown>): void;
}

/** Checks `pool`. */
export function checkPool(pool: RedisL2Pool, tracking: boolean | undefined): void {
  const isFunction = (name: keyof RedisL2Pool): boolean => typeof pool?.[name] === 'function';
  if (
    !(Array.isArray(pool?.lanes) && pool.lanes.length > 0 && isFunction('exclusive') && isFunction('clientOptions'))
  ) {
    throw invalid('pool must be one of redisPool() of @tierwise/pools/redis, or have what that has');
  }
  if ('clusterRetryStrategy' in pool.clientOptions('shared')) {
    throw invalid(
      'pool must be of one Redis: for a Cluster use the option cluster, by which each master has its own connection',
    );
  }
  if (tracking && (pool.clientOptions('exclusive') as { protocol?: unknown }).protocol !== 2) {
    throw invalid('tracking needs exclusive connections of RESP2: make the clients of the pool with { protocol: 2 }');
  }
}
