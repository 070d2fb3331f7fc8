import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cachedQuery, type RowCache, type SqlSession } from './index.js';
import { digestOf } from './parameters.js';

/** Its state is private: from outside, two of them look the same. */
class Money {
  readonly #cents: number;

  constructor(cents: number) {
    this.#cents = cents;
  }

  toPostgres(prepare: (value: unknown) => string): string {
    return `(${prepare(new Date(this.#cents))})`;
  }
}

test.each([
  [[1], ['1']],
  [[null], ['']],
  [
    ['a', 'b'],
    ['ab', ''],
  ],
  [['a', 'b'], [['a', 'b']]],
  [[[1], 2], [[1, 2]]],
  [[new Date(1)], [new Date(2)]],
  [[Buffer.from('a')], [Buffer.from('b')]],
  [[Buffer.from('a')], ['a']],
  [[new URL('http://a/')], [new URL('http://b/')]],
  [[{ a: 1 }], [{ a: 2 }]],
  [[10n ** 30n], [10n ** 30n + 1n]],
  [[new Money(1)], [new Money(2)]],
])('values that are sent differently are kept apart: %o, %o', (one, other) => {
  expect(digestOf('SELECT $1', one)).not.toBe(digestOf('SELECT $1', other));
  expect(digestOf('SELECT $1', one)).toBe(digestOf('SELECT $1', [...one]));
});

test('a statement and its values are never another statement with other values', () => {
  const texts = fc.array(fc.string({ maxLength: 3 }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(texts, texts, ([a = '', ...as], [b = '', ...bs]) => {
      const same = JSON.stringify([a, as]) === JSON.stringify([b, bs]);
      expect(digestOf(a, as) === digestOf(b, bs)).toBe(same);
    }),
  );
  // Nor if it is written as what is hashed.
  expect(digestOf('a', ['b'])).not.toBe(digestOf('astring1:b', []));
  expect(digestOf('a', ['b', 'c'])).not.toBe(digestOf('a', ['bstring1:c']));
  expect(digestOf('a', ['b', 'c'])).not.toBe(digestOf('a', ['bstringc']));
});

test.each([[Symbol('no')], [() => {}]])('what no parameter can be rejects, and does not throw: %s', async (value) => {
  const cache: RowCache = { getOrSet: () => expect.fail(), invalidateTags: () => expect.fail() };
  const query = cachedQuery({ query: () => expect.fail() }, cache, { text: 'SELECT $1', tables: ['a'] });
  const rejection = query([value]).then(
    () => 'answered',
    (error) => error,
  );
  expect(await rejection).toBeInstanceOf(TypeError);
});

test('who loads hears when nobody wants the rows any more, and the caller’s own signal reaches the cache', async () => {
  const [load, caller] = [new AbortController(), new AbortController()];
  const heard: unknown[] = [];
  const cache: RowCache = {
    getOrSet: (_key, run, options) => {
      heard.push(options?.signal);
      return run({ signal: load.signal });
    },
    invalidateTags: () => expect.fail(),
  };
  const db: SqlSession = {
    query: async (_text, _values, options) => {
      heard.push(options?.signal);
      return { rows: [], rowCount: 0, command: 'SELECT' };
    },
  };
  await cachedQuery(db, cache, { text: 'SELECT 1', tables: ['a'] })([], { signal: caller.signal });
  expect(heard[0]).toBe(caller.signal);
  expect(heard[1]).toBe(load.signal);
});
