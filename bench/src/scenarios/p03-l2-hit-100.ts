import { TTL_MS } from '../contestants/cache.js';
import { cachesHittingL2, KEYS, rawHittingRedis, tierwiseHittingL2 } from '../contestants/l2-hits.js';
import { ON_REDIS, peersAmong, TIERWISE } from '../contestants/roster.js';
import { forEach, inTurn, keysOf } from '../keys.js';
import type { Contestant, Scenario } from '../scenario.js';
import { OPS, throughput } from '../throughput.js';
import { sample } from '../values.js';

const CALLERS = 100;
const RAW = 'ioredis, getBuffer + decode';

const mget: Contestant = {
  name: 'ioredis, mgetBuffer + decode',
  kind: 'raw',
  open: async ({ redisUrl, namespace }) => {
    const { connect, packr } = await import('../contestants/ioredis.js');
    const redis = await connect(redisUrl);
    const keys = keysOf(KEYS, namespace);
    const bytes = packr.pack(sample('1 KB'));
    await forEach(keys, (key) => redis.set(key, bytes, 'PX', TTL_MS));
    const next = inTurn(keys, CALLERS);
    const measure = throughput(async (times) => {
      for (let time = 0; time < times; time += 1) {
        for (const found of await redis.mgetBuffer(next())) packr.unpack(found as Buffer);
      }
    }, CALLERS);
    return { measure, close: async () => redis.disconnect() };
  },
};

export const scenario: Scenario = {
  id: 'P3',
  title: 'L2 hit, 100 callers at once',
  method:
    '100 calls of `getOrSet` for 100 keys in one turn of the event loop, and then the next 100, of 2,000 in Redis; memory has room for 500, so that none is found there.',
  figures: [OPS],
  contestants: [
    rawHittingRedis(RAW, CALLERS, false),
    rawHittingRedis('ioredis auto-pipelined, getBuffer + decode', CALLERS, true),
    mget,
    ...cachesHittingL2(ON_REDIS, CALLERS),
    tierwiseHittingL2('Tierwise, 100 B', CALLERS, '100 B'),
    rawHittingRedis('ioredis, 100 B', CALLERS, false, '100 B'),
    tierwiseHittingL2('Tierwise, 10 KB', CALLERS, '10 KB'),
    rawHittingRedis('ioredis, 10 KB', CALLERS, false, '10 KB'),
  ],
  targets: [
    { of: TIERWISE, against: [RAW], atLeast: 1.6 },
    { of: TIERWISE, against: peersAmong(ON_REDIS), called: 'the fastest peer', atLeast: 1.5 },
  ],
  differences: [
    'Raw ioredis decodes MessagePack and stores nothing in memory. Tierwise checks a header and a checksum, decompresses where that was worth it (from 1 KB on), decodes, freezes, and puts the value into L1, as all two-tier peers do; they encode JSON.',
    'async-cache-dedupe has Redis as its only tier here.',
  ],
};
