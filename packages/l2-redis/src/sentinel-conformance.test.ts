import { l2Conformance } from '@tierwise/l2/conformance';
import { Redis } from 'ioredis';
import { describe } from 'vitest';
import { startSentinels } from '../../../test/support/redis-sentinel.js';
import { keysOf } from './keys.js';
import { redisL2 } from './redis-l2.js';

const servers = await startSentinels();

describe.skipIf(servers === undefined)('by a Sentinel', () => {
  l2Conformance('redis', {
    capabilities: ['leases', 'time', 'feed', 'replay', 'transactions'],
    async setup() {
      const { name = '', addresses: sentinels = [] } = servers ?? {};
      const admin = new Redis({ name, sentinels: [...sentinels] });
      return {
        // Far above what any call needs, since this machine may be busy; limits have tests of their own.
        node: () => redisL2({ sentinel: { name, sentinels }, commandTimeout: 10_000, connectTimeout: 10_000 }),
        async damage(namespace, key, bytes) {
          await admin.set(keysOf(namespace).entry(key), Buffer.from(bytes));
        },
        async loseTime(namespace, lost) {
          const names = keysOf(namespace);
          if (lost === 'counter') {
            await admin.del(names.time);
            return;
          }
          for await (const page of admin.scanStream({ match: `${names.mark('')}*`, count: 1_000 })) {
            if (page.length > 0) await admin.del(...(page as string[]));
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
