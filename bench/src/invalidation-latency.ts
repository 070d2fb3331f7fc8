/**
 * How long after a `delete` has resolved on one node its news reaches another one, in a process of its own.
 *
 *   node bench/dist/invalidation-latency.js [rounds]
 *
 * Both processes read CLOCK_MONOTONIC, which is one clock on Linux. A negative figure means that the news was there before
 * the deleting node had its answer. Needs redis-server on PATH; the embedded L2 needs nothing.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createHierarchy, type Hierarchy } from '@tierwise/hierarchy';
import { embeddedL2 } from '@tierwise/l2-embedded';
import { redisL2 } from '@tierwise/l2-redis';
import { startRedisServer } from '@tierwise/test/support/redis-server';

const KINDS = ['redis', 'redis, tracking', 'embedded'] as const;
type Kind = (typeof KINDS)[number];
/** Between two deletions, so that each meets an idle node. */
const PAUSE_MS = 2;

const now = () => Number(process.hrtime.bigint()) / 1e6;

function open(kind: Kind, where: string): Hierarchy {
  const l2 = kind === 'embedded' ? embeddedL2({ dir: where }) : redisL2({ url: where, tracking: kind !== 'redis' });
  return createHierarchy({ namespace: 'latency', l2 });
}

/** The other node: tells when it heard of each key. */
async function listen(kind: Kind, where: string): Promise<void> {
  const cache = open(kind, where);
  cache.on('news', ({ news }) => {
    if (news.type !== 'changed') return;
    const at = now();
    for (const key of news.keys) process.send?.({ key, at });
  });
  await cache.ready();
  process.send?.({ ready: true });
  await once(process, 'disconnect');
  await cache.close();
}

async function measure(kind: Kind, where: string, rounds: number): Promise<number[]> {
  const child = fork(fileURLToPath(import.meta.url), ['--listen', kind, where]);
  const heard = new Map<string, number>();
  child.on('message', (message: { key?: string; at?: number }) => {
    if (message.key !== undefined && !heard.has(message.key)) heard.set(message.key, message.at ?? 0);
  });
  await once(child, 'message');
  const cache = open(kind, where);
  await cache.ready();
  const done = new Map<string, number>();
  for (let round = 0; round < rounds; round += 1) {
    await cache.delete(`k${round}`);
    done.set(`k${round}`, now());
    await sleep(PAUSE_MS);
  }
  await sleep(200);
  child.disconnect();
  await once(child, 'exit');
  await cache.close();
  if (heard.size < rounds) throw new Error(`${kind}: ${rounds - heard.size} of ${rounds} invalidations were not heard`);
  return [...done].map(([key, at]) => (heard.get(key) ?? 0) - at);
}

function report(kind: string, latencies: number[]): void {
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(2);
  console.log(
    `${kind.padEnd(16)} p50 ${at(0.5)} ms   p99 ${at(0.99)} ms   max ${at(1)} ms   (${sorted.length} deletions)`,
  );
}

const [first, ...rest] = process.argv.slice(2);
if (first === '--listen') {
  await listen(rest[0] as Kind, rest[1] ?? '');
} else {
  const rounds = Number(first ?? 2000);
  const server = await startRedisServer();
  const dir = await mkdtemp(join(tmpdir(), 'tierwise-latency-'));
  for (const kind of KINDS) {
    if (kind === 'embedded') report(kind, await measure(kind, dir, rounds));
    else if (server === undefined) console.log(`${kind.padEnd(16)} skipped: no redis-server on PATH`);
    else report(kind, await measure(kind, server.url, rounds));
  }
  await server?.stop();
  await rm(dir, { recursive: true, force: true });
}
