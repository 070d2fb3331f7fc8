import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FaultProxy } from '../support/fault-proxy.js';
import { startRedisServer, type TestRedisServer } from '../support/redis-server.js';
import type { Random } from './random.js';
import type { L2Place } from './subject.js';

/** The second tier of a run, and what stands between it and each node. */
export interface Store {
  /** What the nodes are told. One place for each, so that each has its own connections to suffer. */
  readonly places: readonly L2Place[];
  /** By node; none where nothing can be put in between. */
  readonly proxies: readonly FaultProxy[];
  /** The server, to be frozen and killed; none where there is none. */
  readonly server?: TestRedisServer;
  stop(): Promise<void>;
}

export const STORES: Readonly<Record<string, (nodes: number, random: Random) => Promise<Store>>> = {
  redis: standaloneRedis,
  embedded,
};

/** What the network takes anyway, in milliseconds, each chunk for itself. */
const LONGEST_TRIP_MS = 3;

/** Connections by what they are for. */
export const FEED = 'feed';
export const COMMANDS = 'commands';

/** A subscriber gives itself away by its first command after the handshake. */
function labelOf(chunk: Buffer): string | undefined {
  const text = chunk.toString('latin1');
  if (/\b[PS]?SUBSCRIBE\r\n/i.test(text)) return FEED;
  return /\b(?:EVAL(?:SHA)?|M?GET|SET|DEL|UNLINK|PUBLISH|TIME)\r\n/i.test(text) ? COMMANDS : undefined;
}

async function standaloneRedis(nodes: number, random: Random): Promise<Store> {
  const server = await startRedisServer();
  if (server === undefined) throw new Error('there is no redis-server on PATH: see CONTRIBUTING.md');
  const proxies = await Promise.all(
    Array.from({ length: nodes }, () => FaultProxy.start({ port: server.port, labelOf })),
  );
  for (const proxy of proxies) proxy.inject({ kind: 'delay', ms: () => random.between(0, LONGEST_TRIP_MS) });
  return {
    places: proxies.map(({ port }) => ({ kind: 'redis', port })),
    proxies,
    server,
    stop: async () => {
      await Promise.all(proxies.map((proxy) => proxy.stop()));
      await server.stop();
    },
  };
}

async function embedded(nodes: number): Promise<Store> {
  const dir = await mkdtemp(join(tmpdir(), 'tierwise-coherence-'));
  return {
    places: Array.from({ length: nodes }, () => ({ kind: 'embedded', dir })),
    proxies: [],
    stop: () => rm(dir, { recursive: true, force: true }),
  };
}
