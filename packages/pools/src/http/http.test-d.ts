import type { fetch as undiciFetch } from 'undici';
import { expectTypeOf, test } from 'vitest';
import type { ObservedPool } from '../index.js';
import type { SqlPool } from '../sql/index.js';
import type { HttpPool } from './index.js';

test('fetch goes wherever the global one does, and wherever undici’s does', () => {
  expectTypeOf<HttpPool['fetch']>().toExtend<typeof globalThis.fetch>();
  expectTypeOf<HttpPool['fetch']>().toExtend<typeof undiciFetch>();
});

test('who watches pools takes any', () => {
  expectTypeOf<HttpPool>().toExtend<ObservedPool>();
  expectTypeOf<SqlPool>().toExtend<ObservedPool>();
});
