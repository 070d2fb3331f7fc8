import { memoryTestStore } from './conformance/proof/memory-harness.js';
import { l2Conformance } from './conformance.js';

l2Conformance('memoryL2', {
  capabilities: ['leases', 'time', 'feed', 'replay', 'transactions'],
  setup: async () => memoryTestStore(),
});
