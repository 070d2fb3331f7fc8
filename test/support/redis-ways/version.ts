import { Redis } from 'ioredis';

/** Time limit for connecting and for the answer, in milliseconds each. */
const LIMIT_MS = 5_000;

/** Asks the server at `url` what it is: `Redis 7.4.1`, `Valkey 8.0.2`. Rejects when it does not answer in time. */
export async function serverVersion(url: string): Promise<string> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: LIMIT_MS,
    commandTimeout: LIMIT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let failure: Error | undefined;
  client.on('error', (error: Error) => {
    failure = error;
  });
  try {
    await client.connect();
    const info = await client.info('server');
    const field = (name: string) => info.match(new RegExp(`^${name}:(.*?)\\r?$`, 'm'))?.[1];
    const valkey = field('valkey_version');
    return valkey === undefined ? `Redis ${field('redis_version') ?? 'of unknown version'}` : `Valkey ${valkey}`;
  } catch (error) {
    throw failure ?? error;
  } finally {
    client.disconnect();
  }
}
