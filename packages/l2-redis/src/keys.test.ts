/// <reference path="./cluster-key-slot.d.ts" />
import { DELETION_MEMORY_MS, L2InvalidError } from '@tierwise/l2';
import slotOf from 'cluster-key-slot';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { channelOf, entryOf, keysOf, namesOfWrites, scanPattern, trackedPrefix } from './keys.js';

// Made of what could confuse the layout, so that collisions are likely if they are possible at all.
const part = fc.array(fc.constantFrom('{', '}', ':', '%', '.', 'v', 'l', 'm', '7B', 'a', ' ', '', 'é'), {
  maxLength: 6,
});
const name = fc.oneof(
  part.map((parts) => parts.join('')),
  fc.string({ unit: 'grapheme' }),
);

test('no two things ever have one name in Redis', () => {
  const thing = fc.record({ kind: fc.constantFrom('entry', 'lease', 'note', 'time', 'mark'), namespace: name, name });
  const nameOf = ({ kind, namespace, name: own }: { kind: string; namespace: string; name: string }): string => {
    const keys = keysOf(namespace);
    if (kind === 'entry') return keys.entry(own);
    if (kind === 'lease') return keys.lease(own);
    if (kind === 'note') return keys.note(own);
    return kind === 'mark' ? keys.mark(own) : keys.time;
  };
  const identity = ({ kind, namespace, name: own }: { kind: string; namespace: string; name: string }): string =>
    JSON.stringify([kind, namespace, kind === 'time' ? '' : own]);
  fc.assert(
    fc.property(thing, thing, (a, b) => {
      expect(nameOf(a) === nameOf(b)).toBe(identity(a) === identity(b));
    }),
    { numRuns: 5_000 },
  );
});

test.each(['', '%', '%%', '}', '%}', '}%', '{', '{}', '}{', 'a}', '{a}'])('the key %j has a name of its own', (key) => {
  const others = ['', '%', '%%', '}', '%}', '}%', '{', '{}', '}{', 'a}', '{a}'].filter((other) => other !== key);
  const { entry } = keysOf('n');
  expect(others.map(entry)).not.toContain(entry(key));
});

// What could look like a key in a group, or the other way round.
const group = fc.option(fc.oneof(name, fc.constantFrom('=', '%=', '}', 'a}', '%7D', '%25')), { nil: undefined });
const grouped = fc.record({
  key: fc.oneof(
    name,
    fc.tuple(fc.constantFrom('%=', '%=a}', '=', '%='), name).map(([a, b]) => a + b),
  ),
  group,
});

test('two different keys never have one name, whatever their groups are', () => {
  fc.assert(
    fc.property(grouped, grouped, (a, b) => {
      fc.pre(a.key !== b.key);
      const [keysA, keysB] = [keysOf('n', () => a.group), keysOf('n', () => b.group)];
      expect(keysA.entry(a.key)).not.toBe(keysB.entry(b.key));
    }),
    { numRuns: 5_000 },
  );
});

test('keys of a group share its slot with all that belongs to them, and a change of them is known by name', () => {
  fc.assert(
    fc.property(name, name, grouped, (namespace, other, { key, group: own }) => {
      const keys = keysOf(namespace, () => own);
      expect(slotOf(keys.lease(key))).toBe(slotOf(keys.entry(key)));
      expect(slotOf(keys.note(key))).toBe(slotOf(keys.entry(key)));
      if (own !== undefined) expect(slotOf(keys.entry(other))).toBe(slotOf(keys.entry(key)));
      const prefixes = new Map([[trackedPrefix('my:', namespace), namespace]]);
      expect(entryOf(`my:${keys.entry(key)}`, 'my:', prefixes)).toEqual({ namespace, key });
      expect(entryOf(`my:${keys.lease(key)}`, 'my:', prefixes)).toBeUndefined();
    }),
    { numRuns: 2_000 },
  );
});

test('keys of different groups spread over slots', () => {
  const { entry } = keysOf('n', (_, key) => `group ${Number(key) % 50}`);
  const slots = new Set(Array.from({ length: 100 }, (_, i) => slotOf(entry(`${i}`))));
  expect(slots.size).toBeGreaterThan(40);
  expect(slots.size).toBeLessThanOrEqual(50);
});

test('what colocate answers must make sense', () => {
  for (const group of [1, null, '\ud800']) {
    expect(() => keysOf('n', () => group as string).entry('a')).toThrow(L2InvalidError);
  }
});

test('where colocate throws, the call is one that can never be done, so that nobody waits to repeat it', () => {
  for (const thrown of [new TypeError('no such group'), Object.create(null)]) {
    const colocate = (): never => {
      throw thrown;
    };
    expect(() => keysOf('n', colocate).entry('a')).toThrow(L2InvalidError);
  }
});

test('an entry and its lease share a slot, as does all bookkeeping of a namespace', () => {
  fc.assert(
    fc.property(name, name, name, (namespace, key, tag) => {
      const keys = keysOf(namespace);
      expect(slotOf(keys.lease(key))).toBe(slotOf(keys.entry(key)));
      expect(slotOf(keys.mark(tag))).toBe(slotOf(keys.time));
    }),
    { numRuns: 2_000 },
  );
});

test('entries of one namespace spread over slots', () => {
  const { entry } = keysOf('n');
  const slots = new Set(Array.from({ length: 100 }, (_, i) => slotOf(entry(`key ${i}`))));
  expect(slots.size).toBeGreaterThan(90);
});

test('names stay what they are: other versions and languages read them', () => {
  const keys = keysOf('shop:{eu}%');
  expect(keys.entry('user:1')).toBe('tw1:shop%3A%7Beu%7D%25:v:{user:1}');
  expect(keys.note('user:1')).toBe('tw1:shop%3A%7Beu%7D%25:d:{user:1}');
  expect(keysOf('shop', () => 'a}b%').entry('user:1')).toBe('tw1:shop:v:{%=a%7Db%25}user:1');
  expect(keys.lease('}x')).toBe('tw1:shop%3A%7Beu%7D%25:l:{%}x}');
  expect(keys.time).toBe('tw1:shop%3A%7Beu%7D%25:g:{.shop%3A%7Beu%7D%25}');
  expect(keys.mark('tag')).toBe('tw1:shop%3A%7Beu%7D%25:m:{.shop%3A%7Beu%7D%25}tag');
  expect(channelOf('app:', 'shop', 0)).toBe('app:tw1:shop:f');
  expect(channelOf('', 'shop', 3)).toBe('tw1:shop:f:3');
  expect(scanPattern('a*', keysOf('b[c]?'))).toBe('a\\*tw1:b\\[c\\]\\?:[vl]:*');
});

test('channels of two namespaces, or of one in two databases, are two', () => {
  const channel = fc.record({ namespace: name, db: fc.nat(3) });
  fc.assert(
    fc.property(channel, channel, (a, b) => {
      const same = a.namespace === b.namespace && a.db === b.db;
      expect(channelOf('', a.namespace, a.db) === channelOf('', b.namespace, b.db)).toBe(same);
    }),
    { numRuns: 2_000 },
  );
});

test('scripts that store are given the names of notes if one of the lives is short', () => {
  const names = keysOf('n');
  const write = (key: string, keepMs: number) => ({ key, freshMs: 0, keepMs });
  const long = write('long', DELETION_MEMORY_MS);
  expect(namesOfWrites(names, [long])).toEqual([names.entry('long'), names.lease('long')]);
  expect(namesOfWrites(names, [long, write('short', DELETION_MEMORY_MS - 1)])).toEqual(
    ['long', 'short'].flatMap((key) => [names.entry(key), names.lease(key), names.note(key)]),
  );
});
