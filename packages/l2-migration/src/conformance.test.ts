import { l2Conformance } from '@tierwise/l2/conformance';
import { MemoryStore, memoryL2 } from '@tierwise/l2/memory';
import { opened, putRecord, quick } from '../test/phases.js';
import type { MigrationPhase } from './phase.js';
import { RecordStore } from './record-store.js';

const PHASES: readonly [MigrationPhase, percentage: number][] = [
  ['from', 0],
  ['joining', 0],
  ['moving', 50],
  ['leaving', 100],
  ['to', 100],
];

for (const [phase, percentage] of PHASES) {
  l2Conformance(`migrateL2, ${phase} at ${percentage} %`, {
    capabilities: ['leases', 'time', 'feed'],
    async setup() {
      let now = 1_000;
      const clock = () => now;
      const stores = { from: new MemoryStore({ now: clock }), to: new MemoryStore({ now: clock }) };
      const writer = await opened(memoryL2(stores.from));
      await putRecord(writer, phase, percentage);
      const cleaner = await opened(memoryL2(stores.to), 'cleaner');
      const both = Object.values(stores);
      return {
        node: () => quick(memoryL2(stores.from), memoryL2(stores.to)),
        clock: {
          now: clock,
          async advance(ms) {
            now += ms;
          },
        },
        async damage(namespace, key, bytes) {
          // Damaged since it was cleaned: what is there before is purged.
          await new RecordStore({ from: cleaner, to: cleaner }, 'default').setClean(namespace, 'run');
          for (const store of both) store.damage(namespace, key, bytes);
        },
        async loseTime(namespace, lost) {
          for (const store of both) store.forgetTime(namespace, lost);
        },
        async destroy() {},
      };
    },
  });
}
