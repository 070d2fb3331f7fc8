import { isDeepStrictEqual } from 'node:util';
import { createHierarchy, type Hierarchy, type HierarchyOptions } from '@tierwise/hierarchy';
import type { Random } from '../coherence/random.js';
import { damagedL2 } from './damaged-l2.js';
import { mutated, noise } from './mutate.js';
import { SAMPLES } from './samples.js';

const NAMESPACE = 'fuzz';
const TAGS = ['a', 'b'];

interface Kind {
  readonly options: Partial<HierarchyOptions>;
  readonly tags: readonly string[];
  /** Damages what is inside of whole envelopes, as one would who knows the format: whatever can be decoded is right then. */
  readonly isForged?: boolean;
}

/** Ways in which values are packed. */
export const KINDS: Readonly<Record<string, Kind>> = {
  plain: { options: { compression: false }, tags: [] },
  tagged: { options: { compression: false }, tags: TAGS },
  compressed: { options: { compression: { threshold: 1 } }, tags: TAGS },
  sealed: { options: { encryption: { keys: [{ id: 'k', key: new Uint8Array(32).fill(3) }] } }, tags: TAGS },
  'names hidden': {
    options: {
      encryption: {
        keys: [{ id: 'k', key: new Uint8Array(32).fill(3) }],
        hideNames: { key: new Uint8Array(32).fill(4) },
      },
    },
    tags: TAGS,
  },
  forged: { options: { compression: false }, tags: [], isForged: true },
};

/** What became of reads that met bad bytes. */
export interface Tally {
  /** How often L2 answered with other bytes than were written. */
  payloads: number;
  /** Nothing was found, or the loader answered. */
  misses: number;
  /** What had been stored was found: the bytes were whole after all, or it was in L1. */
  whole: number;
  /** Something else was found, in a payload that was forged. */
  forged: number;
  /** What must not be: a read rejected. */
  readonly thrown: string[];
  /** What must not be: a value that nobody stored. */
  readonly wrong: string[];
}

/** Reads through a hierarchy whose L2 answers with damaged bytes, until it has answered so often. */
export async function fuzz({ options, tags, isForged = false }: Kind, count: number, random: Random): Promise<Tally> {
  const { l2, written, answer } = damagedL2();
  // An L1 of one entry, so that reads go to L2.
  const cache = createHierarchy({ namespace: NAMESPACE, l2, l1: { maxEntries: 1 }, ttl: '1h', ...options });
  const tally: Tally = { payloads: 0, misses: 0, whole: 0, forged: 0, thrown: [], wrong: [] };
  try {
    await cache.ready();
    for (const [key, value] of SAMPLES) await cache.set(key, value, { tags });
    const all = [...written.values()];
    const damage = isForged ? await forger() : (bytes: Uint8Array) => damaged(bytes, all, random);
    // Under names that are hidden, keys are what L2 calls them.
    answer((key) => {
      tally.payloads += 1;
      return damage(written.get(key) ?? new Uint8Array(), key, random);
    });
    while (tally.payloads < count) await readOnce(cache, random, tally, isForged);
  } finally {
    await cache.close();
  }
  return tally;
}

/** Mostly a mutation; else another one's bytes, a beginning with noise behind it, or noise alone. */
function damaged(own: Uint8Array, all: readonly Uint8Array[], random: Random): Uint8Array {
  const turn = random.next();
  if (turn < 0.05) return random.pick(all);
  if (turn < 0.1) return noise(random.below(200), random);
  if (turn < 0.2)
    return Uint8Array.from([...own.subarray(0, random.below(own.length)), ...noise(random.below(60), random)]);
  return mutated(own, random);
}

async function readOnce(cache: Hierarchy, random: Random, tally: Tally, isForged: boolean): Promise<void> {
  const call = random.pick(['getMany', 'getMany', 'get', 'getEntry', 'has', 'getOrSet'] as const);
  const keys = call === 'getMany' ? [...SAMPLES.keys()] : [random.pick([...SAMPLES.keys()])];
  const [key = ''] = keys;
  try {
    for (const [index, value] of (await CALLS[call](cache, keys, key)).entries()) {
      if (value === undefined) tally.misses += 1;
      else if (isDeepStrictEqual(value, SAMPLES.get(keys[index] ?? ''))) tally.whole += 1;
      else if (isForged) tally.forged += 1;
      else tally.wrong.push(`${call} ${keys[index]}`);
    }
  } catch (error) {
    tally.thrown.push(`${call} ${key}: ${String(error)}`);
  }
}

const CALLS = {
  get: async (cache: Hierarchy, _: readonly string[], key: string) => [await cache.get(key)],
  getMany: (cache: Hierarchy, keys: readonly string[]) => cache.getMany(keys),
  getEntry: async (cache: Hierarchy, _: readonly string[], key: string) => [(await cache.getEntry(key))?.value],
  getOrSet: async (cache: Hierarchy, _: readonly string[], key: string) => [
    await cache.getOrSet(key, (context) => context.skip()),
  ],
  has: async (cache: Hierarchy, _: readonly string[], key: string) => {
    await cache.has(key);
    return [];
  },
};

/** Damaged payloads in whole envelopes, as one would write them who knows the format. */
async function forger(): Promise<(own: Uint8Array, key: string, random: Random) => Uint8Array> {
  // Not exported by the package: no part of its interface.
  const entry = import.meta.resolve('@tierwise/hierarchy');
  const { createCodec } = await import(new URL('./codec/index.js', entry).href);
  const codec = createCodec({ compression: false });
  const payloads = new Map([...SAMPLES].map(([key, value]) => [key, codec.encode(value) as Uint8Array]));
  return (own, key, random) => {
    // Of any other generation it would be dead, and not be decoded at all.
    const { generation } = codec.unpack(own, { namespace: NAMESPACE, key });
    const payload = mutated(payloads.get(key) ?? new Uint8Array(), random);
    return codec.pack(payload, { namespace: NAMESPACE, key, generation, tags: [] });
  };
}
