import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHierarchy, type Hierarchy, type HierarchyOptions } from '@tierwise/hierarchy';
import { fileJournal } from '@tierwise/journal';
import { redisL2 } from '@tierwise/l2-redis';
import { expect, onTestFinished, test } from 'vitest';
import { startRedisServer, type TestRedisServer } from './support/redis-server.js';

/** Outages of a real Redis (BEHAVIOURS 38 to 42): frozen by SIGSTOP, or killed and started again without its data. */

const L2_LIMIT_MS = 300;
/** What a machine that does much else may add to a time limit. */
const SLACK_MS = 400;
const PATIENCE_MS = 20_000;

async function server(): Promise<TestRedisServer> {
  const redis = await startRedisServer();
  if (redis === undefined) throw new Error('neither redis-server nor valkey-server is on PATH');
  onTestFinished(async () => {
    redis.thaw();
    await redis.stop();
  });
  return redis;
}

async function node(
  redis: TestRedisServer,
  namespace: string,
  options: Partial<HierarchyOptions> = {},
): Promise<Hierarchy> {
  const l2 = redisL2({ url: redis.url });
  const cache = createHierarchy({ namespace, l2, l2Timeout: L2_LIMIT_MS, closeTimeout: '1s', ...options });
  onTestFinished(() => cache.close());
  await cache.ready();
  return cache;
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + PATIENCE_MS;
  while (!(await isSo())) {
    expect(performance.now(), `waiting until ${what}`).toBeLessThan(giveUpAt);
    await sleep(20);
  }
}

const isRecovered = ({ stats }: Hierarchy) => stats().l2.breaker === 'closed' && stats().outbox.items === 0;

async function timed<T>(call: Promise<T>): Promise<{ answer: T; ms: number }> {
  const began = performance.now();
  return { answer: await call, ms: performance.now() - began };
}

test('a frozen Redis: L1 answers, a miss is loaded within the limit, and what was invalidated is gone before Redis is believed', async () => {
  const [redis, namespace] = [await server(), randomUUID()];
  const [n1, n2] = [await node(redis, namespace), await node(redis, namespace)];
  await n2.set('held', 'old');
  await n2.setMany(
    ['set', 'deleted', 'tagged'].map((key) => [key, 'old'] as const),
    { tags: ['t'] },
  );
  // The news of the write may arrive after the answer, and then takes along what was read before it.
  await until('L1 holds it, and no news is under way', async () => {
    await n1.get('held');
    await sleep(20);
    return n1.peek('held') === 'old';
  });
  redis.freeze();
  expect((await timed(n1.get('held'))).ms).toBeLessThan(50);
  const cold = await timed(n1.getOrSet('cold', () => 'loaded'));
  expect(cold.answer).toBe('loaded');
  expect(cold.ms).toBeLessThan(L2_LIMIT_MS + SLACK_MS);
  await n1.delete('deleted');
  await n1.set('set', 'new');
  await n1.invalidateTags(['t']);
  // Enough misses for the breaker: from then on nothing waits for Redis at all.
  await Promise.all(Array.from({ length: 5 }, (_, index) => n1.namespace(`n${index}`).get('k')));
  await until('the breaker is open', () => n1.stats().l2.breaker !== 'closed');
  expect((await timed(n1.getOrSet('colder', () => 'loaded'))).ms).toBeLessThan(100);
  await n1.set('later', 'new');
  expect(await n1.getMany(['deleted', 'tagged', 'later'])).toEqual([undefined, undefined, 'new']);

  redis.thaw();
  for (let recovered = false; !recovered; ) {
    recovered = isRecovered(n1);
    expect(await n1.getMany(['deleted', 'tagged'])).toEqual([undefined, undefined]);
    await sleep(5);
  }
  await until('the peer has heard', async () => (await n2.get('later')) === 'new');
  expect(await n2.getMany(['deleted', 'tagged', 'set'])).toEqual([undefined, undefined, undefined]);
});

test('three nodes write through the same outage and agree afterwards (41)', async () => {
  const [redis, namespace] = [await server(), randomUUID()];
  const nodes = [await node(redis, namespace), await node(redis, namespace), await node(redis, namespace)];
  await nodes[0]?.set('k', 0);
  for (const cache of nodes) expect(await cache.get('k')).toBe(0);
  redis.freeze();
  for (const cache of nodes) {
    await Promise.all(Array.from({ length: 5 }, (_, index) => cache.namespace(`n${index}`).get('k')));
    await until('the breaker is open', () => cache.stats().l2.breaker === 'open');
  }
  for (const [index, cache] of nodes.entries()) await cache.set('k', index + 1);
  for (const [index, cache] of nodes.entries()) expect(await cache.get('k')).toBe(index + 1);
  redis.thaw();
  const agreed = async () => {
    if (!nodes.every(isRecovered)) return false;
    return new Set(await Promise.all(nodes.map((cache) => cache.get('k')))).size === 1;
  };
  await until('they agree', agreed);
  expect([1, 2, 3]).toContain(await nodes[0]?.get('k'));
});

test('a Redis that was killed and comes back empty: nothing old, and values of meanwhile are dropped', async () => {
  const [redis, namespace] = [await server(), randomUUID()];
  const [n1, n2] = [await node(redis, namespace), await node(redis, namespace)];
  await n1.set('k', 'old', { tags: ['t'] });
  expect(await n2.get('k')).toBe('old');
  await redis.kill();
  await n1.set('k', 'new', { tags: ['t'] });
  await n1.delete('l');
  expect(await n1.getOrSet('m', () => 'loaded')).toBe('loaded');
  await redis.restart();
  await until('both recovered', () => isRecovered(n1) && isRecovered(n2));
  await until('the peer drops what it held', async () => (await n2.get('k')) !== 'old');
  expect(await n2.get('k')).toBeUndefined();
  await n2.set('k', 'newest');
  await until('all is as it was', async () => (await n1.get('k')) === 'newest');
});

test('a process that ends during the outage leaves a journal; the next one tells Redis first', async () => {
  const [redis, namespace] = [await server(), randomUUID()];
  const directory = await mkdtemp(join(tmpdir(), 'tierwise-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const peer = await node(redis, namespace);
  const first = await node(redis, namespace, { journal: fileJournal({ directory }) });
  await peer.set('k', 'old');
  redis.freeze();
  await first.delete('k');
  expect(first.stats().outbox).toMatchObject({ items: 1, journal: { records: 1 } });
  await first.close();
  redis.thaw();
  const second = await node(redis, namespace, { journal: fileJournal({ directory }) });
  expect(await second.get('k')).toBeUndefined();
  await until('it is told', () => isRecovered(second));
  await until('the peer has heard', async () => (await peer.get('k')) === undefined);
  expect(second.stats().outbox.journal).toMatchObject({ records: 0 });
});
