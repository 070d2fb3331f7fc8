import { TTL_MS } from '../contestants/cache.js';
import { L1_ENTRIES, measureReads } from '../contestants/l2-hits.js';
import { forEach, keysOf, mustNotLoad } from '../keys.js';
import type { Contestant, Scenario, Stand } from '../scenario.js';
import { OPS } from '../throughput.js';
import { sample } from '../values.js';
import { type BenchCluster, startCluster } from './cluster-process.js';

const CALLERS = 100;
const KEYS = 5_000;
const TIERWISE = 'Tierwise';
const RAW = 'ioredis Cluster, getBuffer';
const RAW_DECODING = 'ioredis Cluster, getBuffer + decode';
const RAW_PIPELINED = 'ioredis Cluster auto-pipelined, getBuffer + decode';

/** Each contestant has a cluster of its own, which is idle while the others are measured. */
function onCluster(
  name: string,
  kind: Contestant['kind'],
  open: (nodes: BenchCluster['nodes'], namespace: string) => Promise<Stand>,
): Contestant {
  return {
    name,
    kind,
    open: async ({ namespace }) => {
      const cluster = await startCluster();
      const stand = await open(cluster.nodes, namespace);
      return {
        measure: stand.measure,
        close: async () => {
          await stand.close();
          await cluster.stop();
        },
      };
    },
  };
}

function raw(name: string, options: { decodes: boolean; enableAutoPipelining: boolean }): Contestant {
  return onCluster(name, 'raw', async (nodes, namespace) => {
    const { Cluster } = await import('ioredis-6');
    const { packr } = await import('../contestants/ioredis.js');
    const cluster = new Cluster([...nodes], {
      enableAutoPipelining: options.enableAutoPipelining,
      lazyConnect: true,
    });
    await cluster.connect();
    const keys = keysOf(KEYS, namespace);
    const bytes = packr.pack(sample('1 KB'));
    await forEach(keys, (key) => cluster.set(key, bytes, 'PX', TTL_MS));
    const read = options.decodes
      ? async (key: string) => packr.unpack((await cluster.getBuffer(key)) as Buffer)
      : (key: string) => cluster.getBuffer(key);
    return { measure: measureReads(keys, CALLERS, read), close: async () => cluster.disconnect() };
  });
}

const tierwise: Contestant = onCluster(TIERWISE, 'ours', async (nodes, namespace) => {
  const { createHierarchy } = await import('@tierwise/hierarchy');
  const { redisL2 } = await import('@tierwise/l2-redis');
  const cache = createHierarchy({
    namespace,
    l1: { maxEntries: L1_ENTRIES, maxBytes: '2gb' },
    l2: redisL2({ cluster: { nodes } }),
    ttl: TTL_MS,
  });
  await cache.ready();
  const keys = keysOf(KEYS);
  const value = sample('1 KB');
  await forEach(keys, (key) => cache.set(key, value));
  const measure = measureReads(keys, CALLERS, (key) => cache.getOrSet(key, mustNotLoad));
  return {
    measure: async (budgetMs) => {
      const before = cache.stats().l1.hits;
      const figures = await measure(budgetMs);
      if (cache.stats().l1.hits > before) throw new Error('some of them were hits in L1');
      return figures;
    },
    close: () => cache.close(),
  };
});

export const scenario: Scenario = {
  id: 'P16',
  title: 'Cluster of 3, L2 hit, 100 callers at once',
  method:
    '100 calls of `getOrSet` for 100 keys in one turn of the event loop, and then the next 100, of 5,000 in a Redis Cluster of three masters; memory has room for 500, so that none is found there.',
  figures: [OPS],
  contestants: [
    tierwise,
    raw(RAW, { decodes: false, enableAutoPipelining: false }),
    raw(RAW_DECODING, { decodes: true, enableAutoPipelining: false }),
    raw(RAW_PIPELINED, { decodes: true, enableAutoPipelining: true }),
  ],
  targets: [
    { of: TIERWISE, against: [RAW], atLeast: 1.3 },
    { of: TIERWISE, against: [RAW_DECODING], atLeast: 1.3 },
  ],
  differences: [
    'Raw `getBuffer` hands out bytes. Tierwise checks, decodes and freezes them and puts the value into L1.',
    'Peers are left out: of them, only some take a Cluster client, and none groups its reads per node.',
  ],
};
