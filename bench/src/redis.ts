import { startRedisServer } from '@tierwise/test/support/redis-server';
import { Redis } from 'ioredis-6';

/** The Redis that is measured. */
export interface BenchRedis {
  readonly url: string;
  /** Its version and where it comes from, in words. */
  readonly about: string;
  /** Removes what the last scenario left, where the server is ours. Elsewhere it runs out by itself. */
  forget(): Promise<void>;
  stop(): Promise<void>;
}

/** The server that `REDIS_URL` names, or one of our own on a free loopback port: without persistence, ended afterwards. */
export async function provideRedis(): Promise<BenchRedis> {
  const given = process.env['REDIS_URL'] || undefined;
  const own = given === undefined ? await startRedisServer() : undefined;
  const url = given ?? own?.url;
  if (url === undefined) {
    throw new Error(
      'neither redis-server nor valkey-server is on PATH: install one, or set REDIS_URL to a server to be measured',
    );
  }
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0 });
  await client.connect();
  const info = await client.info('server');
  const name = /server_name:(\w+)/.exec(info)?.[1] ?? 'Redis';
  const version = /(?:redis|valkey)_version:(\S+)/.exec(info)?.[1];
  return {
    url,
    about: `${name} ${version}, ${own === undefined ? 'of REDIS_URL' : 'started on a free loopback port, without persistence'}`,
    forget: async () => {
      if (own !== undefined) await client.flushall();
    },
    stop: async () => {
      client.disconnect();
      await own?.stop();
    },
  };
}
