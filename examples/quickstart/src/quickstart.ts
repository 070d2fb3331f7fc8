import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHierarchy, type Hierarchy } from '@tierwise/hierarchy';
import { embeddedL2 } from '@tierwise/l2-embedded';

const dir = await mkdtemp(join(tmpdir(), 'tierwise-quickstart-'));
const open = () => createHierarchy({ namespace: 'shop', ttl: '10m', l2: embeddedL2({ dir }) });
const [here, there] = [open(), open()]; // two nodes on one L2: in real life, two processes

let price = 10;
const load = () => {
  console.log('… asking the source');
  return { name: 'Lamp', price };
};
const lamp = (cache: Hierarchy) => cache.getOrSet('product:7', load, { tags: ['catalogue'] });

console.log('100 readers:', new Set(await Promise.all(Array.from({ length: 100 }, () => lamp(here)))));
console.log('again, here:', (await here.getEntry('product:7'))?.tier);
console.log('first, there:', (await there.getEntry('product:7'))?.tier);
price = 12;
await there.invalidateTags(['catalogue']);
console.log('after the change:', await lamp(there));

await Promise.all([here.close(), there.close()]);
await rm(dir, { recursive: true });
