import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SlotMap } from './index.js';

interface Value {
  readonly n: number;
}

interface Pair {
  readonly model: Map<string, Value>;
  readonly real: SlotMap<Value>;
}

function expectSame({ model, real }: Pair): void {
  expect(real.size).toBe(model.size);
  expect([...real.keys()]).toEqual([...model.keys()]);
  expect([...real.values()]).toEqual([...model.values()]);
}

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', '', '__proto__');

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(key, fc.nat(99)).map(([key, n]) => ({ model, real }: Pair) => {
      // The very object has to come back, not one like it.
      const value = { n };
      model.set(key, value);
      real.set(key, value);
    }),
  },
  {
    weight: 4,
    arbitrary: key.map((key) => ({ model, real }: Pair) => {
      expect(real.delete(key)).toBe(model.delete(key));
    }),
  },
  {
    weight: 2,
    arbitrary: key.map((key) => ({ model, real }: Pair) => {
      expect(real.get(key)).toBe(model.get(key));
      expect(real.has(key)).toBe(model.has(key));
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constant(({ model, real }: Pair) => {
      model.clear();
      real.clear();
    }),
  },
  {
    weight: 2,
    // One who goes through it, and changes it on the way: what he deletes he does not meet, what he adds he does.
    arbitrary: fc.tuple(key, key, key).map(([at, gone, added]) => ({ model, real }: Pair) => {
      const more = { n: -1 };
      const walk = (map: Map<string, Value> | SlotMap<Value>): Value[] => {
        const met: Value[] = [];
        const start = map.get(at);
        for (const value of map.values()) {
          met.push(value);
          if (value !== start) continue;
          map.delete(gone);
          if (!map.has(added)) map.set(added, more);
        }
        return met;
      };
      expect(walk(real)).toEqual(walk(model));
    }),
  },
);

test('whatever is done to it, it is what a Map would be', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const pair: Pair = { model: new Map(), real: new SlotMap() };
      for (const run of steps) {
        run(pair);
        expectSame(pair);
      }
    }),
    { numRuns: 300 },
  );
});

test('it is like a Map as well when it held much and nothing is left, and when it is used again', () => {
  const pair: Pair = { model: new Map(), real: new SlotMap() };
  for (const round of [1, 2]) {
    for (let i = 0; i < 1_500; i += 1) {
      pair.model.set(`k${i}`, { n: round * i });
      pair.real.set(`k${i}`, { n: round * i });
    }
    expectSame(pair);
    for (let i = 0; i < 1_500; i += 1) expect(pair.real.delete(`k${i}`)).toBe(true);
    pair.model.clear();
    expectSame(pair);
    expect(pair.real.delete('k0')).toBe(false);
    expect(pair.real.get('k0')).toBeUndefined();
  }
});

describe('memory', () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;

  function heapUsed(): number {
    gc();
    return process.memoryUsage().heapUsed;
  }

  /** Puts a value in and takes it out again, by what may be done for that. */
  function gone(map: SlotMap<object>, takeOut: (map: SlotMap<object>) => void): WeakRef<object> {
    const value = { n: 1 };
    map.set('k', value);
    takeOut(map);
    return new WeakRef(value);
  }

  test.each<[string, (map: SlotMap<object>) => void]>([
    ['deleted', (map) => map.delete('k')],
    ['replaced', (map) => map.set('k', {})],
    ['cleared away', (map) => map.clear()],
  ])('what was %s is not held any more', async (_, takeOut) => {
    const map = new SlotMap<object>();
    map.set('other', {});
    const ref = gone(map, takeOut);
    // What a WeakRef has shown is kept until the end of its turn.
    await new Promise((resolve) => setImmediate(resolve));
    gc();
    expect(ref.deref()).toBeUndefined();
    expect(map.size).toBeLessThanOrEqual(2);
  });

  test('what comes takes the place of what has gone: it takes no more room, however much comes and goes', () => {
    const map = new SlotMap<object>();
    const value = {};
    for (let i = 0; i < 10; i += 1) map.set(`k${i}`, value);
    const before = heapUsed();
    for (let i = 10; i < 200_000; i += 1) {
      map.set(`k${i}`, value);
      map.delete(`k${i - 10}`);
    }
    expect(heapUsed() - before).toBeLessThan(500_000);
    expect([...map.keys()]).toEqual(Array.from({ length: 10 }, (_, i) => `k${199_990 + i}`));
  });

  test.each<[string, (map: SlotMap<object>) => void]>([
    ['one by one', (map) => [...map.keys()].map((key) => map.delete(key))],
    ['at once', (map) => map.clear()],
  ])('when all has gone, %s, its room is given back', (_, empty) => {
    const map = new SlotMap<object>();
    const value = {};
    const before = heapUsed();
    for (let i = 0; i < 100_000; i += 1) map.set(`k${i}`, value);
    expect(heapUsed() - before).toBeGreaterThan(2_000_000);
    empty(map);
    expect(heapUsed() - before).toBeLessThan(500_000);
    expect(map.size).toBe(0);
  });
});
