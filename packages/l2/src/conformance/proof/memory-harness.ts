import type { L2 } from '../../contract.js';
import { MemoryStore, memoryL2 } from '../../memory.js';
import type { L2TestStore } from '../harness.js';

/**
 * A store in memory for the suite, with a clock that stands still until the suite advances it.
 *
 * @param alter may break the nodes.
 */
export function memoryTestStore(alter: (l2: L2, store: MemoryStore) => L2 = (l2) => l2): L2TestStore {
  let now = 1_000;
  const store = new MemoryStore({ now: () => now });
  return {
    node: () => alter(memoryL2(store), store),
    clock: {
      now: () => now,
      async advance(ms) {
        now += ms;
      },
    },
    async damage(namespace, key, bytes) {
      store.damage(namespace, key, bytes);
    },
    async loseTime(namespace, lost) {
      store.forgetTime(namespace, lost);
    },
    async destroy() {},
  };
}
