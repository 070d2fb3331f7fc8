import { cachesHittingL2, rawHittingRedis, tierwiseHittingL2 } from '../contestants/l2-hits.js';
import { ON_REDIS, TIERWISE } from '../contestants/roster.js';
import type { Scenario } from '../scenario.js';
import { OPS } from '../throughput.js';

const RAW = 'ioredis, getBuffer + decode';

export const scenario: Scenario = {
  id: 'P4',
  title: 'L2 hit, one caller',
  method:
    '`await cache.getOrSet(key, load)`, one after the other, over 2,000 keys in Redis; memory has room for 500, so that none is found there.',
  figures: [OPS],
  contestants: [
    rawHittingRedis(RAW, 1, false),
    ...cachesHittingL2(ON_REDIS, 1),
    tierwiseHittingL2('Tierwise, 100 B', 1, '100 B'),
    rawHittingRedis('ioredis, 100 B', 1, false, '100 B'),
    tierwiseHittingL2('Tierwise, 10 KB', 1, '10 KB'),
    rawHittingRedis('ioredis, 10 KB', 1, false, '10 KB'),
  ],
  targets: [{ of: TIERWISE, against: [RAW], atLeast: 0.9 }],
  differences: ['As in P3.'],
};
