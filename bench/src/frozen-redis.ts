/**
 * What callers see while Redis is frozen under load.
 *
 *   node bench/dist/frozen-redis.js [seconds]
 *
 * Redis is stopped (SIGSTOP) for that long, 30 s by default. Meanwhile hot keys, which L1 holds or held, and cold ones, which nobody
 * has asked for before, are read at a steady rate, some of them tagged, and a part of the hot ones is past its `ttl`; the source of `failing`
 * keys is down as long as Redis is. Exits with 1 if a hot read failed or the slowest hundredth of cold reads took longer than L2's limit, the load and
 * 50 ms. Needs redis-server on PATH.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHierarchy } from '@tierwise/hierarchy';
import { redisL2 } from '@tierwise/l2-redis';
import { startRedisServer } from '@tierwise/test/support/redis-server';

const L2_LIMIT_MS = 200;
const LOAD_MS = 20;
const SLACK_MS = 50;
const HOT_KEYS = 300;
const TICK_MS = 10;
const READS_PER_TICK = { fresh: 4, stale: 2, failing: 2, cold: 3 };
type Kind = keyof typeof READS_PER_TICK;

const frozenMs = 1000 * Number(process.argv[2] ?? 30);
const redis = await startRedisServer();
if (redis === undefined) throw new Error('neither redis-server nor valkey-server is on PATH');

const cache = createHierarchy({
  namespace: randomUUID(),
  l2: redisL2({ url: redis.url }),
  l2Timeout: L2_LIMIT_MS,
  ttl: '1h',
  staleIfError: '1h',
  // What L1 holds is to be answered for as long as Redis is away.
  maxStaleness: '1h',
});
let isSourceDown = false;
const load = async (key: string) => {
  await sleep(LOAD_MS);
  if (isSourceDown && key.startsWith('failing')) throw new Error('the source is down');
  return { key };
};

const took: Record<Kind, number[]> = { fresh: [], stale: [], failing: [], cold: [] };
const failures: string[] = [];
let serial = 0;

async function read(kind: Kind): Promise<void> {
  serial += 1;
  const key = kind === 'cold' ? `cold ${serial}` : `${kind} ${serial % HOT_KEYS}`;
  const began = performance.now();
  try {
    const options = serial % 2 === 0 ? { tags: ['even'] } : {};
    await cache.getOrSet(key, () => load(key), options);
  } catch (error) {
    failures.push(`${key}: ${error}`);
  }
  took[kind].push(performance.now() - began);
}

await cache.ready();
for (const kind of ['fresh', 'stale', 'failing'] as const) {
  for (let index = 0; index < HOT_KEYS; index += 1) {
    const tags = index % 2 === 0 ? ['even'] : [];
    await cache.set(`${kind} ${index}`, { key: kind }, { ttl: kind === 'fresh' ? '1h' : 1, tags });
  }
}
await sleep(50);

console.log(`Redis is frozen for ${frozenMs / 1000} s; L2's limit is ${L2_LIMIT_MS} ms, a load takes ${LOAD_MS} ms`);
redis.freeze();
isSourceDown = true;
const began = performance.now();
const running: Promise<void>[] = [];
for (let tick = 1; performance.now() - began < frozenMs; tick += 1) {
  for (const kind of Object.keys(READS_PER_TICK) as Kind[]) {
    for (let count = 0; count < READS_PER_TICK[kind]; count += 1) running.push(read(kind));
  }
  await sleep(Math.max(0, began + tick * TICK_MS - performance.now()));
}
await Promise.all(running);
redis.thaw();
isSourceDown = false;

const thawed = performance.now();
while (cache.stats().l2.breaker !== 'closed' && performance.now() - thawed < 30_000) await sleep(10);
const backMs = performance.now() - thawed;
await cache.close();
await redis.stop();

for (const [kind, times] of Object.entries(took)) {
  const sorted = times.sort((a, b) => a - b);
  const at = (part: number) => (sorted[Math.floor(part * (sorted.length - 1))] ?? Number.NaN).toFixed(1);
  console.log(
    `${kind.padEnd(8)} ${String(sorted.length).padStart(6)} reads   p50 ${at(0.5)} ms   p99 ${at(0.99)} ms   max ${at(1)} ms`,
  );
}
console.log(`${failures.length} failed${failures.length > 0 ? `, such as ${failures.slice(0, 3).join('; ')}` : ''}`);
console.log(`trusted again ${backMs.toFixed(0)} ms after it answered`);
const cold = took.cold.sort((a, b) => a - b);
const p99 = cold[Math.floor(0.99 * (cold.length - 1))] ?? Number.NaN;
process.exitCode = failures.length > 0 || !(p99 < L2_LIMIT_MS + LOAD_MS + SLACK_MS) ? 1 : 0;
