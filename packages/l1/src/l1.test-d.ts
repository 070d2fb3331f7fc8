import { expectTypeOf, test } from 'vitest';
import { L1, type L1RemovalCause, type L1SetResult } from './index.js';

test('a look-up is synchronous and may find nothing', () => {
  const l1 = new L1<{ name: string } | null>();
  expectTypeOf(l1.get('k')).toEqualTypeOf<{ name: string } | null | undefined>();
  expectTypeOf(l1.peek('k')).toEqualTypeOf<{ name: string } | null | undefined>();
  expectTypeOf(l1.set('k', null, { bytes: 1, deadline: Infinity })).toEqualTypeOf<L1SetResult>();
  expectTypeOf(l1.keys()).toEqualTypeOf<string[]>();
});

test('undefined cannot be stored', () => {
  const l1 = new L1<string>();
  // @ts-expect-error undefined is absence
  l1.set('k', undefined, { bytes: 1, deadline: Infinity });
  // @ts-expect-error and no kind of value
  new L1<string | undefined>();
});

test('a set says how large the value is and when it dies', () => {
  const l1 = new L1<string>();
  // @ts-expect-error no deadline
  l1.set('k', 'v', { bytes: 1 });
  // @ts-expect-error no size
  l1.set('k', 'v', { deadline: Infinity });
});

test('onRemove infers the value and never hears of a clear', () => {
  new L1<number>({
    onRemove: (key, value, cause) => {
      expectTypeOf(key).toEqualTypeOf<string>();
      expectTypeOf(value).toEqualTypeOf<number>();
      expectTypeOf(cause).toEqualTypeOf<Exclude<L1RemovalCause, 'cleared'>>();
    },
  });
});
