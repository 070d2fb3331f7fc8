import fc from 'fast-check';
import { expect, test } from 'vitest';
import { covers, decodeRanges, encodeRanges, merge, rangesOf, without } from './ranges.js';
import { decodeRecord, encodeRecord, KIND } from './record.js';

const text = fc.string({ unit: 'grapheme' });
const at = fc.double({ noNaN: true });
const anyRecord = fc.oneof(
  fc.record({
    op: fc.constant('set' as const),
    namespace: text,
    key: text,
    bytes: fc.uint8Array(),
    freshMs: at,
    keepMs: at,
    since: text,
    at,
  }),
  fc.record({ op: fc.constantFrom('delete' as const, 'expire' as const), namespace: text, key: text, at }),
  fc.record({
    op: fc.constant('invalidate' as const),
    namespace: text,
    tags: fc.option(fc.array(text)),
    mode: fc.constantFrom('dead' as const, 'stale' as const),
    at,
  }),
);

test('any record comes back as it was', () => {
  fc.assert(
    fc.property(anyRecord, (record) => {
      const decoded = decodeRecord(KIND[record.op], Buffer.concat(encodeRecord(record)));
      const plain = decoded?.op === 'set' ? { ...decoded, bytes: Uint8Array.from(decoded.bytes) } : decoded;
      expect(plain).toEqual(record);
    }),
  );
});

test('any bytes are a record or none, and never throw', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9 }), fc.uint8Array({ maxLength: 300 }), (kind, bytes) => {
      decodeRecord(kind, Buffer.from(bytes));
      decodeRanges(Buffer.from(bytes));
    }),
  );
});

test('ranges hold the numbers that they were made of, and no others', () => {
  const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 60 }));
  fc.assert(
    fc.property(numbers, numbers, (some, more) => {
      const ranges = merge([...rangesOf(some), ...(decodeRanges(encodeRanges(rangesOf(more))) ?? [])]);
      const rest = without({ first: 1, last: 60 }, [...new Set([...some, ...more])]);
      for (let number = 1; number <= 60; number += 1) {
        const isIn = some.includes(number) || more.includes(number);
        expect(covers(ranges, number)).toBe(isIn);
        expect(covers(rest, number)).toBe(!isIn);
      }
    }),
  );
});
