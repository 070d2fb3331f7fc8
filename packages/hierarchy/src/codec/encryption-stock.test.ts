import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { inStock } from './seal.js';

test('random bytes from a stock are those that were drawn, in their order, and none is given away twice', () => {
  const drawn: Uint8Array[] = [];
  const next = inStock((length) => {
    const bytes = randomBytes(length);
    drawn.push(bytes);
    return bytes;
  });
  const given = Array.from({ length: 200 }, () => next(24));
  const all = Buffer.concat(drawn);
  expect(drawn.length).toBeGreaterThan(1);
  expect(Buffer.concat(given)).toEqual(all.subarray(0, 200 * 24));
  // More than a stock at once.
  expect(next(10_000)).toHaveLength(10_000);
});
