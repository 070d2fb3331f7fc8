import { L2InvalidError } from '@tierwise/l2';
import type { Redis, RedisOptions } from 'ioredis';
import { NAME } from './name.js';

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

/** Options of {@link redisL2}. One of `url`, `redis` and `client` says where Redis is; `url` and `redis` go together. */
export interface RedisL2Options {
  /** `redis://user:password@host:port/db`, or `rediss://…` for TLS. */
  readonly url?: string | undefined;
  /** Options of ioredis, such as `host`, `tls`, `username`, `keyPrefix`. What the URL says goes before them. */
  readonly redis?: RedisConnectionOptions | undefined;
  /**
   * An ioredis client of your own. It is used as it is and never closed; its `keyPrefix` is respected. The feed needs a
   * connection to itself and gets a duplicate, which is closed with the L2.
   */
  readonly client?: Redis | undefined;
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
  /** This node's monotonic clock, in milliseconds. For tests. Default: `performance.now`. */
  readonly now?: (() => number) | undefined;
}

/** {@link RedisL2Options}, checked and complete. */
export interface Settings {
  readonly url: string | undefined;
  readonly redis: RedisConnectionOptions;
  readonly client: Redis | undefined;
  readonly commandTimeout: number;
  readonly connectTimeout: number;
  readonly minReconnectDelay: number;
  readonly maxReconnectDelay: number;
  readonly heartbeatInterval: number;
  readonly tracking: boolean;
  readonly now: () => number;
}

/** The longest delay that a timer of Node can do. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const KNOWN: ReadonlySet<string> = new Set<keyof RedisL2Options>([
  'url',
  'redis',
  'client',
  'commandTimeout',
  'connectTimeout',
  'minReconnectDelay',
  'maxReconnectDelay',
  'heartbeatInterval',
  'tracking',
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
    redis: options.redis ?? {},
    client: options.client,
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
    now: options.now ?? (() => performance.now()),
  };
}

function checkWhere({ url, redis, client }: RedisL2Options): void {
  if (client !== undefined) {
    if (url !== undefined || redis !== undefined)
      throw invalid('client excludes url and redis: it knows where Redis is');
    checkClient(client);
    return;
  }
  if (url === undefined && redis === undefined) throw invalid('one of url, redis and client must say where Redis is');
  // The URL may hold a password, so no message repeats it.
  if (url !== undefined && !(typeof url === 'string' && /^rediss?:\/\//i.test(url) && URL.canParse(url))) {
    throw invalid('url must look like redis://host:port or rediss://host:port');
  }
  if (redis !== undefined && (typeof redis !== 'object' || redis === null)) throw invalid('redis must be an object');
  const own = OWN_SETTINGS.find((name) => redis !== undefined && name in redis);
  if (own !== undefined) throw invalid(`redis.${own} is set by redisL2 itself, so that no call hangs`);
}

function checkClient(client: Redis): void {
  const missing = (['duplicate', 'defineCommand', 'mgetBuffer'] as const).find(
    (method) => typeof client?.[method] !== 'function',
  );
  if (missing !== undefined) throw invalid(`client must be a client of ioredis: it has no ${missing}()`);
  if (client.isCluster) throw invalid('client must be connected to one Redis: Cluster is not supported yet');
}

function flag(name: string, value: boolean | undefined): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw invalid(`${name} must be true or false, not ${String(value)}`);
}

function milliseconds(name: string, value: number | undefined, byDefault: number, least = 1): number {
  if (value === undefined) return byDefault;
  if (Number.isSafeInteger(value) && value >= least && value <= MAX_TIMER_MS) return value;
  throw invalid(
    `${name} must be a whole number of milliseconds from ${least} to ${MAX_TIMER_MS}, not ${String(value)}`,
  );
}

function invalid(message: string): L2InvalidError {
  return new L2InvalidError(NAME, message);
}
