import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { L2, L2FeedState, L2Host, L2News } from '@tierwise/l2';
import { Redis } from 'ioredis';
import { onTestFinished, type TestContext } from 'vitest';
import { startRedisServer, type TestRedisServer } from '../../../../test/support/redis-server.js';
import type { RedisL2Options } from '../options.js';
import { redisL2 } from '../redis-l2.js';

/** An L2 and what its host has heard. Closed when the test is over. */
export interface TestNode {
  readonly l2: L2;
  readonly host: L2Host;
  readonly news: L2News[];
  readonly states: L2FeedState[];
}

/** A node that is not open yet. */
export function testNode(options: RedisL2Options): TestNode {
  const [news, states]: [L2News[], L2FeedState[]] = [[], []];
  const host: L2Host = {
    origin: randomUUID(),
    onNews: (each) => news.push(each),
    onFeedState: (state) => states.push(state),
  };
  const l2 = redisL2(options);
  onTestFinished(() => l2.close());
  return { l2, host, news, states };
}

/** An open node. */
export async function openNode(options: RedisL2Options): Promise<TestNode> {
  const node = testNode(options);
  await node.l2.open(node.host);
  return node;
}

/** A server of the test's own. Skips the test where there is no server program. */
export async function ownServer({ skip }: TestContext, ...args: string[]): Promise<TestRedisServer> {
  const server = await startRedisServer(...args);
  if (server === undefined) return skip('neither redis-server nor valkey-server is on PATH');
  onTestFinished(() => server.stop());
  return server;
}

/** A client beside the one under test. */
export function adminOf(server: { readonly url: string }): Redis {
  const admin = new Redis(server.url);
  admin.on('error', () => {});
  onTestFinished(() => admin.disconnect());
  return admin;
}

/** How many scripts a server has run. */
export async function scriptsRun(admin: Redis): Promise<number> {
  const stats = await admin.info('commandstats');
  return [...stats.matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+)/gm)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}

/** Waits for what is bound to come. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<void> {
  for (const start = performance.now(); !(await isSo()); await delay(5)) {
    if (performance.now() - start > limitMs) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
  }
}

/** An entry that no test outlives. */
export function entry(
  key: string,
  text = 'value',
): { key: string; bytes: Uint8Array; freshMs: number; keepMs: number } {
  return { key, bytes: Buffer.from(text), freshMs: 60_000, keepMs: 120_000 };
}
