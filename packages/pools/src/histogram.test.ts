import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TimeHistogram } from './histogram.js';

test('quantiles are within 7 % of the exact ones, for times from a microsecond to an hour', () => {
  const times = fc.array(fc.double({ min: 0.001, max: 3_600_000, noNaN: true }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(times, (all) => {
      const histogram = new TimeHistogram();
      for (const ms of all) histogram.record(ms);
      const sorted = [...all].sort((a, b) => a - b);
      const summary = histogram.summary();
      for (const [share, found] of [
        [0.5, summary.p50],
        [0.95, summary.p95],
        [0.99, summary.p99],
      ] as const) {
        const exact = sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
        expect(Math.abs(found - exact) / exact).toBeLessThan(0.07);
      }
      expect(summary.count).toBe(all.length);
      expect(summary.max).toBe(sorted.at(-1));
    }),
    { numRuns: 300 },
  );
});

test('an empty histogram and times of nothing are 0, and what no clock says does no harm', () => {
  const histogram = new TimeHistogram();
  expect(histogram.summary()).toEqual({ count: 0, total: 0, p50: 0, p95: 0, p99: 0, max: 0 });
  for (const ms of [0, -1, Number.NaN, 0.0001]) histogram.record(ms);
  expect(histogram.summary()).toMatchObject({ count: 4, p50: 0, p99: 0, max: 0.0001 });
  histogram.record(Number.MAX_VALUE);
  expect(histogram.summary().max).toBe(Number.MAX_VALUE);
});
