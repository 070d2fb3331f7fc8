import type { Cache } from '../contestants/cache.js';
import { TTL_MS } from '../contestants/cache.js';
import { measureWrites } from '../contestants/l2-hits.js';
import { startListener } from '../contestants/listener.js';
import {
  BENTOCACHE,
  BENTOCACHE_OBJECTS,
  CACHEABLE,
  LAYERED_LOADER,
  openCache,
  peersAmong,
  TIERWISE,
} from '../contestants/roster.js';
import { keysOf } from '../keys.js';
import type { Contestant, Scenario } from '../scenario.js';
import { OPS } from '../throughput.js';

const CALLERS = 100;
const KEYS = 5_000;
const RAW = 'ioredis auto-pipelined, encode + SET';
const CACHES = [TIERWISE, BENTOCACHE, BENTOCACHE_OBJECTS, LAYERED_LOADER, CACHEABLE];

function raw(name: string, autoPipelining: boolean): Contestant {
  return {
    name,
    kind: 'raw',
    open: async ({ redisUrl, namespace }) => {
      const { connect, packr } = await import('../contestants/ioredis.js');
      const redis = await connect(redisUrl, autoPipelining);
      const measure = measureWrites(keysOf(KEYS, namespace), CALLERS, (key, value) =>
        redis.set(key, packr.pack(value), 'PX', TTL_MS),
      );
      return { measure, close: async () => redis.disconnect() };
    },
  };
}

function heardByPeer(name: string): Contestant {
  return {
    name,
    kind: name === TIERWISE ? 'ours' : 'peer',
    open: async (context) => {
      const cache = (await openCache(name, context, KEYS)) as Cache & Required<Pick<Cache, 'set'>>;
      const listener = await startListener(name, context);
      return {
        measure: measureWrites(keysOf(KEYS), CALLERS, cache.set),
        close: async () => {
          try {
            await listener.mustHear((key, value) => cache.set(key, value));
          } finally {
            await listener.stop();
            await cache.close();
          }
        },
      };
    },
  };
}

export const scenario: Scenario = {
  id: 'P5',
  title: 'set, 100 at once, with a peer listening',
  method:
    '100 calls of `set` for 100 keys in one turn of the event loop, over 5,000 keys; another process has the same cache open and is told of each write. Afterwards it must see the last one.',
  figures: [OPS],
  contestants: [raw(RAW, true), raw('ioredis, encode + SET', false), ...CACHES.map(heardByPeer)],
  targets: [
    { of: TIERWISE, against: [RAW], atLeast: 0.75 },
    { of: TIERWISE, against: peersAmong(CACHES), called: 'the fastest peer', atLeast: 3 },
  ],
  differences: [
    'Raw ioredis tells nobody. cache-manager and async-cache-dedupe do not tell their peers of writes and are left out.',
    'Tierwise does the write, the revocation of leases and the message in one atomic script; the peers send a write and then a message, which is lost if the writer dies in between.',
  ],
};
