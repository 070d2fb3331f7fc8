import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** A sequence of accesses to numbered keys. */
export interface Trace {
  readonly name: string;
  readonly accesses: Uint32Array;
  /** All keys are below this number. */
  readonly keys: number;
}

const SUFFIX = '.u32le.gz';

/** The traces of a folder: files `NAME.u32le.gz`, one little-endian uint32 for each access, keys numbered from 0. */
export async function readTraces(folder: string): Promise<Trace[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(SUFFIX)).sort();
  if (files.length === 0) throw new Error(`${folder} has no file *${SUFFIX}`);
  return Promise.all(
    files.map(async (file) => parse(file.slice(0, -SUFFIX.length), await readFile(join(folder, file)))),
  );
}

function parse(name: string, packed: Buffer): Trace {
  const bytes = gunzipSync(packed);
  const accesses = new Uint32Array(Math.floor(bytes.length / 4));
  for (let i = 0; i < accesses.length; i++) accesses[i] = bytes.readUInt32LE(i * 4);
  let keys = 0;
  for (const key of accesses) keys = Math.max(keys, key + 1);
  return { name, accesses, keys };
}

/**
 * Accesses that are independent of each other, the k-th most popular key with a probability proportional to 1 / k^exponent: the
 * usual model of a web cache's load (Breslau et al., INFOCOM '99). Without any recency of its own, so it flatters policies that count uses.
 */
export function zipfTrace(options: { keys: number; accesses: number; exponent: number; seed: number }): Trace {
  const { keys, exponent } = options;
  const upTo = new Float64Array(keys);
  let sum = 0;
  for (let key = 0; key < keys; key++) {
    sum += 1 / (key + 1) ** exponent;
    upTo[key] = sum;
  }
  const random = generator(options.seed);
  const accesses = new Uint32Array(options.accesses);
  for (let i = 0; i < accesses.length; i++) accesses[i] = firstAbove(upTo, random() * sum);
  return { name: `zipf-${exponent}`, accesses, keys };
}

function firstAbove(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Numbers from 0 to below 1 that are the same in each run (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
