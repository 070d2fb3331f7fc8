import { describe, expect, it } from 'vitest';
import { createNameHider } from './names.js';

const key = new Uint8Array(32).fill(1);

describe('createNameHider', () => {
  it('is deterministic, and the same on every node and in every release', () => {
    expect(createNameHider(key, 'key')('user:1')).toBe(createNameHider(key, 'key')('user:1'));
    expect(createNameHider(key, 'key')('user:1')).toBe('UG6wzf8ZhU5leGaJ6GIBni8DMVjKnwl0cRmmcRPtXM8');
    expect(createNameHider(key, 'tag')('user:1')).toBe('0HUU6i0K9b7k4_eShG7F7YhErYJ8NQx-q3500tI2G88');
  });

  it('gives 43 characters that any store takes, whatever the name', () => {
    for (const name of ['', 'a', 'ü{}: \0', 'x'.repeat(100_000)]) {
      expect(createNameHider(key, 'key')(name)).toMatch(/^[\w-]{43}$/);
    }
  });

  it('differs by name, by use and by key', () => {
    const hidden = [
      createNameHider(key, 'key')('a'),
      createNameHider(key, 'key')('b'),
      createNameHider(key, 'tag')('a'),
      createNameHider(new Uint8Array(32), 'key')('a'),
    ];
    expect(new Set(hidden).size).toBe(4);
  });
});
