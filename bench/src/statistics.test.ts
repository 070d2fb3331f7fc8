import { describe, expect, it } from 'vitest';
import { shuffle, spread, summarise } from './statistics.js';

describe('summarise', () => {
  it('takes the middle one of an odd number, whatever their order', () => {
    expect(summarise([9, 1, 100])).toMatchObject({ median: 9, min: 1, max: 100, count: 3 });
  });

  it('takes the mean of the middle two of an even number', () => {
    expect(summarise([10, 2, 4, 1]).median).toBe(3);
  });

  it('takes the ends of the middle half, between two samples if need be', () => {
    expect(summarise([1, 2, 3, 4, 5])).toMatchObject({ quarter: 2, threeQuarters: 4 });
    expect(summarise([1, 2, 3, 5])).toMatchObject({ quarter: 1.75, threeQuarters: 3.5 });
  });

  it('sorts numbers as numbers, and leaves its argument as it was', () => {
    const samples = [10, 9, 1];
    expect(summarise(samples).median).toBe(9);
    expect(samples).toEqual([10, 9, 1]);
  });

  it('refuses to summarise nothing', () => {
    expect(() => summarise([])).toThrow(RangeError);
  });
});

describe('spread', () => {
  it('is half of the middle half, as a part of the median, whatever lies outside of it', () => {
    expect(spread(summarise([1, 80, 100, 110, 1_000]))).toBe(0.15);
  });

  it('of nothing but zeros is nothing', () => {
    expect(spread(summarise([0, 0]))).toBe(0);
  });
});

describe('shuffle', () => {
  it('keeps every item once and its argument as it was', () => {
    const items = [1, 2, 3, 4, 5];
    expect(shuffle(items).toSorted()).toEqual(items);
    expect(items).toEqual([1, 2, 3, 4, 5]);
  });

  it('can bring any item to the front', () => {
    const first = new Set(Array.from({ length: 20 }, (_, index) => shuffle([1, 2, 3, 4], () => index / 20)[0]));
    expect(first.size).toBe(4);
  });
});
