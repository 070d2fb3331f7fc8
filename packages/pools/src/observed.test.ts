import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { originServer } from '../test/origin-server.js';
import { httpPool } from './http/index.js';
import { ConnectionPool, type ObservedPool, type PoolEvent, poolStats } from './index.js';
import { redisPool } from './redis/index.js';
import { type SqlClient, sqlPool } from './sql/index.js';

/** A connection of each kind is made, borrowed and given back. */
interface Kind {
  readonly pool: ObservedPool & { close(options: { readonly deadline: number }): Promise<void> };
  readonly use: () => Promise<unknown>;
}

const url = process.env['TIERWISE_TEST_REDIS_URL'] ?? '';

const KINDS: Record<string, () => Promise<Kind>> = {
  base: async () => {
    const pool = new ConnectionPool({ create: () => ({}) });
    return { pool, use: () => pool.use(() => {}) };
  },
  sql: async () => {
    const client: SqlClient = {
      connect: async () => {},
      query: async () => ({ rows: [], rowCount: 0, command: 'SELECT' }),
      end: async () => {},
      on: () => {},
    };
    const pool = sqlPool({ client: () => client });
    return { pool, use: () => pool.query('SELECT 1') };
  },
  redis: async () => {
    const pool = redisPool({ client: (options) => new Redis(url, options) });
    return { pool, use: () => pool.exclusive((client) => client.ping()) };
  },
  http: async () => {
    const origin = await originServer((_request, response) => response.end());
    const pool = httpPool();
    return { pool, use: async () => (await pool.fetch(origin.url)).text() };
  },
};

test.each(Object.keys(KINDS))('who watches pools hears and counts the same of each: %s', async (kind) => {
  const { pool, use } = (await KINDS[kind]?.()) ?? expect.fail();
  onTestFinished(() => pool.close({ deadline: 0 }));
  const events: PoolEvent[] = [];
  pool.on((event) => events.push(event));
  await use();
  expect(events.map(({ type }) => type).sort()).toEqual(['acquired', 'created', 'released']);
  const used = poolStats(pool).filter(({ pool: name }) => events.every((event) => event.pool === name));
  expect(used).toHaveLength(1);
  expect(used[0]).toMatchObject({ size: 1, borrowed: 0, created: 1, hits: 0, misses: 1, hold: { count: 1 } });
  // Whatever kind: the same figures under the same names.
  const { pool: _, ...figures } = poolStats(new ConnectionPool({ create: () => ({}) }))[0] ?? expect.fail();
  for (const stats of poolStats(pool)) expect(stats).toMatchObject(shapeOf(figures));
});

function shapeOf(figures: object): object {
  return Object.fromEntries(
    Object.entries(figures).map(([name, it]) => [name, typeof it === 'object' ? shapeOf(it) : expect.any(Number)]),
  );
}
