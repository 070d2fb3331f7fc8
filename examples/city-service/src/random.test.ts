import { expect, it } from 'vitest';
import { randomFrom, Zipf } from './random.js';

it('draws the same from the same seed', () => {
  const draws = (seed: number) => {
    const random = randomFrom(seed);
    return Array.from({ length: 20 }, () => random.next());
  };
  expect(draws(7)).toEqual(draws(7));
  expect(draws(7)).not.toEqual(draws(8));
});

it('draws each id by the chance of its rank', () => {
  const [count, exponent, draws] = [1_000, 1.2, 100_000];
  const zipf = new Zipf(randomFrom(1), count, exponent);
  const drawn = new Map<number, number>();
  for (let i = 0; i < draws; i += 1) {
    const id = zipf.draw();
    drawn.set(id, (drawn.get(id) ?? 0) + 1);
  }
  const byRank = [...drawn.values()].sort((a, b) => b - a);
  const all = Array.from({ length: count }, (_, rank) => 1 / (rank + 1) ** exponent);
  const sum = all.reduce((total, each) => total + each, 0);
  for (const rank of [0, 1, 9]) {
    const expected = ((all[rank] ?? 0) / sum) * draws;
    expect(Math.abs((byRank[rank] ?? 0) / expected - 1)).toBeLessThan(0.1);
  }
  expect(Math.min(...drawn.keys())).toBeGreaterThanOrEqual(1);
  expect(Math.max(...drawn.keys())).toBeLessThanOrEqual(count);
});
