import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ENTRIES_PER_RUN } from './clean-up.js';
import { Ghosts } from './ghosts.js';
import { L1, L1InvalidError, type L1RemovalCause } from './index.js';

const noTimers = { setTimer: () => 0, clearTimer: () => {} };
const FOR_EVER = { bytes: 1, deadline: Infinity };

/** Figure 4 of the paper as it stands there, with lists as arrays, the most recently used first. */
class Paper {
  t1: string[] = [];
  t2: string[] = [];
  b1: string[] = [];
  b2: string[] = [];
  p = 0;
  readonly #c: number;

  constructor(capacity: number) {
    this.#c = capacity;
  }

  /** @returns whether it was a hit. */
  request(x: string): boolean {
    const isHit = this.t1.includes(x) || this.t2.includes(x);
    if (isHit) {
      this.t1 = this.t1.filter((key) => key !== x);
      this.t2 = [x, ...this.t2.filter((key) => key !== x)];
    } else if (this.b1.includes(x)) {
      this.p = Math.min(this.#c, this.p + Math.max(1, this.b2.length / this.b1.length));
      this.b1 = this.b1.filter((key) => key !== x);
      this.#replace(false);
      this.t2.unshift(x);
    } else if (this.b2.includes(x)) {
      this.p = Math.max(0, this.p - Math.max(1, this.b1.length / this.b2.length));
      this.b2 = this.b2.filter((key) => key !== x);
      this.#replace(true);
      this.t2.unshift(x);
    } else {
      if (this.t1.length + this.b1.length === this.#c) {
        if (this.t1.length < this.#c) {
          this.b1.pop();
          this.#replace(false);
        } else {
          this.t1.pop();
        }
      } else if (this.#all >= this.#c) {
        if (this.#all === 2 * this.#c) this.b2.pop();
        this.#replace(false);
      }
      this.t1.unshift(x);
    }
    return isHit;
  }

  get #all(): number {
    return this.t1.length + this.t2.length + this.b1.length + this.b2.length;
  }

  #replace(isInB2: boolean): void {
    const { length } = this.t1;
    if (length > 0 && ((isInB2 && length === this.p) || length > this.p)) this.b1.unshift(this.t1.pop() as string);
    else this.b2.unshift(this.t2.pop() as string);
  }
}

test('bounded by entries it holds, after every access, what the algorithm of the paper holds', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.integer({ min: 0, max: 14 }), { maxLength: 200, size: 'max' }),
      (maxEntries, accesses) => {
        const l1 = new L1<number>({ policy: 'arc', maxEntries });
        const paper = new Paper(maxEntries);
        const [ours, papers]: [string[], string[]] = [[], []];
        for (const access of accesses) {
          const key = `k${access}`;
          const isHit = l1.get(key) !== undefined;
          if (!isHit) l1.set(key, access, FOR_EVER);
          ours.push(`${key}: ${isHit}, ${l1.keys()}`);
          papers.push(`${key}: ${paper.request(key)}, ${[...paper.t2, ...paper.t1]}`);
        }
        expect(ours).toEqual(papers);
      },
    ),
    { numRuns: 300 },
  );
});

test('a sweep over many keys does not push out what was used again', () => {
  const left = { lru: 0, arc: 0 };
  for (const policy of ['lru', 'arc'] as const) {
    const l1 = new L1<string>({ policy, maxEntries: 10 });
    for (let i = 0; i < 5; i++) l1.set(`hot${i}`, 'v', FOR_EVER);
    for (let i = 0; i < 5; i++) l1.get(`hot${i}`);
    for (let i = 0; i < 1_000; i++) l1.set(`swept${i}`, 'v', FOR_EVER);
    left[policy] = l1.keys().filter((key) => key.startsWith('hot')).length;
  }
  expect(left).toEqual({ lru: 0, arc: 5 });
});

test('setting a key that is there counts as using it', () => {
  const l1 = new L1<string>({ policy: 'arc', maxEntries: 2 });
  l1.set('set twice', 'v', FOR_EVER);
  l1.set('set twice', 'w', FOR_EVER);
  l1.set('a', 'v', FOR_EVER);
  l1.set('b', 'v', FOR_EVER);
  expect(l1.keys()).toEqual(['set twice', 'b']);
});

test('what was deleted is not remembered: it comes back as new', () => {
  const l1 = new L1<string>({ policy: 'arc', maxEntries: 2 });
  l1.set('deleted', 'v', FOR_EVER);
  l1.delete('deleted');
  l1.set('used', 'v', FOR_EVER);
  l1.get('used');
  l1.set('deleted', 'v', FOR_EVER);
  l1.set('new', 'v', FOR_EVER);
  expect(l1.keys()).toEqual(['used', 'new']);
});

test('what clear() took away is not remembered', () => {
  const l1 = new L1<string>({ policy: 'arc', maxEntries: 2 });
  for (const key of ['used', 'evicted', 'b']) {
    l1.set(key, 'v', FOR_EVER);
    if (key === 'used') l1.get(key);
  }
  l1.clear();
  l1.set('used', 'v', FOR_EVER);
  l1.get('used');
  l1.set('evicted', 'v', FOR_EVER);
  l1.set('c', 'v', FOR_EVER);
  expect(l1.keys()).toEqual(['used', 'c']);
});

test('the clean-up reaches both lists, also when the first is exactly one run long', () => {
  for (const usedOnce of [ENTRIES_PER_RUN - 1, ENTRIES_PER_RUN, ENTRIES_PER_RUN + 1]) {
    let timer: (() => void) | undefined;
    const time = { ms: 0 };
    const l1 = new L1<string>({
      policy: 'arc',
      maxEntries: 2 * ENTRIES_PER_RUN,
      clock: { now: () => time.ms },
      timers: { setTimer: (run) => (timer = run), clearTimer: () => {} },
    });
    l1.set('dying', 'v', { bytes: 1, deadline: 1_000 });
    l1.get('dying');
    for (let i = 0; i < usedOnce; i++) l1.set(`k${i}`, 'v', FOR_EVER);
    time.ms = 1_000;
    for (let run = 0; run < 3; run++) timer?.();
    expect([usedOnce, l1.stats().removed.expired]).toEqual([usedOnce, 1]);
  }
});

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', '', '__proto__');
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
  { weight: 6, arbitrary: fc.record({ type: fc.constant('get' as const), key }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('delete' as const), key }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 15 }) }) },
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

test('after every operation values, sizes, bounds and counts are right, whoever had to go', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60, size: 'max' }), (operations) => {
      let now = 0;
      const held = new Map<string, { value: number; bytes: number; deadline: number }>();
      const removed: Partial<Record<L1RemovalCause, number>> = {};
      const l1 = new L1<number>({
        policy: 'arc',
        maxEntries: 4,
        maxBytes: 20,
        clock: { now: () => now },
        timers: noTimers,
        onRemove: (gone, value, cause) => {
          removed[cause] = (removed[cause] ?? 0) + 1;
          // A replaced one is told of when the new one is there already.
          if (held.get(gone)?.value === value) held.delete(gone);
        },
      });
      for (const [value, op] of operations.entries()) {
        if (op.type === 'set') {
          const entry = { value, bytes: op.bytes, deadline: now + op.life };
          const earlier = held.get(op.key);
          held.set(op.key, entry);
          if (l1.set(op.key, value, entry) !== 'stored') held.delete(op.key);
          expect(earlier === undefined || held.get(op.key) !== earlier).toBe(true);
        } else if (op.type === 'get') {
          const entry = held.get(op.key);
          expect(l1.get(op.key)).toBe(entry !== undefined && now < entry.deadline ? entry.value : undefined);
        } else if (op.type === 'delete') {
          l1.delete(op.key);
          expect(l1.has(op.key)).toBe(false);
        } else if (op.type === 'wait') {
          now += op.ms;
        } else if (op.type === 'clear') {
          l1.clear();
          held.clear();
        } else {
          l1.resize(op);
        }
        const { stored, entries, maxEntries, maxBytes, removed: counts } = l1.stats();
        const alive = [...held].filter(([, { deadline }]) => now < deadline).map(([name]) => name);
        expect(l1.keys().sort()).toEqual(alive.sort());
        expect(l1.size).toBe(held.size);
        expect(l1.bytes).toBe([...held.values()].reduce((sum, { bytes }) => sum + bytes, 0));
        expect(l1.size).toBeLessThanOrEqual(maxEntries);
        expect(l1.bytes).toBeLessThanOrEqual(maxBytes);
        expect(stored).toBe(entries + Object.values(counts).reduce((sum, count) => sum + count, 0));
        expect(counts).toMatchObject(removed);
      }
    }),
    { numRuns: 100 },
  );
});

test('ghosts: same names in different homes are different, and the oldest are forgotten first', () => {
  const ghosts = new Ghosts();
  const [one, other] = [new Map(), new Map()];
  ghosts.add({ home: one, id: 'a' });
  ghosts.add({ home: other, id: 'b' });
  ghosts.add({ home: one, id: 'c' });
  expect(ghosts.delete({ home: other, id: 'a' })).toBe(false);
  ghosts.trim(2);
  expect([ghosts.size, ghosts.delete({ home: one, id: 'a' }), ghosts.delete({ home: other, id: 'b' })]).toEqual([
    2,
    false,
    true,
  ]);
  ghosts.clear();
  expect([ghosts.size, ghosts.delete({ home: one, id: 'c' })]).toEqual([0, false]);
});

test('another policy is refused', () => {
  expect(() => new L1({ policy: 'fifo' as never })).toThrow(L1InvalidError);
});
