import type { ResolvedLimits } from '../options.js';
import { type AcquireOptions, ConnectionPool } from '../pool.js';
import { connected, disconnected, isOpen, isSubscriber, type RedisConnection } from './client.js';

/** A pool of connections that are each in one hand at a time. */
export function exclusivePool<C extends RedisConnection>(
  limits: ResolvedLimits,
  newClient: () => C,
): ConnectionPool<C> {
  return new ConnectionPool<C>({
    ...limits,
    create: (context) => connected(newClient(), context),
    destroy: disconnected,
    // The client knows of its socket's end at once: asking it costs no round trip.
    validate: isOpen,
    check: async (client) => (await client.ping()) === 'PONG',
  });
}

/** Lends a connection of the pool to `fn`. It is lent again only if it is as it was. An abort ends it. */
export async function lend<C extends RedisConnection, R>(
  pool: ConnectionPool<C>,
  fn: (client: C) => R | Promise<R>,
  options: AcquireOptions,
): Promise<R> {
  const { signal } = options;
  const client = await pool.acquire(options);
  const cut = (): void => client.disconnect();
  signal?.addEventListener('abort', cut, { once: true });
  let fit = false;
  try {
    signal?.throwIfAborted();
    const result = await fn(client);
    fit = await isClean(client);
    return result;
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', cut);
    pool.release(client, { discard: !fit });
  }
}

/** Forgets what was watched. Within MULTI the answer is `QUEUED`: such a connection is not for others, nor is that of a subscriber. */
async function isClean(client: RedisConnection): Promise<boolean> {
  try {
    return !isSubscriber(client) && (await client.unwatch()) === 'OK';
  } catch {
    return false;
  }
}
