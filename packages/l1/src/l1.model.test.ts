import fc from 'fast-check';
import { expect, test } from 'vitest';
import { L1, type L1RemovalCause, type L1SetResult } from './index.js';

interface ModelEntry {
  readonly value: number;
  readonly bytes: number;
  readonly deadline: number;
}

/** The same promises, written down as simply as possible: a `Map` whose order is the order of use. */
class Model {
  readonly entries = new Map<string, ModelEntry>();
  readonly left: string[] = [];
  readonly removed: Record<L1RemovalCause, number> = {
    entries: 0,
    bytes: 0,
    expired: 0,
    oversize: 0,
    replaced: 0,
    deleted: 0,
    cleared: 0,
  };
  stored = 0;
  now = 0;
  maxEntries: number;
  maxBytes: number;

  constructor(maxEntries: number, maxBytes: number) {
    this.maxEntries = maxEntries;
    this.maxBytes = maxBytes;
  }

  get bytes(): number {
    return [...this.entries.values()].reduce((sum, entry) => sum + entry.bytes, 0);
  }

  alive(key: string): ModelEntry | undefined {
    const entry = this.entries.get(key);
    return entry !== undefined && this.now < entry.deadline ? entry : undefined;
  }

  remove(key: string, cause: L1RemovalCause): void {
    const entry = this.entries.get(key);
    if (entry === undefined) return;
    this.entries.delete(key);
    this.removed[cause]++;
    if (cause !== 'cleared') this.left.push(`${key}=${entry.value}:${cause}`);
  }

  get(key: string): number | undefined {
    const entry = this.alive(key);
    if (entry === undefined) {
      this.remove(key, 'expired');
      return undefined;
    }
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry.value;
  }

  set(key: string, entry: ModelEntry): L1SetResult {
    if (entry.bytes > this.maxBytes) {
      this.remove(key, 'oversize');
      return 'oversize';
    }
    if (this.now >= entry.deadline) {
      this.remove(key, 'expired');
      return 'dead';
    }
    this.remove(key, 'replaced');
    this.fit(1, entry.bytes);
    this.entries.set(key, entry);
    this.stored++;
    return 'stored';
  }

  delete(key: string): boolean {
    const alive = this.alive(key) !== undefined;
    this.remove(key, alive ? 'deleted' : 'expired');
    return alive;
  }

  fit(entries: number, bytes: number): void {
    for (const key of [...this.entries.keys()]) {
      if (this.entries.size + entries > this.maxEntries) this.remove(key, 'entries');
      else if (this.bytes + bytes > this.maxBytes) this.remove(key, 'bytes');
    }
  }

  cleanUp(): void {
    for (const key of [...this.entries.keys()]) if (this.alive(key) === undefined) this.remove(key, 'expired');
  }

  keys(): string[] {
    return [...this.entries.keys()].filter((key) => this.alive(key) !== undefined).reverse();
  }
}

const key = fc.constantFrom('a', 'b', 'c', 'd', '', '__proto__');
const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('set' as const),
      key,
      bytes: fc.integer({ min: 0, max: 12 }),
      life: fc.oneof(fc.constant(Infinity), fc.integer({ min: -1, max: 30 })),
    }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('get' as const), key }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('peek' as const), key }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('delete' as const), key }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 15 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('cleanUp' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('clear' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('resize' as const),
      maxEntries: fc.integer({ min: 1, max: 6 }),
      maxBytes: fc.integer({ min: 1, max: 30 }),
    }),
  },
);

test('after every operation L1 is what the model is: values, order, sizes, counts, causes and the timer', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 30 }),
      fc.array(operation, { maxLength: 60, size: 'max' }),
      (maxEntries, maxBytes, operations) => {
        const model = new Model(maxEntries, maxBytes);
        const left: string[] = [];
        let timer: (() => void) | undefined;
        const l1 = new L1<number>({
          maxEntries,
          maxBytes,
          clock: { now: () => model.now },
          timers: {
            setTimer: (run) => {
              timer = run;
            },
            clearTimer: () => {
              timer = undefined;
            },
          },
          onRemove: (key, value, cause) => left.push(`${key}=${value}:${cause}`),
        });
        let hits = 0;
        let gets = 0;

        for (const [value, op] of operations.entries()) {
          if (op.type === 'set') {
            const deadline = model.now + op.life;
            const expected = model.set(op.key, { value, bytes: op.bytes, deadline });
            expect(l1.set(op.key, value, { bytes: op.bytes, deadline })).toBe(expected);
          } else if (op.type === 'get') {
            const expected = model.get(op.key);
            gets++;
            if (expected !== undefined) hits++;
            expect(l1.get(op.key)).toBe(expected);
          } else if (op.type === 'peek') {
            expect(l1.peek(op.key)).toBe(model.alive(op.key)?.value);
            expect(l1.has(op.key)).toBe(model.alive(op.key) !== undefined);
          } else if (op.type === 'delete') {
            expect(l1.delete(op.key)).toBe(model.delete(op.key));
          } else if (op.type === 'wait') {
            model.now += op.ms;
          } else if (op.type === 'cleanUp') {
            const run = timer;
            timer = undefined;
            run?.();
            model.cleanUp();
          } else if (op.type === 'clear') {
            l1.clear();
            for (const key of [...model.entries.keys()]) model.remove(key, 'cleared');
          } else {
            model.maxEntries = op.maxEntries;
            model.maxBytes = op.maxBytes;
            l1.resize(op);
            model.fit(0, 0);
          }

          const stats = l1.stats();
          expect(l1.keys()).toEqual(model.keys());
          expect([l1.size, l1.bytes]).toEqual([model.entries.size, model.bytes]);
          expect(l1.size).toBeLessThanOrEqual(model.maxEntries);
          expect(l1.bytes).toBeLessThanOrEqual(model.maxBytes);
          expect(stats).toMatchObject({ hits, misses: gets - hits, stored: model.stored, removed: model.removed });
          expect(stats.stored).toBe(stats.entries + Object.values(stats.removed).reduce((sum, n) => sum + n, 0));
          expect(left).toEqual(model.left);
          expect(timer !== undefined).toBe([...model.entries.values()].some((entry) => entry.deadline < Infinity));
        }
      },
    ),
    { numRuns: 300 },
  );
});
