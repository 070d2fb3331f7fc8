import { l2Conformance } from '@tierwise/l2/conformance';
import { redisPool } from '@tierwise/pools/redis';
import { Redis } from 'ioredis';
import { keysOf } from './keys.js';
import { redisL2 } from './redis-l2.js';

const url = process.env['TIERWISE_TEST_REDIS_URL'] ?? '';

l2Conformance('redis, by a pool', {
  capabilities: ['leases', 'time', 'feed', 'replay', 'transactions'],
  async setup() {
    const redis = new Redis(url);
    const pool = redisPool<Redis>({ client: (own) => new Redis(url, { ...own, protocol: 2 }), shared: 3, max: 20 });
    return {
      // The nodes of a test share the pool.
      node: () => redisL2({ pool, commandTimeout: 10_000, connectTimeout: 10_000 }),
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
        await pool.close();
        await redis.quit();
      },
    };
  },
});
