import { createHierarchy } from '@tierwise/hierarchy';
import { type MapStore, mapL2 } from './map-l2.js';

// Swapping the backend in is this one line: `l2: mapL2(store)`.
const store: MapStore = new Map();
const open = () => createHierarchy({ namespace: 'shop', ttl: '1m', l2: mapL2(store) });

const before = open();
console.log('loaded:', await before.getOrSet('lamp', () => ({ price: 10 })));
await before.close();

const after = open();
console.log(
  'after a restart:',
  await after.getOrSet('lamp', () => ({ price: 11 })),
  (await after.getEntry('lamp'))?.tier,
);
await after.delete('lamp');
console.log('after delete:', await after.getOrSet('lamp', () => ({ price: 12 })));
await after.close();
