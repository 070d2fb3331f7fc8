import { setTimeout as sleep } from 'node:timers/promises';
import type { Hierarchy } from '@tierwise/hierarchy';
import { LOAD_MS } from './limits.js';

/** Where a value comes from, so that an answer tells who gave it. */
export interface Sample {
  /** {@link OLD}: what is in L2, and in the L1 of whoever has read it, before the fault. */
  readonly from: typeof OLD | 'source' | 'set';
}

/** What is in L2 from the beginning, of which the bytes can be found in a reply. */
export const OLD = 'old';

/** The key of an operation; in L2 from the beginning, with the tag {@link TAG}. */
export const KEY = 'key';
export const TAG = 'tag';
const BATCH = Array.from({ length: 5 }, (_, i) => `batch ${i}`);

/** A call whose fate under a fault is of interest. */
export interface ChaosOperation {
  readonly name: string;
  /** Whether the node has {@link KEY} in L1 before. */
  readonly isWarm: boolean;
  /** What it invalidates, if it does: from then on nobody may see the old value under {@link KEY}. */
  readonly invalidates: boolean;
  /** The keys that have to be in L2 before. */
  readonly keys: readonly string[];
  /** How long what is stored before is fresh, in milliseconds; the operation comes after that. Default: it is fresh all the time. */
  readonly pastMs?: number;
  /** @returns what it found, where it is a read. */
  run(node: Hierarchy): Promise<readonly (Sample | undefined)[]>;
}

/** The source has had the same all the time, but for its name. */
async function load(): Promise<Sample> {
  await sleep(LOAD_MS);
  return { from: 'source' };
}

/** What a source that is down says. */
export class SourceDownError extends Error {}

async function fail(): Promise<never> {
  throw new SourceDownError('the source is down');
}

const read = (
  name: string,
  isWarm: boolean,
  run: (node: Hierarchy) => Promise<Sample | undefined>,
): ChaosOperation => ({
  name,
  isWarm,
  invalidates: false,
  keys: [KEY],
  run: async (node) => [await run(node)],
});

const write = (name: string, run: (node: Hierarchy) => Promise<unknown>): ChaosOperation => ({
  name,
  isWarm: true,
  invalidates: true,
  keys: [KEY],
  run: async (node) => {
    await run(node);
    return [];
  },
});

export const CHAOS_OPERATIONS: readonly ChaosOperation[] = [
  read('L1 hit', true, (node) => node.getOrSet(KEY, load)),
  read('get, cold', false, (node) => node.get(KEY)),
  read('getOrSet, cold', false, (node) => node.getOrSet(KEY, load)),
  {
    ...read('getOrSetMany, cold', false, async () => undefined),
    keys: BATCH,
    run: (node) => node.getOrSetMany(BATCH, (keys) => Promise.all(keys.map(load))),
  },
  {
    ...read('past its ttl, source down', true, (node) => node.getOrSet(KEY, fail, { staleIfError: '1h' })),
    pastMs: 300,
  },
  read('refresh', true, (node) => node.refresh(KEY, load)),
  write('set', (node) => node.set(KEY, { from: 'set' }, { tags: [TAG] })),
  write('delete', (node) => node.delete(KEY)),
  write('expire', (node) => node.expire(KEY)),
  write('invalidateTags', (node) => node.invalidateTags([TAG])),
  write('clear', (node) => node.clear()),
  write('transaction', (node) =>
    node.transaction(async (transaction) => {
      await transaction.get(KEY);
      transaction.set(KEY, { from: 'set' }, { tags: [TAG] });
    }),
  ),
  {
    name: 'close',
    isWarm: true,
    invalidates: false,
    keys: [KEY],
    run: async (node) => {
      await node.close();
      return [];
    },
  },
];
