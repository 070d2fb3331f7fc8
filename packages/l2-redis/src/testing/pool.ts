import { type RedisPool, type RedisPoolOptions, redisPool } from '@tierwise/pools/redis';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';

/** A pool of connections to a server, closed after the test, and after what the test has opened on it. */
export function testPool(
  url: string,
  { client = {}, ...options }: Partial<Omit<RedisPoolOptions<Redis>, 'client'>> & { client?: object } = {},
): RedisPool<Redis> {
  const pool = redisPool<Redis>({
    client: (own) => new Redis(url, { ...own, ...client }),
    shared: 3,
    max: 20,
    ...options,
  });
  onTestFinished(() => pool.close({ deadline: 0 }));
  return pool;
}
