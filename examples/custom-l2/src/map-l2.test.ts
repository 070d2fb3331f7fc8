import { l2Conformance } from '@tierwise/l2/conformance';
import { type MapStore, mapL2 } from './map-l2.js';

l2Conformance('mapL2', {
  capabilities: [],
  async setup() {
    const store: MapStore = new Map();
    return { node: () => mapL2(store), async destroy() {} };
  },
});
