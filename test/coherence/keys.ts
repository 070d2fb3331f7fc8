import type { Random } from './random.js';

const KEYS = 120;
const KEYS_PER_TAG = 5;
/** So many keys get a good part of all reads and writes, so that these meet. */
const HOT = 12;
const HOT_SHARE = 0.4;

export const ALL_KEYS: readonly string[] = Array.from({ length: KEYS }, (_, index) => `k${index}`);
export const ALL_TAGS: readonly string[] = Array.from({ length: KEYS / KEYS_PER_TAG }, (_, index) => `t${index}`);

/** The tags of a key: two of them, so that a value can be dead by either. */
export function tagsOf(key: string): readonly string[] {
  const index = Number(key.slice(1));
  const first = Math.floor(index / KEYS_PER_TAG);
  return [`t${first}`, `t${(first + 1 + (index % KEYS_PER_TAG)) % ALL_TAGS.length}`];
}

/** The keys that have one of the tags. */
export function keysOf(tags: readonly string[]): readonly string[] {
  return ALL_KEYS.filter((key) => tagsOf(key).some((tag) => tags.includes(tag)));
}

export function pickKey(random: Random): string {
  return ALL_KEYS[random.chance(HOT_SHARE) ? random.below(HOT) : random.below(KEYS)] as string;
}

/** Some different keys. */
export function pickKeys(random: Random, count: number): readonly string[] {
  return [...new Set(Array.from({ length: count }, () => pickKey(random)))];
}
