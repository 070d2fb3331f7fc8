import { l2Conformance } from './conformance.js';
import { MemoryStore, memoryL2 } from './memory.js';

l2Conformance('memoryL2', {
  capabilities: ['leases', 'time', 'feed'],
  async setup() {
    let now = 1_000;
    const store = new MemoryStore({ now: () => now });
    return {
      node: () => memoryL2(store),
      clock: {
        now: () => now,
        async advance(ms) {
          now += ms;
        },
      },
      async destroy() {},
    };
  },
});
