import { L2InvalidError } from '@tierwise/l2';
import { expect, test } from 'vitest';
import { embeddedL2 } from './embedded.js';
import { type EmbeddedL2Options, resolveOptions } from './options.js';

test('defaults are filled in', () => {
  expect(resolveOptions({ dir: 'x' })).toMatchObject({
    dir: 'x',
    maxBytes: 1_073_741_824,
    sweepInterval: 10_000,
    durability: 'process',
    callTimeout: 5_000,
    pollInterval: 50,
  });
});

test.each<[string, unknown]>([
  ['dir', undefined],
  ['dir', {}],
  ['dir', { dir: '' }],
  ['dir', { dir: 7 }],
  ['dir', { dir: 'a\0b' }],
  ['maxBytes', { dir: 'x', maxBytes: 0 }],
  ['maxBytes', { dir: 'x', maxBytes: Number.NaN }],
  ['maxBytes', { dir: 'x', maxBytes: 1e20 }],
  ['sweepInterval', { dir: 'x', sweepInterval: 99 }],
  ['callTimeout', { dir: 'x', callTimeout: Number.POSITIVE_INFINITY }],
  ['pollInterval', { dir: 'x', pollInterval: 0.5 }],
  ['durability', { dir: 'x', durability: 'none' }],
  ['clock', { dir: 'x', clock: {} }],
  ['maxByte', { dir: 'x', maxByte: 1 }],
])('what is wrong with %s is said, at once: %j', (name, options) => {
  const make = () => embeddedL2(options as EmbeddedL2Options);
  expect(make).toThrow(L2InvalidError);
  expect(make).toThrow(name);
});
