import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_STORE_KEY_BYTES, namespacePrefix, storeKey } from './key-codec.js';

const nameOf = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.string({
      unit: fc.constantFrom('a', 'b', ':', '{', '}', '\0', '\x01', '\xff', 'ä', '😀', '*'),
      maxLength: 4,
    }),
  },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  // Around the lengths where names begin to be hashed, with a tail that differs.
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(199, 200, 201, 1399, 1400, 1401, 5000), fc.constantFrom('', 'a', 'b'))
      .map(([length, tail]) => 'x'.repeat(length) + tail),
  },
);
const pair = fc.tuple(nameOf, nameOf);
const keyOf = ([namespace, name]: [string, string]) => storeKey(namespacePrefix(namespace), name);

describe('store keys', () => {
  test('are the same for the same names, and never for different ones', () => {
    fc.assert(
      fc.property(pair, pair, (a, b) => {
        expect(keyOf(a).equals(keyOf(b))).toBe(a[0] === b[0] && a[1] === b[1]);
      }),
      { numRuns: 3000 },
    );
  });

  test('of one namespace never begin with the prefix of another', () => {
    fc.assert(
      fc.property(pair, nameOf, (names, other) => {
        const prefix = namespacePrefix(other);
        expect(keyOf(names).subarray(0, prefix.length).equals(prefix)).toBe(names[0] === other);
      }),
      { numRuns: 3000 },
    );
  });

  test('do not meet where one namespace and key continue another', () => {
    expect(keyOf(['a', 'bc'])).not.toEqual(keyOf(['ab', 'c']));
    expect(keyOf(['', 'abc'])).not.toEqual(keyOf(['abc', '']));
    expect(keyOf(['a', ''])).not.toEqual(keyOf(['', 'a']));
  });

  test('of a short name never equal that of a long one, whatever it hashes to', () => {
    const prefix = namespacePrefix('n');
    expect(storeKey(prefix, 'a')[prefix.length]).not.toBe(storeKey(prefix, 'a'.repeat(5000))[prefix.length]);
  });

  test('stay below what LMDB takes, with a row prefix of the index in front, however long the names', () => {
    for (const namespace of ['', 'n'.repeat(200), 'n'.repeat(201), 'ä'.repeat(30_000)]) {
      for (const name of ['', 'k'.repeat(1400), 'k'.repeat(1401), '😀'.repeat(16_000)]) {
        expect(keyOf([namespace, name]).length).toBeLessThanOrEqual(MAX_STORE_KEY_BYTES);
      }
    }
    expect(MAX_STORE_KEY_BYTES + 9).toBeLessThanOrEqual(1978);
  });
});
