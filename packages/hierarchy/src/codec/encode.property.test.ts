import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, encode } from './encode.js';
import { freezeShareable } from './freeze.js';

/** Strings of any UTF-16 units: lone surrogates, byte order marks and all. */
const anyString = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 80 })
  .map((units) => String.fromCharCode(...units));

const anyKey = fc.oneof(
  fc.string(),
  anyString,
  fc.constantFrom('__proto__', 'constructor', 'toJSON', 'length', '0', ''),
);

const anyValue = fc.oneof(
  fc.anything({
    key: anyKey,
    values: [
      fc.boolean(),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double(),
      fc.constant(-0),
      anyString,
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.constant(null),
      fc.constant(undefined),
      fc.bigInt(),
      // isDeepStrictEqual of Node 20 finds that no invalid date equals another: encode.test.ts has that case.
      fc.date({ noInvalidDate: true }),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    ],
    withBigInt: true,
    withMap: true,
    withSet: true,
    withNullPrototype: true,
    withTypedArray: true,
    withSparseArray: true,
    maxDepth: 4,
  }),
  fc.array(fc.dictionary(anyKey, fc.jsonValue())),
);

/**
 * Object graphs with arbitrary sharing and cycles: each node is a container of some kind with references to any nodes, itself
 * included.
 */
const anyGraph = fc
  .array(
    fc.tuple(fc.constantFrom('object', 'array', 'map', 'set', 'error'), fc.array(fc.nat({ max: 9 }), { maxLength: 4 })),
    {
      minLength: 1,
      maxLength: 10,
    },
  )
  .map((nodes) => {
    const made = nodes.map(([kind]) =>
      kind === 'object'
        ? {}
        : kind === 'array'
          ? []
          : kind === 'map'
            ? new Map()
            : kind === 'set'
              ? new Set()
              : new Error('e'),
    );
    nodes.forEach(([, references], i) => {
      references.forEach((reference, j) => {
        const container = made[i];
        const target = made[reference % made.length];
        if (Array.isArray(container)) container.push(target);
        else if (container instanceof Map) container.set(j % 2 === 0 ? target : j, target);
        else if (container instanceof Set) container.add(target);
        else Object.assign(container ?? {}, { [`r${j}`]: target });
      });
    });
    return made[0];
  });

/** The shape of an object graph: every object by the number of its first meeting, so that identity is compared too. */
function shape(value: unknown, met = new Map<unknown, number>()): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const number = met.get(value);
  if (number !== undefined) return `#${number}`;
  met.set(value, met.size);
  const children =
    value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : Object.entries(value).flat();
  return [Object.prototype.toString.call(value), ...children.map((child) => shape(child, met))];
}

describe('whatever is encoded', { timeout: 60_000 }, () => {
  it('comes back equal and of the same type', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(isDeepStrictEqual(decode(encode(value)), value)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it('comes back with the same sharing and cycles', () => {
    fc.assert(
      fc.property(anyGraph, (value) => {
        expect(shape(decode(encode(value)))).toStrictEqual(shape(value));
      }),
      { numRuns: 1_000 },
    );
  });

  it('makes the same payload again from what came back', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const payload = encode(value);
        expect(encode(decode(payload))).toStrictEqual(payload);
      }),
      { numRuns: 300 },
    );
  });

  it('is still equal after it was frozen for sharing, where it can be', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const copy = decode(encode(value));
        freezeShareable(copy);
        expect(encode(copy)).toStrictEqual(encode(value));
      }),
      { numRuns: 300 },
    );
  });
});
