import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type L2TestStore, l2Conformance } from '@tierwise/l2/conformance';
import { embeddedL2 } from './embedded.js';
import { storeKey } from './key-codec.js';
import { locate } from './location.js';
import { spaceOf } from './space.js';
import { acquireStore, releaseStore } from './store.js';
import type { Transaction } from './transaction.js';

l2Conformance('embedded', {
  capabilities: ['leases', 'time', 'feed', 'replay', 'transactions'],
  async setup(): Promise<L2TestStore> {
    const dir = mkdtempSync(join(tmpdir(), 'tierwise-conformance-'));
    let now = Date.now();
    const clock = { now: () => now };

    /** Reaches into the store behind the backend's back. */
    async function tamper(deed: (txn: Transaction) => void): Promise<void> {
      const store = await acquireStore(locate(dir, 'process'));
      await store.write({ origin: 'tamperer', now: clock.now }, deed);
      await releaseStore(store);
    }

    return {
      node: () => embeddedL2({ dir, clock }),
      clock: {
        now: clock.now,
        async advance(ms) {
          now += ms;
        },
      },
      damage: (namespace, key, bytes) =>
        tamper(({ tables }) => {
          tables.entries.put(storeKey(spaceOf(namespace).prefix, key), Buffer.from(bytes));
        }),
      loseTime: (namespace, lost) =>
        tamper(({ tables }) => {
          const { prefix } = spaceOf(namespace);
          if (lost === 'counter') tables.generations.remove(prefix);
          else for (const mark of [...tables.marks.getKeys({ start: prefix })]) tables.marks.remove(mark);
        }),
      async destroy() {
        rmSync(dir, { recursive: true });
      },
    };
  },
});
