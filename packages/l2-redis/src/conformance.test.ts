import { l2Conformance } from '@tierwise/l2/conformance';
import { Redis } from 'ioredis';
import { keysOf } from './keys.js';
import { redisL2 } from './redis-l2.js';

const url = process.env['TIERWISE_TEST_REDIS_URL'] ?? '';

for (const tracking of [false, true]) {
  l2Conformance(tracking ? 'redis, tracking' : 'redis', {
    capabilities: ['leases', 'time', 'feed', 'replay', 'transactions'],
    async setup() {
      const redis = new Redis(url);
      return {
        // Far above what any call needs, since this machine may be busy; limits have tests of their own.
        node: () => redisL2({ url, tracking, commandTimeout: 10_000, connectTimeout: 10_000 }),
        async damage(namespace, key, bytes) {
          await redis.set(keysOf(namespace).entry(key), Buffer.from(bytes));
        },
        async loseTime(namespace, lost) {
          const names = keysOf(namespace);
          if (lost === 'counter') {
            await redis.del(names.time);
            return;
          }
          for await (const page of redis.scanStream({ match: `${names.mark('')}*`, count: 1_000 })) {
            if (page.length > 0) await redis.del(...(page as string[]));
          }
        },
        async destroy() {
          await redis.quit();
        },
      };
    },
  });
}
