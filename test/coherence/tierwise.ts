import { AsyncLocalStorage } from 'node:async_hooks';
import { createHierarchy } from '@tierwise/hierarchy';
import { fileJournal } from '@tierwise/journal';
import type { Limits } from './checker.js';
import type { Value } from './history.js';
import { COMMAND_MS, HEARTBEAT_MS, secondTier } from './second-tier.js';
import { NAMESPACE, type Order, type Subject, type SubjectContext, TTL_MS } from './subject.js';

/** Short ones, so that a run of seconds sees everything that depends on them. */
const MAX_STALENESS_MS = 1_500;
const LEASE_MS = 1_000;

export const name = 'tierwise';

export const limits: Limits = {
  grace: 500,
  silence: HEARTBEAT_MS + COMMAND_MS,
  maxStaleness: MAX_STALENESS_MS,
  // The look into L2, the marks that it may ask for.
  flight: 2 * COMMAND_MS + 500,
};

/** Which order an event belongs to. */
const orders = new AsyncLocalStorage<() => void>();

export async function open(context: SubjectContext): Promise<Subject> {
  const { l2, load, tagsOf, onFeedState, onRecovered, clockAheadMs, dir } = context;
  const now = () => performance.now() + clockAheadMs;
  const cache = createHierarchy({
    namespace: NAMESPACE,
    l2: secondTier(l2, now),
    ttl: TTL_MS,
    maxStaleness: MAX_STALENESS_MS,
    l2Timeout: 2 * COMMAND_MS,
    lease: { ttl: LEASE_MS, wait: 3 * LEASE_MS },
    journal: fileJournal({ directory: dir, fsync: 'interval' }),
    breaker: { openFor: 200 },
    clock: {
      now,
      setTimer: (task, ms) => setTimeout(task, ms).unref(),
      clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
    },
  });
  cache.on('feed', ({ state }) => onFeedState(state));
  cache.on('deferred', () => orders.getStore()?.());
  cache.on('recovered', onRecovered);
  await cache.ready().catch(() => {});

  const value = (found: Value | undefined) => ({ value: found });
  return {
    read: async (call, keys) => {
      const [key = ''] = keys;
      switch (call) {
        case 'getOrSet':
          return [value(await cache.getOrSet(key, () => load(key), { tags: tagsOf(key) }))];
        case 'getOrSetMany':
          return (await cache.getOrSetMany(keys, (some) => Promise.all(some.map(load)), { tags: tagsOf })).map(value);
        case 'get':
          return [value(await cache.get<Value>(key))];
        case 'getMany':
          return (await cache.getMany<Value>(keys)).map(value);
        case 'getEntry': {
          const entry = await cache.getEntry<Value>(key);
          return [{ value: entry?.value, tier: entry?.tier }];
        }
        case 'peek':
          return [{ value: cache.peek<Value>(key), tier: 'l1' }];
      }
    },
    invalidate: (order, onDeferred) => orders.run(onDeferred, () => carryOut(order)),
    close: () => cache.close(),
  };

  async function carryOut(order: Order): Promise<void> {
    switch (order.kind) {
      case 'delete':
        await cache.deleteMany(order.keys);
        return;
      case 'expire':
        await Promise.all(order.keys.map((key) => cache.expire(key)));
        return;
      case 'set':
        await cache.setMany(
          order.values.map((each) => [each.key, each]),
          // A batch has the tags of all its values: each of them is dead a little more often than it would have to be.
          { tags: [...new Set(order.values.flatMap(({ key }) => tagsOf(key)))] },
        );
        return;
      case 'tags':
        await cache.invalidateTags(order.tags, { mode: order.mode });
        return;
      case 'clear':
        await cache.clear({ mode: order.mode });
        return;
    }
  }
}
