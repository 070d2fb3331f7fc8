import type { Side } from './phase.js';

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
/** Percentages are told apart to a hundredth. */
const BUCKETS = 10_000;

/**
 * The store at which a key is at home while values move: it is asked first and takes what is set. The same on every node of the same
 * percentage. A key that has moved stays moved as the percentage grows.
 */
export function homeOf(namespace: string, key: string, percentage: number): Side {
  return bucketOf(namespace, key) < percentage * (BUCKETS / 100) ? 'to' : 'from';
}

/** FNV-1a over both names, kept apart, and mixed well: neighbouring keys must not move together. */
function bucketOf(namespace: string, key: string): number {
  let hash = FNV_OFFSET;
  for (const name of [namespace, '\uffff', key]) {
    for (let index = 0; index < name.length; index += 1) {
      hash = Math.imul(hash ^ name.charCodeAt(index), FNV_PRIME);
    }
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return ((hash ^ (hash >>> 15)) >>> 0) % BUCKETS;
}
