import { expect, it } from 'vitest';
import { Latencies } from './latencies.js';

it('gives percentiles within 2 %, of two histograms together as well', () => {
  const [low, high] = [new Latencies(), new Latencies()];
  for (let ms = 1; ms <= 100; ms += 1) (ms <= 50 ? low : high).record(ms);
  low.add(JSON.parse(JSON.stringify(high.counts)));
  expect(low.total).toBe(100);
  for (const percent of [1, 50, 99, 100]) {
    const value = low.percentile(percent / 100) ?? 0;
    expect(Math.abs(value / percent - 1)).toBeLessThan(0.02);
  }
});

it('knows no percentile of nothing, and takes less than a microsecond for one', () => {
  const latencies = new Latencies();
  expect(latencies.percentile(0.5)).toBeUndefined();
  latencies.record(0);
  expect(latencies.percentile(0.5)).toBe(0.001);
});
