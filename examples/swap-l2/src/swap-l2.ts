import { parseArgs } from 'node:util';
import { createHierarchy, type Hierarchy } from '@tierwise/hierarchy';
import { backends } from './backends.js';

/** One program on any backend: `swap-l2 --l2 none|memory|embedded|redis [--url redis://localhost:6379]`. */

const { values } = parseArgs({
  options: {
    l2: { type: 'string', default: 'embedded' },
    url: { type: 'string', default: 'redis://localhost:6379' },
  },
});
const backend = await backends[values.l2]?.(values.url);
if (backend === undefined) {
  console.error(`--l2 must be one of ${Object.keys(backends).join(', ')}, not ${values.l2}`);
  process.exit(2);
}

const namespace = `swap-l2-${process.pid}`;
const open = (): Hierarchy => {
  const l2 = backend.open();
  return createHierarchy({ namespace, ttl: '1m', ...(l2 && { l2 }) });
};

let loads = 0;
const readFrom = async (name: string, cache: Hierarchy): Promise<void> => {
  const before = { loads, l2: cache.stats().l2.hits };
  const { celsius } = await cache.getOrSet('oslo', async () => ({ celsius: 20 + ++loads }), { tags: ['weather'] });
  const tier = loads > before.loads ? 'the source' : cache.stats().l2.hits > before.l2 ? 'L2' : 'L1';
  console.log(`${name} reads ${celsius} °C from ${tier}`);
};

console.log(`L2: ${values.l2}`);
const [first, second] = [open(), open()];
try {
  await Promise.all([first.ready(), second.ready()]);
  await readFrom('node 1', first);
  await readFrom('node 1', first);
  await readFrom('node 2', second);
  await first.invalidateTags(['weather']);
  console.log('node 1 invalidates the tag weather');
  await readFrom('node 1', first);
  console.log(`loads: ${loads}`);
  await first.purge();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await Promise.all([first.close(), second.close()]);
  await backend.end?.();
}
