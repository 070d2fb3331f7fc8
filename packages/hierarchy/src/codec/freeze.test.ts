import { describe, expect, it } from 'vitest';
import { freezeShareable } from './freeze.js';

describe('freezeShareable', () => {
  it.each([1, 'a', null, undefined, true, 1n])('primitives need no freezing: %s', (value) => {
    expect(freezeShareable(value)).toBe(true);
  });

  it('freezes objects, arrays and null-prototype objects to the bottom', () => {
    const bare = Object.assign(Object.create(null), { b: [1] });
    const value = { list: [{ a: { deep: 1 } }], bare };
    expect(freezeShareable(value)).toBe(true);
    for (const part of [value, value.list, value.list[0], value.list[0]?.a, bare, bare.b]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it('handles cycles', () => {
    const value: { self?: unknown; list: unknown[] } = { list: [] };
    value.self = value;
    value.list.push(value);
    expect(freezeShareable(value)).toBe(true);
    expect(Object.isFrozen(value.list)).toBe(true);
  });

  it('handles any depth: forged bytes can nest deeper than a value may', () => {
    let value: unknown = [];
    for (let i = 0; i < 200_000; i += 1) value = [value];
    expect(freezeShareable(value)).toBe(true);
  });

  it.each<[string, unknown]>([
    ['Map', new Map()],
    ['Set', new Set()],
    ['Date', new Date(0)],
    ['Buffer', Buffer.alloc(1)],
    ['Uint8Array', new Uint8Array(1)],
    ['ArrayBuffer', new ArrayBuffer(1)],
    ['DataView', new DataView(new ArrayBuffer(1))],
    ['RegExp', /a/],
    ['Error', new Error('e')],
    ['function', () => 1],
  ])('%s cannot be frozen, and then nothing is', (_, part) => {
    const value = { before: { a: 1 }, list: [part], after: {} };
    expect(freezeShareable(value)).toBe(false);
    expect(Object.isFrozen(value) || Object.isFrozen(value.before) || Object.isFrozen(value.list)).toBe(false);
  });
});
