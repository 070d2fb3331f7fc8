/**
 * From which load on more than one shared connection pays.
 *
 *   node bench/dist/redis-pool.js [milliseconds per round] [rounds]
 *
 * A Redis of its own on a free loopback port. Per load, pools of 1, 2 and 4 connections take turns, so that what the machine does beside hits all of
 * them; medians of the rounds, and the ratio to one connection as the median of the rounds' ratios. `mixed`: one caller in 16 reads 1 MiB, the others
 * 100 bytes, and what is told is how many of the small reads are done, and how long they take.
 */
import { redisL2 } from '@tierwise/l2-redis';
import { type RedisPool, redisPool } from '@tierwise/pools/redis';
import { startRedisServer } from '@tierwise/test/support/redis-server';
import { Redis } from 'ioredis-6';

const CONNECTIONS = [1, 2, 4];
const CALLERS = [1, 16, 128, 512];
const LARGE = 1_048_576;
const SIZES = { '100 B': 100, '10 KiB': 10_240, '100 KiB': 102_400, '1 MiB': LARGE };
const SMALL = 100;

const roundMs = Number(process.argv[2] ?? 400);
const rounds = Number(process.argv[3] ?? 7);

/** Reads by one of many callers. Answers whether it counts. */
type Read = (caller: number) => Promise<boolean>;

interface Measured {
  readonly perSecond: number;
  /** In milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const server = await startRedisServer();
if (server === undefined) throw new Error('there is no redis-server on PATH');
const { url } = server;
const pools = CONNECTIONS.map((shared) => ({
  shared,
  pool: redisPool<Redis>({ client: (own) => new Redis(url, own), shared }),
}));

console.log('| what | callers | N | calls/s | of N = 1 | p50 ms | p99 ms |\n|---|---|---|---|---|---|---|');
for (const [size, bytes] of Object.entries(SIZES)) {
  await pools[0]?.pool.shared((client) => client.set(size, Buffer.alloc(bytes, 'x')));
  for (const callers of CALLERS) {
    if (callers * bytes > 64 * LARGE) continue;
    await compare(`GET ${size}`, callers, (pool) => async () => {
      await pool.shared((client) => client.getBuffer(size));
      return true;
    });
  }
}
for (const callers of [16, 128]) {
  await compare('GET mixed', callers, (pool) => async (caller) => {
    const isLarge = caller % 16 === 0;
    await pool.shared((client) => client.getBuffer(isLarge ? '1 MiB' : '100 B'));
    return !isLarge;
  });
}
await throughL2();
for (const { pool } of pools) await pool.close();
await server.stop();

/** The same through an L2 on the pool, which keeps the order of what belongs together. */
async function throughL2(): Promise<void> {
  const opened = await Promise.all(
    pools.map(async ({ shared, pool }) => {
      const l2 = redisL2({ pool: pool as never, commandTimeout: 10_000 });
      await l2.open({ origin: `node of ${shared}`, onNews: () => {}, onFeedState: () => {} });
      return { pool, l2 };
    }),
  );
  const of = (pool: RedisPool<Redis>) => {
    const found = opened.find((each) => each.pool === pool);
    if (found === undefined) throw new Error('every pool has its L2');
    return found.l2;
  };
  const write = (key: string, size: number) => ({ key, bytes: Buffer.alloc(size), freshMs: 600_000, keepMs: 600_000 });
  const keys = Array.from({ length: 512 }, (_, n) => `key ${n}`);
  await opened[0]?.l2.write('bench', [...keys.map((key) => write(key, SMALL)), write('large', LARGE)]);
  for (const callers of CALLERS) {
    await compare('L2 read 100 B', callers, (pool) => async (caller) => {
      await of(pool).read('bench', [keys[caller] as string]);
      return true;
    });
  }
  for (const callers of [16, 128]) {
    await compare('L2 read mixed', callers, (pool) => async (caller) => {
      const isLarge = caller % 16 === 0;
      await of(pool).read('bench', [isLarge ? 'large' : (keys[caller] as string)]);
      return !isLarge;
    });
  }
  for (const { l2 } of opened) await l2.close();
}

async function compare(what: string, callers: number, readBy: (pool: RedisPool<Redis>) => Read): Promise<void> {
  const measured = pools.map((): Measured[] => []);
  for (let round = -1; round < rounds; round++) {
    for (const [index, { pool }] of pools.entries()) {
      const found = await measure(callers, readBy(pool), round < 0 ? roundMs / 2 : roundMs);
      // The first round only warms up.
      if (round >= 0) measured[index]?.push(found);
    }
  }
  for (const [index, { shared }] of pools.entries()) {
    const own = measured[index] ?? [];
    const ratio = median(own.map(({ perSecond }, round) => perSecond / (measured[0]?.[round]?.perSecond ?? 0)));
    const [rate, p50, p99] = (['perSecond', 'p50', 'p99'] as const).map((name) =>
      median(own.map((each) => each[name])),
    );
    const cells = [what, callers, shared, Math.round(rate ?? 0), ratio.toFixed(2), p50?.toFixed(2), p99?.toFixed(2)];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

async function measure(callers: number, read: Read, forMs: number): Promise<Measured> {
  const times: number[] = [];
  const begin = performance.now();
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (;;) {
        const at = performance.now();
        if (at - begin > forMs) return;
        if (await read(caller)) times.push(performance.now() - at);
      }
    }),
  );
  const ms = performance.now() - begin;
  times.sort((a, b) => a - b);
  const quantile = (share: number): number => times[Math.floor(share * (times.length - 1))] ?? Number.NaN;
  return { perSecond: (1_000 * times.length) / ms, p50: quantile(0.5), p99: quantile(0.99) };
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}
