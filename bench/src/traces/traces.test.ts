import { expect, it } from 'vitest';
import { tableOf } from './index.js';
import { optimalHits } from './optimum.js';
import { plotOf } from './plot.js';
import { CONTESTANTS, hitRatios, OPTIMUM } from './simulate.js';
import { zipfTrace } from './trace.js';

/** Short traces, each another one. */
function* some(count: number, keys: number, accesses: number): Generator<Uint32Array> {
  for (let seed = 0; seed < count; seed++) yield zipfTrace({ keys, accesses, exponent: (seed % 3) / 2, seed }).accesses;
}

/** All that could be done: for each miss, with each held key thrown out, and with none. */
function mostHits(accesses: readonly number[], capacity: number, held: readonly number[] = [], from = 0): number {
  const key = accesses[from];
  if (key === undefined) return 0;
  if (held.includes(key)) return 1 + mostHits(accesses, capacity, held, from + 1);
  if (held.length < capacity) return mostHits(accesses, capacity, [...held, key], from + 1);
  const kept = [held, ...held.map((_, index) => held.with(index, key))];
  return Math.max(...kept.map((each) => mostHits(accesses, capacity, each, from + 1)));
}

it('the optimum has as many hits as trying everything finds', () => {
  for (const capacity of [1, 2, 3]) {
    for (const accesses of some(60, 6, 12)) {
      expect(optimalHits(accesses, capacity, 6)).toBe(mostHits([...accesses], capacity));
    }
  }
});

it('no policy has more hits than the optimum, and all have the same where there is room enough', () => {
  for (const accesses of some(30, 31, 300)) {
    const trace = { name: 'random', accesses, keys: 31 };
    for (const capacity of [2, 3, 8]) {
      const ratios = hitRatios(trace, capacity);
      for (const name of CONTESTANTS) expect(ratios[name]).toBeLessThanOrEqual(ratios[OPTIMUM] as number);
    }
    // Some policies set a part of the room aside, so room enough is more than one place for each key.
    const ratios = hitRatios(trace, 200);
    const best = (100 * (accesses.length - new Set(accesses).size)) / accesses.length;
    for (const name of CONTESTANTS) expect([name, ratios[name]]).toEqual([name, expect.closeTo(best)]);
  }
});

it('LRU has the hits that its definition gives: fewer other keys since the last use than places', () => {
  const { accesses, keys } = zipfTrace({ keys: 50, accesses: 2_000, exponent: 0.9, seed: 1 });
  let hits = 0;
  for (const [now, key] of accesses.entries()) {
    const last = accesses.lastIndexOf(key, now - 1);
    if (now > 0 && last !== -1 && new Set(accesses.subarray(last + 1, now)).size < 10) hits++;
  }
  expect(hitRatios({ name: 'zipf', accesses, keys }, 10).LRU).toBeCloseTo((100 * hits) / accesses.length);
});

it('the made-up trace is the same in each run, and popular keys are popular by the law', () => {
  const options = { keys: 100, accesses: 100_000, exponent: 1, seed: 7 };
  const { accesses } = zipfTrace(options);
  expect(zipfTrace(options).accesses).toEqual(accesses);
  expect(zipfTrace({ ...options, seed: 8 }).accesses).not.toEqual(accesses);
  const count = (key: number): number => accesses.reduce((sum, each) => sum + (each === key ? 1 : 0), 0);
  expect(count(0) / count(9)).toBeCloseTo(10, -0.5);
});

it('results become a table and a plot with a panel for each trace', () => {
  const rows = [64, 128].map((capacity) => ({
    capacity,
    ratios: Object.fromEntries(CONTESTANTS.map((name, index) => [name, capacity / 4 + index])),
  }));
  const results = ['by day', 'by night'].map((trace) => ({ trace, accesses: 1_000, keys: 500, rows }));
  expect(tableOf(results[0] as (typeof results)[0])).toContain('| 128 | 32.00 | 33.00 |');
  const svg = plotOf(results);
  for (const text of ['<svg', 'by day', 'by night', 'ARC', 'entries in L1']) expect(svg).toContain(text);
  expect(svg).not.toContain('NaN');
});
