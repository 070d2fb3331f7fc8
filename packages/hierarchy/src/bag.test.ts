import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Bag } from './bag.js';

const byNumber = (a: { n: number }, b: { n: number }) => a.n - b.n;

test('it has in it what was added and not taken out, whatever the order', () => {
  fc.assert(
    // A number takes out what was added that many steps ago, perhaps for the second time.
    fc.property(fc.array(fc.option(fc.nat(5)), { maxLength: 50 }), (steps) => {
      const bag = new Bag<{ n: number }>();
      const model = new Set<{ n: number }>();
      const taken: (() => void)[] = [];
      for (const [n, step] of steps.entries()) {
        if (step === null) {
          const item = { n };
          const takeOut = bag.add(item);
          model.add(item);
          taken.push(() => {
            takeOut();
            model.delete(item);
          });
        } else {
          taken.at(-1 - step)?.();
        }
        expect(bag.items().sort(byNumber)).toEqual([...model].sort(byNumber));
      }
    }),
    { numRuns: 300 },
  );
});

test('one thing can be in it twice, and each is taken out by itself', () => {
  const bag = new Bag<object>();
  const item = {};
  const [first, second] = [bag.add(item), bag.add(item)];
  first();
  first();
  expect(bag.items()).toEqual([item]);
  second();
  expect(bag.items()).toEqual([]);
});

test('who takes things out while going through what was in it misses none', () => {
  const bag = new Bag<{ n: number }>();
  const takeOut = [1, 2, 3].map((n) => bag.add({ n }));
  const met: number[] = [];
  for (const { n } of bag.items()) {
    met.push(n);
    for (const out of takeOut) out();
    bag.add({ n: 9 });
  }
  expect(met).toEqual([1, 2, 3]);
});

test('what has gone is not held any more, and its place is taken by what comes', async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const bag = new Bag<object>();
  const ref = (() => {
    const item = {};
    const takeOut = bag.add(item);
    takeOut();
    return new WeakRef(item);
  })();
  await new Promise((resolve) => setImmediate(resolve));
  gc();
  expect(ref.deref()).toBeUndefined();
  const item = {};
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 300_000; i += 1) bag.add(item)();
  gc();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(1_000_000);
});
