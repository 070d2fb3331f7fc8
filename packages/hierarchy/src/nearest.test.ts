import { expect, test } from 'vitest';
import { nearestName } from './nearest.js';

const NAMES = ['ttl', 'tags', 'maxEntries', 'maxBytes', 'staleIfError', 'staleWhileRevalidate'];

test.each([
  ['too many letters', 'maxEntriees', 'maxEntries'],
  ['too few', 'maxEntrie', 'maxEntries'],
  ['a wrong one', 'maxEntroes', 'maxEntries'],
  ['two swapped', 'tlt', 'ttl'],
  ['another case', 'STALEIFERROR', 'staleIfError'],
  ['words joined otherwise', 'stale_if_error', 'staleIfError'],
  ['the nearest of several', 'maxByts', 'maxBytes'],
  ['itself', 'tags', 'tags'],
])('%s: %s is %s', (_, written, meant) => {
  expect(nearestName(written, NAMES)).toBe(meant);
});

test.each(['', 'x', 'size', 'colour', 'revalidate', 'maximum'])('%j is nobody near', (written) => {
  expect(nearestName(written, NAMES)).toBeUndefined();
});
