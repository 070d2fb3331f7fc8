import { redisL2 } from '@tierwise/l2-redis';
import { Redis } from 'ioredis';
import { type Fault, FaultProxy, type Where } from '../support/fault-proxy.js';
import { freePort, startRedisServer, type TestRedisServer } from '../support/redis-server.js';
import type { Places } from './cell.js';
import { LIMITS } from './limits.js';

/** A second tier, and each node's way to it. */
export interface Stand {
  /** Where a node finds it, and a peer that the network's faults do not reach. */
  places(node: number): Places;
  /** What stands in between; `undefined` where nothing can. */
  readonly network: ChaosNetwork | undefined;
  stop(): Promise<void>;
}

/** A Redis, and what stands between it and each of several nodes. */
export interface RedisStand extends Stand {
  readonly server: TestRedisServer;
  /** To give orders to the server with, past the network. */
  readonly admin: Redis;
  readonly network: ChaosNetwork;
  /** A port that nobody listens on. */
  readonly deadPort: number;
  /** Chance that can be had again. */
  readonly random: () => number;
}

const REDIS_LIMITS = {
  commandTimeout: LIMITS.commandTimeout,
  connectTimeout: LIMITS.connectTimeout,
  maxReconnectDelay: LIMITS.maxReconnectDelay,
  heartbeatInterval: LIMITS.heartbeatInterval,
};

/** @param nodes how many of them are each given a way of their own to Redis. */
export async function startRedisStand(nodes: number, random: () => number): Promise<RedisStand> {
  const server = await startRedisServer('--enable-debug-command', 'yes', '--maxmemory-policy', 'noeviction');
  if (server === undefined) throw new Error('there is no redis-server on PATH: see CONTRIBUTING.md');
  const proxies = await Promise.all(Array.from({ length: nodes }, () => FaultProxy.start({ port: server.port })));
  const admin = new Redis(server.url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
  admin.on('error', () => {});
  await admin.ping();
  return {
    server,
    admin,
    network: new ChaosNetwork(proxies),
    deadPort: await freePort(),
    random,
    places: (node) => ({
      behind: () => redisL2({ url: `redis://127.0.0.1:${proxies[node]?.port}`, ...REDIS_LIMITS }),
      past: () => redisL2({ url: server.url, ...REDIS_LIMITS }),
    }),
    async stop() {
      admin.disconnect();
      await Promise.all(proxies.map((proxy) => proxy.stop()));
      await server.stop();
    },
  };
}

/** All ways to a Redis: what is done to one is done to all. */
class ChaosNetwork {
  readonly #proxies: readonly FaultProxy[];

  constructor(proxies: readonly FaultProxy[]) {
    this.#proxies = proxies;
  }

  inject(fault: Fault, direction?: Where['direction']): () => Promise<void> {
    const ends = this.#proxies.map((proxy) => proxy.inject(fault, direction === undefined ? {} : { direction }));
    return async () => {
      for (const end of ends) end();
    };
  }

  forsake(): void {
    for (const proxy of this.#proxies) proxy.forsake();
  }

  refuse(): () => Promise<void> {
    const accepts = this.#proxies.map((proxy) => proxy.refuse());
    return async () => {
      await Promise.all(accepts.map((accept) => accept()));
    };
  }
}
