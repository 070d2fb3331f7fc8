import type { Cluster, Redis, RedisOptions } from 'ioredis';
import { invalid } from './invalid.js';
import type { Colocate } from './keys.js';
import {
  type ClusterSettings,
  checkSentinel,
  clusterSettings,
  placeOf,
  type RedisClusterOptions,
  type RedisSentinelOptions,
  type ReissueOptions,
  type WaitReplicasOptions,
} from './place-options.js';
import { checkPool, type RedisL2Pool } from './pool-options.js';
import type { RecentBounds } from './recent.js';

export type { ClusterSettings } from './place-options.js';

/** What `redisL2` sets itself, because ioredis' defaults would let calls hang, or repeat writes long after they were given up. */
const OWN_SETTINGS = [
  'autoResendUnfulfilledCommands',
  'autoResubscribe',
  'commandTimeout',
  'connectTimeout',
  'disconnectTimeout',
  'enableAutoPipelining',
  'enableOfflineQueue',
  'enableReadyCheck',
  'lazyConnect',
  'maxRetriesPerRequest',
  'monitor',
  'readOnly',
  'reconnectOnError',
  'replyMapping',
  'retryStrategy',
  'socketTimeout',
] as const;

/** Options of ioredis that are passed through: host, port, path, tls, username, password, db, keyPrefix … */
export type RedisConnectionOptions = Omit<RedisOptions, (typeof OWN_SETTINGS)[number]>;

/**
 * Options of {@link redisL2}. One of `url`, `redis`, `sentinel`, `cluster`, `client` and `pool` says where Redis is; `redis` goes
 * together with any but `client` and `pool`.
 */
export interface RedisL2Options {
  /** `redis://user:password@host:port/db`, or `rediss://…` for TLS. */
  readonly url?: string | undefined;
  /** Options of ioredis, such as `host`, `tls`, `username`, `keyPrefix`. What the URL says goes before them. */
  readonly redis?: RedisConnectionOptions | undefined;
  /**
   * An ioredis client of your own. It is used as it is and never closed; its `keyPrefix` is respected. The feed needs a
   * connection to itself and gets a duplicate, which is closed with the L2. Of a `Cluster` only its settings are used: where it
   * is, and how to connect to its servers.
   */
  readonly client?: Redis | Cluster | undefined;
  /**
   * A pool of connections, `redisPool` of `@tierwise/pools/redis`, to one Redis or to the master that Sentinels name. It is never closed by this;
   * close it after the L2. Commands go over its shared connections, each over the one with the least under way, and the feed over an
   * exclusive one (`tracking` takes another, and wants them made with `protocol: 2`). Not for Cluster: see `cluster`, which has a connection to each master.
   */
  readonly pool?: RedisL2Pool | undefined;
  /** The master that Sentinels name. User, password, TLS and `keyPrefix` of the master stand in `redis`. */
  readonly sentinel?: RedisSentinelOptions | undefined;
  /** A Redis Cluster. User, password, TLS and `keyPrefix` of all its servers stand in `redis`. */
  readonly cluster?: RedisClusterOptions | undefined;
  /** What this node does again when another server takes over, since that one may have missed it. `false` for nothing. */
  readonly reissue?: ReissueOptions | false | undefined;
  /**
   * Has each write and invalidation wait until so many replicas have it (`WAIT`), and rejects it otherwise. The
   * connection is blocked meanwhile, also for reads. Default: none.
   */
  readonly waitReplicas?: WaitReplicasOptions | undefined;
  /**
   * How long Redis may take to answer a command, in milliseconds. A call that takes several commands gets the time anew with
   * each answer. Default: 1,000.
   */
  readonly commandTimeout?: number | undefined;
  /** How long `open` waits for Redis, and how long one attempt to connect may take, in milliseconds. Default: 2,000. */
  readonly connectTimeout?: number | undefined;
  /** The pause before the first attempt to reconnect, in milliseconds; it doubles with each one. Default: 50. */
  readonly minReconnectDelay?: number | undefined;
  /** The longest pause between two attempts to reconnect, in milliseconds. Default: 2,000. */
  readonly maxReconnectDelay?: number | undefined;
  /**
   * How often the feed's connection is asked whether it is alive, in milliseconds. A silent death is found out after this and
   * a `commandTimeout` at the latest. Default: 2,000.
   */
  readonly heartbeatInterval?: number | undefined;
  /**
   * Whether Redis tells this node of every change of an entry, whoever made it: `DEL` or `SET` by another program, expiry, eviction,
   * `FLUSHALL`. Takes a third connection, and one look at the version of each entry that this node writes. `open` rejects
   * where Redis cannot do it (`CLIENT TRACKING`). Default: `false`.
   */
  readonly tracking?: boolean | undefined;
  /**
   * Names the group of a key, and keys of one group share a slot of a Cluster: what a transaction there needs. `undefined` for keys
   * that are in none. It must answer the same for a key at any time and on all nodes, since the answer is part of the key's name in
   * Redis: change it, and what is stored is not found any more. Groups of different namespaces that are called alike share a slot, too.
   * Keep groups small: a slot is on one server. Without a Cluster it changes names only. Default: each key for itself.
   */
  readonly colocate?: ((namespace: string, key: string) => string | undefined) | undefined;
  /** This node's monotonic clock, in milliseconds. For tests. Default: `performance.now`. */
  readonly now?: (() => number) | undefined;
}

/** {@link RedisL2Options}, checked and complete. */
export interface Settings {
  readonly url: string | undefined;
  readonly redis: RedisConnectionOptions;
  readonly client: Redis | undefined;
  readonly pool: RedisL2Pool | undefined;
  readonly sentinel: RedisSentinelOptions | undefined;
  readonly cluster: ClusterSettings | undefined;
  readonly reissue: RecentBounds;
  readonly waitReplicas: WaitReplicasOptions | undefined;
  readonly commandTimeout: number;
  readonly connectTimeout: number;
  readonly minReconnectDelay: number;
  readonly maxReconnectDelay: number;
  readonly heartbeatInterval: number;
  readonly tracking: boolean;
  readonly colocate: Colocate | undefined;
  readonly now: () => number;
}

/** The longest delay that a timer of Node can do. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const KNOWN: ReadonlySet<string> = new Set<keyof RedisL2Options>([
  'url',
  'redis',
  'client',
  'pool',
  'sentinel',
  'cluster',
  'reissue',
  'waitReplicas',
  'commandTimeout',
  'connectTimeout',
  'minReconnectDelay',
  'maxReconnectDelay',
  'heartbeatInterval',
  'tracking',
  'colocate',
  'now',
]);

/** Checks options and fills in defaults. @throws {@link L2InvalidError} */
export function settingsOf(options: RedisL2Options): Settings {
  if (typeof options !== 'object' || options === null) {
    throw invalid("options must be an object, such as { url: 'redis://localhost:6379' }");
  }
  for (const name of Object.keys(options)) if (!KNOWN.has(name)) throw invalid(`there is no option ${name}`);
  checkWhere(options);
  const minReconnectDelay = milliseconds('minReconnectDelay', options.minReconnectDelay, 50);
  return {
    url: options.url,
    ...placeIn(options),
    pool: options.pool,
    sentinel: options.sentinel,
    reissue: boundsOf(options.reissue),
    waitReplicas: options.waitReplicas && waitOf(options.waitReplicas),
    commandTimeout: milliseconds('commandTimeout', options.commandTimeout, 1_000),
    connectTimeout: milliseconds('connectTimeout', options.connectTimeout, 2_000),
    minReconnectDelay,
    maxReconnectDelay: milliseconds(
      'maxReconnectDelay',
      options.maxReconnectDelay,
      Math.max(2_000, minReconnectDelay),
      minReconnectDelay,
    ),
    heartbeatInterval: milliseconds('heartbeatInterval', options.heartbeatInterval, 2_000),
    tracking: flag('tracking', options.tracking),
    colocate: functionOf('colocate', options.colocate),
    now: options.now ?? (() => performance.now()),
  };
}

/** Where Redis is. */
function placeIn({ client, cluster, redis = {} }: RedisL2Options): Pick<Settings, 'client' | 'cluster' | 'redis'> {
  if (isCluster(client)) {
    const place = placeOf(client);
    const unbounded = Object.entries(place.redis).filter(([name]) => !OWN_SETTINGS.includes(name as never));
    return { client: undefined, cluster: place.cluster, redis: Object.fromEntries(unbounded) };
  }
  return { client, cluster: cluster && clusterSettings(cluster), redis };
}

function isCluster(client: Redis | Cluster | undefined): client is Cluster {
  return client?.isCluster === true;
}

function boundsOf(reissue: ReissueOptions | false | undefined): RecentBounds {
  if (reissue === false) return { count: 0, ageMs: 0 };
  return {
    count: whole('reissue.count', reissue?.count, 10_000, 0),
    ageMs: milliseconds('reissue.ageMs', reissue?.ageMs, 120_000),
  };
}

function waitOf({ count, timeoutMs }: WaitReplicasOptions): WaitReplicasOptions {
  return {
    count: whole('waitReplicas.count', count, 1, 1),
    timeoutMs: milliseconds('waitReplicas.timeoutMs', timeoutMs, 100),
  };
}

function whole(name: string, value: number | undefined, byDefault: number, least: number): number {
  if (value === undefined) return byDefault;
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw invalid(`${name} must be a whole number, ${least} or more, not ${String(value)}`);
}

function checkWhere({ url, redis, client, pool, sentinel, cluster, tracking }: RedisL2Options): void {
  const places = Object.entries({ url, client, pool, sentinel, cluster }).filter(([, place]) => place !== undefined);
  if (places.length > 1) {
    throw invalid(`${places.map(([name]) => name).join(' and ')} exclude each other: each says where Redis is`);
  }
  if (sentinel !== undefined) checkSentinel(sentinel);
  if (client !== undefined) {
    if (redis !== undefined) throw invalid('client excludes redis: it knows where Redis is');
    checkClient(client);
    return;
  }
  if (pool !== undefined) {
    if (redis !== undefined) throw invalid('pool excludes redis: it knows where Redis is');
    checkPool(pool, tracking);
    return;
  }
  if (places.length === 0 && redis === undefined) {
    throw invalid('one of url, redis, sentinel, cluster, client and pool must say where Redis is');
  }
  // The URL may hold a password, so no message repeats it.
  if (url !== undefined && !(typeof url === 'string' && /^rediss?:\/\//i.test(url) && URL.canParse(url))) {
    throw invalid('url must look like redis://host:port or rediss://host:port');
  }
  if (redis !== undefined && (typeof redis !== 'object' || redis === null)) throw invalid('redis must be an object');
  const own = OWN_SETTINGS.find((name) => redis !== undefined && name in redis);
  if (own !== undefined) throw invalid(`redis.${own} is set by redisL2 itself, so that no call hangs`);
}

function checkClient(client: Redis | Cluster): void {
  const missing = (['duplicate', 'defineCommand', 'mgetBuffer'] as const).find(
    (method) => typeof client?.[method] !== 'function',
  );
  if (missing !== undefined) throw invalid(`client must be a client of ioredis: it has no ${missing}()`);
}

function flag(name: string, value: boolean | undefined): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw invalid(`${name} must be true or false, not ${String(value)}`);
}

function functionOf<T>(name: string, value: T): T {
  if (value === undefined || typeof value === 'function') return value;
  throw invalid(`${name} must be a function, not ${String(value)}`);
}

function milliseconds(name: string, value: number | undefined, byDefault: number, least = 1): number {
  if (value === undefined) return byDefault;
  if (Number.isSafeInteger(value) && value >= least && value <= MAX_TIMER_MS) return value;
  throw invalid(
    `${name} must be a whole number of milliseconds from ${least} to ${MAX_TIMER_MS}, not ${String(value)}`,
  );
}
