import { l2Conformance } from '@tierwise/l2/conformance';
import { Cluster } from 'ioredis';
import { describe } from 'vitest';
import { startRedisCluster } from '../../../test/support/redis-cluster.js';
import { keysOf } from './keys.js';
import { redisL2 } from './redis-l2.js';

const servers = await startRedisCluster({ masters: 3 });

describe.skipIf(servers === undefined)('over a Cluster of three masters', () => {
  l2Conformance('redis', {
    capabilities: ['leases', 'time', 'feed'],
    async setup() {
      const nodes = servers?.addresses ?? [];
      const admin = new Cluster([...nodes]);
      return {
        // Far above what any call needs, since this machine may be busy; limits have tests of their own.
        node: () => redisL2({ cluster: { nodes }, commandTimeout: 10_000, connectTimeout: 10_000 }),
        async damage(namespace, key, bytes) {
          await admin.set(keysOf(namespace).entry(key), Buffer.from(bytes));
        },
        async loseTime(namespace, lost) {
          const names = keysOf(namespace);
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
          await servers?.stop();
        },
      };
    },
  });
});
