import { setTimeout as sleep } from 'node:timers/promises';
import { type Hierarchy, TierwiseError } from '@tierwise/hierarchy';
import type { Random } from '../coherence/random.js';

const KEYS = 2_000;
const TAGS = 50;
const LONGEST_PAUSE_MS = 4;
const LONGEST_LOAD_MS = 5;
const LONGEST_VALUE = 400;
/** How often a load fails. */
const FAILURES = 0.02;

/** How often which call comes. */
const CALLS = {
  getOrSet: 60,
  'getOrSet, stale soon': 15,
  getOrSetMany: 8,
  get: 10,
  getMany: 4,
  set: 6,
  setMany: 1,
  delete: 4,
  expire: 1,
  touch: 1,
  invalidateTags: 1.5,
  refresh: 1,
  'namespace, getOrSet': 2,
  clear: 0.02,
};

/** What came of the calls. */
export interface LoadCounts {
  calls: number;
  loads: number;
  /** Rejected as documented: the loader's own error, or a write that did not reach L2. */
  refused: number;
  /** Rejected with anything else. */
  readonly failed: string[];
}

class SourceDown extends Error {}

/** Calls a cache at random until it is told to stop. */
export async function work(cache: Hierarchy, random: Random, counts: LoadCounts, isOn: () => boolean): Promise<void> {
  const key = () => `key ${random.below(KEYS)}`;
  const keys = () => Array.from({ length: 2 + random.below(8) }, key);
  const tag = () => `tag ${random.below(TAGS)}`;
  const value = (of: string) => ({ of, at: random.next(), text: 'x'.repeat(random.below(LONGEST_VALUE)) });
  const load = async (of: string) => {
    counts.loads += 1;
    await sleep(random.between(0, LONGEST_LOAD_MS));
    if (random.chance(FAILURES)) throw new SourceDown('the source is down');
    return value(of);
  };
  const loadMany = (some: readonly string[]) => Promise.all(some.map(load));
  const below = cache.namespace('below');
  const calls: Readonly<Record<keyof typeof CALLS, (one: string) => Promise<unknown>>> = {
    getOrSet: (one) => cache.getOrSet(one, () => load(one), { tags: [tag(), tag()] }),
    'getOrSet, stale soon': (one) =>
      cache.getOrSet(`soon ${one}`, () => load(one), { ttl: 50, staleWhileRevalidate: 200, staleIfError: 1_000 }),
    getOrSetMany: () => cache.getOrSetMany(keys(), loadMany, { tags: [tag()] }),
    get: (one) => cache.get(one),
    getMany: () => cache.getMany(keys()),
    set: (one) => cache.set(one, value(one), { tags: [tag()] }),
    setMany: () => cache.setMany(keys().map((each) => [each, value(each)])),
    delete: (one) => cache.delete(one),
    expire: (one) => cache.expire(one),
    touch: (one) => cache.touch(one),
    invalidateTags: () => cache.invalidateTags([tag()]),
    refresh: (one) => cache.refresh(one, () => load(one)),
    'namespace, getOrSet': (one) => below.getOrSet(one, () => load(one)),
    clear: () => cache.clear(),
  };
  while (isOn()) {
    const name = random.weighted(CALLS);
    counts.calls += 1;
    try {
      await calls[name](key());
    } catch (error) {
      if (error instanceof SourceDown || error instanceof TierwiseError) counts.refused += 1;
      else counts.failed.push(`${name}: ${String(error)}`);
    }
    await sleep(random.between(0, LONGEST_PAUSE_MS));
  }
}
