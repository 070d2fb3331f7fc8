import { optimalHits } from './optimum.js';
import { arc } from './policies/arc.js';
import { lirs } from './policies/lirs.js';
import { lru } from './policies/lru.js';
import { lru2 } from './policies/lru-2.js';
import type { MakePolicy } from './policies/policy.js';
import { s3Fifo } from './policies/s3-fifo.js';
import { sieve } from './policies/sieve.js';
import { twoQueue } from './policies/two-queue.js';
import { adaptiveWTinyLfu, wTinyLfu } from './policies/w-tiny-lfu.js';
import type { Trace } from './trace.js';

const policies: Readonly<Record<string, MakePolicy>> = {
  LRU: lru,
  SIEVE: sieve,
  'S3-FIFO': s3Fifo,
  '2Q': twoQueue,
  'LRU-2': lru2,
  ARC: arc,
  LIRS: lirs,
  'W-TinyLFU': wTinyLfu,
  'W-TinyLFU, adaptive': adaptiveWTinyLfu,
};

export const OPTIMUM = 'Optimum';

/** What is simulated, L1's own policy first, Bélády's optimum last. */
export const CONTESTANTS: readonly string[] = [...Object.keys(policies), OPTIMUM];

/** Hits, in per cent of all accesses, with every policy in an empty cache of so many places at first. */
export function hitRatios(trace: Trace, capacity: number): Readonly<Record<string, number>> {
  const { accesses, keys } = trace;
  const percent = (hits: number): number => (100 * hits) / accesses.length;
  const ratios: Record<string, number> = {};
  for (const [name, make] of Object.entries(policies)) {
    const policy = make(capacity, keys);
    let hits = 0;
    for (let i = 0; i < accesses.length; i++) if (policy.access(accesses[i] as number)) hits++;
    ratios[name] = percent(hits);
  }
  ratios[OPTIMUM] = percent(optimalHits(accesses, capacity, keys));
  return ratios;
}
