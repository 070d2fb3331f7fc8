import { l2Conformance } from '@tierwise/l2/conformance';
import { Cluster } from 'ioredis';
import { afterAll, describe } from 'vitest';
import { startRedisCluster } from '../../../test/support/redis-cluster.js';
import { keysOf } from './keys.js';
import { redisL2 } from './redis-l2.js';

const servers = await startRedisCluster({ masters: 3 });

/** Keys of one namespace share a slot: what transactions need. */
const colocate = (namespace: string): string => namespace;

// Far above what any call needs, since this machine may be busy; limits have tests of their own.
const PATIENT = { commandTimeout: 10_000, connectTimeout: 10_000 };

afterAll(() => servers?.stop());

describe.skipIf(servers === undefined)('over a Cluster of three masters', () => {
  for (const isColocated of [false, true]) {
    const namesOf = (namespace: string) => keysOf(namespace, isColocated ? colocate : undefined);
    l2Conformance(isColocated ? 'redis, colocated' : 'redis', {
      capabilities: ['leases', 'time', 'feed', 'replay', ...(isColocated ? ['transactions' as const] : [])],
      async setup() {
        const nodes = servers?.addresses ?? [];
        const admin = new Cluster([...nodes]);
        return {
          node() {
            if (isColocated) return redisL2({ cluster: { nodes }, colocate, ...PATIENT });
            // Keys that are spread over slots are in no transaction.
            return Object.assign(redisL2({ cluster: { nodes }, ...PATIENT }), { transactions: undefined });
          },
          async damage(namespace, key, bytes) {
            await admin.set(namesOf(namespace).entry(key), Buffer.from(bytes));
          },
          async loseTime(namespace, lost) {
            const names = namesOf(namespace);
            if (lost === 'counter') {
              await admin.del(names.time);
              return;
            }
            for (const node of admin.nodes('master')) {
              for await (const page of node.scanStream({ match: `${names.mark('')}*`, count: 1_000 })) {
                for (const key of page as string[]) await node.del(key);
              }
            }
          },
          async destroy() {
            await admin.quit();
          },
        };
      },
    });
  }
});
