import type { Cache } from '../contestants/cache.js';
import { zipfTrace } from '../traces/trace.js';
import { sample } from '../values.js';

export const KEYS = 2_000;
/** Half of the keys: so all tiers have something to do. */
export const L1_ENTRIES = 1_000;
/** Each process has so many operations under way at any time. */
export const CALLERS = 16;
/** One operation of so many is a write. */
const WRITE_EVERY = 20;
/** One operation of so many is timed: the clock costs as much as a hit in L1. */
const TIMED_EVERY = 7;
/** Popularity falls with the rank to this power, as in web caches (Breslau et al., INFOCOM '99: 0.64 to 0.83; here a bit steeper). */
const EXPONENT = 0.9;
const ORDERS = 65_536;

/** What one process did. */
export interface Work {
  readonly perSecond: number;
  /** How long the timed operations took, in milliseconds. */
  readonly tookMs: Float64Array;
}

/** A cache that can write, and be read by key. */
export type Writable = Cache & Required<Pick<Cache, 'set'>>;

export const keyOf = (index: number): string => `user:${index}`;

/**
 * Reads and writes keys by their popularity for so long: 95 % `getOrSet`, 5 % `set`, in an order that depends on the seed alone. Each
 * caller begins its next operation when its last one is done.
 */
export function mixedLoad(cache: Writable, seed: number): (budgetMs: number) => Promise<Work> {
  const order = zipfTrace({ keys: KEYS, accesses: ORDERS, exponent: EXPONENT, seed }).accesses;
  const keys = Array.from({ length: KEYS }, (_, index) => keyOf(index));
  const value = sample('1 KB');
  const load = async () => value;
  let serial = 0;

  return async (budgetMs) => {
    const began = performance.now();
    const tookMs: number[] = [];
    let done = 0;
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
    }, budgetMs);
    const operate = (mine: number): Promise<unknown> => {
      const key = keys[order[mine % ORDERS] as number] as string;
      return mine % WRITE_EVERY === 0 ? cache.set(key, value) : cache.getOrSet(key, load);
    };
    const caller = async () => {
      while (!isOver) {
        const mine = serial++;
        const isTimed = mine % TIMED_EVERY === 0;
        const start = isTimed ? performance.now() : 0;
        const found = await operate(mine);
        if (isTimed) tookMs.push(performance.now() - start);
        if (mine % WRITE_EVERY !== 0 && (found === undefined || found === null)) throw new Error('a value was missing');
        done += 1;
      }
    };
    await Promise.all(Array.from({ length: CALLERS }, caller));
    clearTimeout(timer);
    return { perSecond: (done * 1_000) / (performance.now() - began), tookMs: Float64Array.from(tookMs) };
  };
}
