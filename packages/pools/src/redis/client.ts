/** What the pool needs of a client: `Redis` and `Cluster` of ioredis have it. */
export interface RedisConnection {
  readonly status: string;
  readonly options: object;
  connect(): Promise<unknown>;
  disconnect(): void;
  ping(): Promise<unknown>;
  unwatch(): Promise<unknown>;
  on(event: 'close' | 'end' | 'error', listener: (error?: Error) => void): unknown;
}

/**
 * Whether a call can be sent on it. A client of ioredis calls itself ready until its socket has closed, but rejects calls from the moment
 * at which the other side has ended it: those calls would fail without having been in flight.
 */
export function isOpen(client: RedisConnection): boolean {
  const stream: unknown = Reflect.get(client, 'stream');
  const ended = typeof stream === 'object' && stream !== null && 'writable' in stream && stream.writable === false;
  return client.status === 'ready' && !ended;
}

/** Whether it is subscribed to anything. Its `mode` does not say so with RESP3, in which subscribers may send any command. */
export function isSubscriber(client: RedisConnection): boolean {
  const condition: unknown = Reflect.get(client, 'condition');
  return typeof condition === 'object' && condition !== null && 'subscriber' in condition && !!condition.subscriber;
}

/**
 * Options that every pooled client of ioredis must be made with, so that it does not heal behind the pool's back: a connection that breaks rejects what
 * is in flight on it, once, and is replaced by the pool.
 */
export interface PooledClientOptions {
  readonly lazyConnect: true;
  readonly enableOfflineQueue: false;
  readonly maxRetriesPerRequest: 0;
  readonly autoResubscribe: false;
  readonly enableReadyCheck: false;
  /** In milliseconds. */
  readonly connectTimeout: number;
  /** A shared connection that owes an answer and has been silent for so long is dead. In milliseconds. */
  readonly socketTimeout?: number;
  readonly retryStrategy: () => null;
}

/** See {@link PooledClientOptions}. */
export function pooledClientOptions({ connectTimeout }: { readonly connectTimeout: number }): PooledClientOptions {
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    enableReadyCheck: false,
    connectTimeout,
    retryStrategy: () => null,
  };
}

/** Connects a client that was made with `lazyConnect`, and says when it ends by itself. */
export async function connected<C extends RedisConnection>(
  client: C,
  { signal, lost }: { readonly signal: AbortSignal; readonly lost: (error?: unknown) => void },
): Promise<C> {
  let last: Error | undefined;
  const ended = (): void => lost(last ?? new Error('the connection ended'));
  client.on('error', (error) => {
    last = error;
  });
  client.on('close', ended);
  signal.addEventListener('abort', () => client.disconnect(), { once: true });
  try {
    await client.connect();
  } catch (error) {
    client.disconnect();
    throw last ?? error;
  }
  return client;
}

/** Ends a client; resolves when its socket is gone. */
export function disconnected(client: RedisConnection): Promise<void> {
  return new Promise((resolve) => {
    if (client.status === 'end') return resolve();
    client.on('end', () => resolve());
    client.disconnect();
  });
}
