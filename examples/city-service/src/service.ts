import { createHierarchy } from '@tierwise/hierarchy';
import { embeddedL2 } from '@tierwise/l2-embedded';
import { redisL2 } from '@tierwise/l2-redis';
import { createApp } from './app.js';
import { runChild } from './child.js';
import { Database } from './database.js';
import { serveMetrics } from './metrics.js';

/** What a process of the service is told. It comes over IPC, so that keys stay out of command lines and environments. */
export interface ServiceInstructions {
  /** Where the source is. */
  readonly source: string;
  readonly l2: { readonly redis: string } | { readonly dir: string };
  readonly namespace: string;
  /** Hex; 32 bytes each. */
  readonly encryption: { readonly key: string; readonly nameKey: string } | undefined;
  readonly l1Entries: number;
  readonly loseEvery: number;
  /** The port for metrics and health; 0: any. `undefined`: they are not served. */
  readonly metrics: number | undefined;
}

/** A process of the service. */
runChild<ServiceInstructions>(async ({ source, l2, namespace, encryption, l1Entries, loseEvery, metrics }) => {
  const cache = createHierarchy({
    namespace,
    l1: { maxEntries: l1Entries },
    l2: 'redis' in l2 ? redisL2({ url: l2.redis }) : embeddedL2({ dir: l2.dir }),
    ttl: '5m',
    closeTimeout: '1s',
    ...(encryption && {
      encryption: { keys: [{ id: 'demo', key: encryption.key }], hideNames: { key: encryption.nameKey } },
    }),
  });
  await cache.ready();
  const database = new Database(source);
  const app = createApp({ cache, database, loseEvery });
  const origin = await app.listen({ host: '127.0.0.1', port: 0 });
  const served = metrics === undefined ? undefined : await serveMetrics(cache, database.pool, metrics);
  return {
    ready: { origin, metrics: served?.url },
    stop: async () => {
      await app.close();
      served?.close();
      // Physically, so that nothing of the demo stays in a Redis of the user's.
      if ('redis' in l2) await cache.purge().catch(() => {});
      await cache.close();
      await database.close();
    },
  };
});
