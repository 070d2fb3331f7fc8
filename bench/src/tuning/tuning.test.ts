import { expect, test } from 'vitest';
import { zipfTrace } from '../traces/trace.js';
import { ChangingSource } from './changes.js';
import { readThroughL1, readTrace } from './simulate.js';

const trace = zipfTrace({ keys: 200, accesses: 20_000, exponent: 0.9, seed: 1 });
const span = { name: '30 seconds', leastMs: 30_000, mostMs: 30_000 };

test('a source changes as often as it says, and the same in each run', () => {
  const [one, other] = [new ChangingSource(100, span), new ChangingSource(100, span)];
  const values = (source: ChangingSource) => Array.from({ length: 100 }, (_, key) => source.valueOf(key, 3_000_000));
  const changes = values(one).reduce((sum, value) => sum + value, 0) / 100;
  expect(changes).toBeGreaterThan(95);
  expect(changes).toBeLessThan(105);
  expect(values(other)).toEqual(values(one));
});

test('a tuned ttl comes near the best fixed one, wherever it begins', { timeout: 30_000 }, async () => {
  const costs: number[] = [];
  for (const ttl of [1_000, 3_000, 10_000, 30_000, 100_000]) costs.push((await readTrace(trace, span, { ttl })).cost);
  const best = Math.min(...costs);
  for (const ttl of [1_000, 60_000]) {
    const tuned = await readTrace(trace, span, { ttl, tuning: { ttl: { min: 500, max: '10m', mode: 'auto' } } });
    expect(tuned.cost).toBeLessThan(1.25 * best);
    expect(tuned.loads + tuned.stale).toBe(tuned.cost);
    expect(Math.max(...costs)).toBeGreaterThan(1.4 * best);
  }
});

test('what L1 says of twice its size is what twice its size comes to', async () => {
  const [one, two] = [await readThroughL1(trace, 20), await readThroughL1(trace, 40)];
  const gain = two.hitRatio - one.hitRatio;
  expect(one.advice?.size).toBe('larger');
  expect(one.advice?.gain).toBeGreaterThan(gain - 0.03);
  expect(one.advice?.gain).toBeLessThan(gain + 0.03);
});
