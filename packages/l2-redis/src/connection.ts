// Before ioredis, which extends String: see there.
import '@tierwise/l2';

import { Redis, type RedisOptions } from 'ioredis';
import type { Address } from './cluster-slots.js';
import type { Settings } from './options.js';

/** How long a connection may take to close in good order, in milliseconds, before its socket is destroyed. */
const DISCONNECT_MS = 200;

/** What the feed needs of its connection: `Redis` has it. */
export interface FeedClient {
  readonly status: string;
  readonly stream: Redis['stream'] | undefined;
  on(event: 'ready' | 'close', listener: () => void): unknown;
  on(event: 'messageBuffer', listener: (channel: Buffer, payload: Buffer) => void): unknown;
  connect(): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
  subscribe(...channels: string[]): Promise<unknown>;
  ping(): Promise<unknown>;
  client(what: 'ID'): Promise<number>;
  call(command: string, ...args: string[]): Promise<unknown>;
  publish(channel: string, message: string): Promise<number>;
}

/** A connection of ours. The client is not connected yet, and its errors have a listener. */
export interface Connection<C = Redis> {
  readonly client: C;
  /** The last error, for people: why there is no connection. */
  readonly lastError: () => Error | undefined;
  /** Ends it for good. Resolves when its socket is gone. */
  readonly close: () => Promise<void>;
}

type BoundedOptions = RedisOptions & { replyMapping: 'legacy' };

/**
 * What makes a connection of ioredis 6 bounded. Left to its defaults it would wait for ever on a frozen server, for more than
 * a minute on a refused port, and send a write again that its caller gave up long ago.
 *
 * - No offline queue, and `maxRetriesPerRequest: 0`: while there is no connection, calls reject at once. A write that waits in
 *   a queue would reach Redis at its next connection, after and on top of newer ones by other nodes.
 * - `maxRetriesPerRequest: 0` also rejects what was under way when the connection broke, and by that empties the queue from
 *   which ioredis would send it again. (`autoResendUnfulfilledCommands: false` alone drops that queue and leaves the promises
 *   pending for ever.)
 * - No `commandTimeout`: calls are limited in `calls.ts`, for a user's client as well.
 * - `socketTimeout`: a connection that owes an answer, of the handshake too, and has been silent for so long is dead, even if
 *   no packet says so. It is far above the limit of a call, so that a slow Redis does not see all its clients come anew.
 * - No ready check: it polls INFO on a timer that outlives `disconnect`. A Redis that is still loading refuses calls by itself.
 * - `READONLY` means that the master moved behind its address, as managed services do: connect anew.
 */
function boundedOptions(settings: Settings): BoundedOptions {
  return {
    replyMapping: 'legacy',
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    enableAutoPipelining: false,
    enableReadyCheck: false,
    commandTimeout: undefined,
    connectTimeout: settings.connectTimeout,
    socketTimeout: Math.max(3 * settings.commandTimeout, 2_000),
    disconnectTimeout: DISCONNECT_MS,
    reconnectOnError: (error) => error.message.includes('READONLY'),
    retryStrategy: (attempt) => backOff(settings, attempt, Math.random()),
  };
}

/** The pause before an attempt to reconnect: doubling up to a bound, the upper half of it by chance, so that nodes spread. */
export function backOff(
  { minReconnectDelay, maxReconnectDelay }: Pick<Settings, 'minReconnectDelay' | 'maxReconnectDelay'>,
  attempt: number,
  chance: number,
): number {
  const delay = Math.min(maxReconnectDelay, minReconnectDelay * 2 ** (attempt - 1));
  return Math.ceil(delay * (0.5 + chance / 2));
}

/** The connection for commands. Not for a user's client, which is one already. */
export function commandConnection(settings: Settings): Connection {
  return connection(ownClient(settings, boundedOptions(settings)), settings);
}

/**
 * The connection for the feed: RESP2, in which pub/sub and PING share a connection on every server that we support, and over
 * which server-assisted invalidation can be had later. Channels take no `keyPrefix` from ioredis: `keys.ts` adds it.
 */
export function feedConnection(settings: Settings, address?: Address): Connection {
  const options: BoundedOptions = { ...boundedOptions(settings), protocol: 2, keyPrefix: '', ...address };
  return connection(settings.client?.duplicate(options) ?? ownClient(settings, options), settings);
}

/** The connection for commands to one server of a Cluster. */
export function nodeConnection(settings: Settings, address: Address): Connection {
  return connection(ownClient(settings, { ...boundedOptions(settings), ...address }), settings);
}

/**
 * How ioredis finds the master by its Sentinels. It also listens to them: the connection is made anew when they say that the master
 * is another one, even if the old one still answers.
 */
function sentinelOptions({ sentinel, ...settings }: Settings): RedisOptions {
  if (sentinel === undefined) return {};
  const { username, password, tls, natMap, sentinels, name } = sentinel;
  return {
    sentinels: [...sentinels],
    name,
    failoverDetector: true,
    sentinelCommandTimeout: settings.commandTimeout,
    sentinelRetryStrategy: (attempt) => backOff(settings, attempt, Math.random()),
    ...(username !== undefined && { sentinelUsername: username }),
    ...(password !== undefined && { sentinelPassword: password }),
    ...(tls !== undefined && { sentinelTLS: tls }),
    ...(natMap !== undefined && { natMap }),
    ...(settings.redis.tls !== undefined && { enableTLSForSentinelMode: true }),
  };
}

function ownClient(settings: Settings, bounded: BoundedOptions): Redis {
  const options = { ...settings.redis, ...sentinelOptions(settings), ...bounded } as BoundedOptions;
  return settings.url === undefined ? new Redis(options) : new Redis(settings.url, options);
}

function connection(client: Redis, settings: Settings): Connection {
  let lastError: Error | undefined;
  let isClosed = false;
  let attempt = 0;
  client.on('error', (error: Error) => {
    lastError = error;
  });
  client.on('ready', () => {
    lastError = undefined;
    attempt = 0;
  });
  // ioredis gives up for good when it is told of a failover while it asks a Sentinel for the master.
  client.on('end', () => {
    if (isClosed) return;
    attempt += 1;
    const again = (): void => {
      if (!isClosed && client.status === 'end') client.connect().catch(() => {});
    };
    setTimeout(again, backOff(settings, attempt, Math.random())).unref();
  });
  const close = (): Promise<void> => {
    isClosed = true;
    return closed(client);
  };
  return { client, lastError: () => lastError, close };
}

async function closed(client: Redis): Promise<void> {
  // A client that waits to reconnect has no socket, and ioredis then never says `end`.
  const hasSocket = ['connecting', 'connect', 'ready'].includes(client.status);
  const ended = new Promise<void>((resolve) => {
    if (!hasSocket) return resolve();
    const timer = setTimeout(resolve, 2 * DISCONNECT_MS);
    client.once('end', () => {
      clearTimeout(timer);
      resolve();
    });
  });
  client.disconnect();
  await ended;
}
