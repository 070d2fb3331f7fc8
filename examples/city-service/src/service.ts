import { createHierarchy } from '@tierwise/hierarchy';
import { embeddedL2 } from '@tierwise/l2-embedded';
import { redisL2 } from '@tierwise/l2-redis';
import { createApp } from './app.js';
import { runChild } from './child.js';
import { Database } from './database.js';

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
}

/** A process of the service. */
runChild<ServiceInstructions>(async ({ source, l2, namespace, encryption, l1Entries, loseEvery }) => {
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
  return {
    ready: { origin },
    stop: async () => {
      await app.close();
      // Physically, so that nothing of the demo stays in a Redis of the user's.
      if ('redis' in l2) await cache.purge().catch(() => {});
      await cache.close();
      database.close();
    },
  };
});
