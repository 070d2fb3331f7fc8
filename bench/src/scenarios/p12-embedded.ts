import { mkdir } from 'node:fs/promises';
import { L1_ENTRIES, tierwiseReads } from '../contestants/l2-hits.js';
import type { Contestant, Scenario } from '../scenario.js';
import { OPS } from '../throughput.js';

const EMBEDDED = 'Tierwise on embedded storage';
const REDIS = 'Tierwise on Redis';

const embedded: Contestant = {
  name: EMBEDDED,
  kind: 'ours',
  open: async (context) => {
    const { openTierwise } = await import('../contestants/tierwise.js');
    const { embeddedL2 } = await import('@tierwise/l2-embedded');
    await mkdir(context.folder, { recursive: true });
    const l2 = embeddedL2({ dir: context.folder });
    return tierwiseReads(await openTierwise({ ...context, l1Entries: L1_ENTRIES }, { l2 }), 1);
  },
};

const redis: Contestant = {
  name: REDIS,
  kind: 'ours',
  open: async (context) => {
    const { openTierwise } = await import('../contestants/tierwise.js');
    return tierwiseReads(await openTierwise({ ...context, l1Entries: L1_ENTRIES }), 1);
  },
};

export const scenario: Scenario = {
  id: 'P12',
  title: 'L2 hit on embedded storage, one caller',
  method: 'As P4: `await cache.getOrSet(key, load)` for values of 1 KB that are in L2 alone.',
  figures: [OPS],
  contestants: [redis, embedded],
  targets: [{ of: EMBEDDED, against: [REDIS], atLeast: 5 }],
};
