import { expectTypeOf, test } from 'vitest';
import {
  createHierarchy,
  type Definition,
  type Duration,
  type Hierarchy,
  type HierarchyEventOf,
  type LoadContext,
  type TierwiseError,
  type TierwiseErrorCode,
} from './index.js';

declare const cache: Hierarchy;

test('getOrSet infers the value of its loader', () => {
  expectTypeOf(cache.getOrSet('k', () => 5)).resolves.toEqualTypeOf<number>();
  expectTypeOf(cache.getOrSet('k', async () => ({ name: 'Ada' }))).resolves.toEqualTypeOf<{ name: string }>();
  expectTypeOf(cache.getOrSet('k', () => null as string | null)).resolves.toEqualTypeOf<string | null>();
  expectTypeOf(cache.refresh('k', async () => 'a')).resolves.toEqualTypeOf<string>();
});

test('a loader that may skip makes undefined part of the answer', () => {
  const load = (context: LoadContext): number | undefined => (Math.random() > 0.5 ? 5 : context.skip());
  expectTypeOf(cache.getOrSet('k', load)).resolves.toEqualTypeOf<number | undefined>();
  expectTypeOf(cache.getOrSet('k', ({ fail }) => fail('no'))).resolves.toEqualTypeOf<never>();
});

test('reads answer what they are told to, or undefined', () => {
  expectTypeOf(cache.get('k')).resolves.toEqualTypeOf<unknown>();
  expectTypeOf(cache.get<string>('k')).resolves.toEqualTypeOf<string | undefined>();
  expectTypeOf(cache.getMany<string>(['k'])).resolves.toEqualTypeOf<(string | undefined)[]>();
  expectTypeOf(cache.peek<string>('k')).toEqualTypeOf<string | undefined>();
  expectTypeOf(cache.has('k')).resolves.toEqualTypeOf<boolean>();
});

test('batches infer the value from an array and from a Map', () => {
  expectTypeOf(cache.getOrSetMany(['k'], (keys) => keys.map(Number))).resolves.toEqualTypeOf<(number | undefined)[]>();
  expectTypeOf(cache.getOrSetMany(['k'], async () => new Map([['k', 'v']]))).resolves.toEqualTypeOf<
    (string | undefined)[]
  >();
  // @ts-expect-error an object is no answer of a batch loader
  cache.getOrSetMany(['k'], () => ({ k: 1 }));
});

test('wrap keeps the arguments', () => {
  const wrapped = cache.wrap((id: number, name: string) => ({ id, name }), { key: (id, name) => `${id}${name}` });
  expectTypeOf(wrapped).toEqualTypeOf<(id: number, name: string) => Promise<{ id: number; name: string }>>();
  // @ts-expect-error without a key
  cache.wrap((id: number) => id, {});
});

test('definitions are typed by their parameters', () => {
  const users = cache.define({
    key: ({ id }: { id: number }) => `${id}`,
    load: async ({ id }) => ({ id, name: 'Ada' }),
  });
  expectTypeOf(users).toEqualTypeOf<Definition<{ id: number }, { id: number; name: string }>>();
  expectTypeOf(users.get({ id: 1 })).resolves.toEqualTypeOf<{ id: number; name: string }>();
  expectTypeOf(users.peek({ id: 1 })).toEqualTypeOf<{ id: number; name: string } | undefined>();
  // @ts-expect-error not the parameters
  users.get(1);
  // @ts-expect-error not the value
  users.set({ id: 1 }, 'Ada');
  const maybe = cache.define({ key: (id: number) => `${id}`, load: (id) => (id > 5 ? id : undefined) });
  // @ts-expect-error undefined is absence
  maybe.set(1, undefined);
});

test('durations and sizes have units that exist', () => {
  expectTypeOf<'10m'>().toExtend<Duration>();
  createHierarchy({ namespace: 'a', ttl: 5, l1: { maxBytes: '64mb', ttl: '1.5s' }, lease: { wait: '1w' } });
  // @ts-expect-error no unit
  createHierarchy({ namespace: 'a', ttl: '10' });
  // @ts-expect-error not a unit
  createHierarchy({ namespace: 'a', ttl: '10min' });
  // @ts-expect-error not a unit of bytes
  createHierarchy({ namespace: 'a', l1: { maxBytes: '64m' } });
  // @ts-expect-error misspelt
  cache.getOrSet('k', () => 1, { tll: '10m' });
  // @ts-expect-error without a namespace
  createHierarchy({});
  // @ts-expect-error not a mode
  cache.clear({ mode: 'soft' });
});

test('events are known by their type', () => {
  cache.on('load', (event) => {
    expectTypeOf(event).toEqualTypeOf<HierarchyEventOf<'load'>>();
    expectTypeOf(event.outcome).toEqualTypeOf<'stored' | 'fenced' | 'uncached' | 'failed'>();
  });
  expectTypeOf(cache.on('hit', () => {})).toEqualTypeOf<() => void>();
  // @ts-expect-error no such event
  cache.on('hits', () => {});
});

test('errors have codes', () => {
  expectTypeOf<TierwiseError['code']>().toEqualTypeOf<TierwiseErrorCode>();
});
