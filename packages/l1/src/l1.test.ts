import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { DEFAULT_MAX_BYTES, DEFAULT_MAX_ENTRIES, L1, L1InvalidError, type L1Options, MAX_ENTRIES } from './index.js';

const noTimers = { setTimer: () => 0, clearTimer: () => {} };

/** An L1 on a clock that is set by hand, and what its `onRemove` heard. */
function make<V extends NonNullable<unknown> | null = string>(options: L1Options<V> = {}) {
  const clock = {
    time: 0,
    reads: 0,
    now() {
      clock.reads++;
      return clock.time;
    },
  };
  const left: string[] = [];
  const l1 = new L1<V>({
    clock,
    timers: noTimers,
    onRemove: (key, _value, cause) => left.push(`${key}:${cause}`),
    ...options,
  });
  const put = (key: string, value: V, bytes = 1, deadline = Infinity) => l1.set(key, value, { bytes, deadline });
  return { l1, clock, left, put };
}

test('the least recently used entry goes when there is one too many', () => {
  const { l1, left, put } = make({ maxEntries: 2 });
  put('a', 'A');
  put('b', 'B');
  l1.get('a');
  put('c', 'C');
  expect(l1.keys()).toEqual(['c', 'a']);
  expect(left).toEqual(['b:entries']);
});

test('peek and has change no order and no count', () => {
  const { l1, put } = make({ maxEntries: 2 });
  put('a', 'A');
  put('b', 'B');
  expect([l1.peek('a'), l1.has('a'), l1.peek('x'), l1.has('x')]).toEqual(['A', true, undefined, false]);
  expect(l1.stats()).toMatchObject({ hits: 0, misses: 0 });
  put('c', 'C');
  expect(l1.keys()).toEqual(['c', 'b']);
});

test('bytes are bounded by their exact sum, and as many entries go as it takes', () => {
  const { l1, left, put } = make({ maxBytes: 10 });
  put('a', 'A', 4);
  put('b', 'B', 3);
  put('c', 'C', 3);
  expect([l1.bytes, left]).toEqual([10, []]);
  put('d', 'D', 5);
  expect([l1.bytes, l1.keys(), left]).toEqual([8, ['d', 'c'], ['a:bytes', 'b:bytes']]);
});

test('a value of 0 bytes is kept', () => {
  const { l1, put } = make({ maxBytes: 1 });
  expect([put('a', 'A', 0), put('b', 'B', 0), put('c', 'C', 1)]).toEqual(['stored', 'stored', 'stored']);
  expect([l1.size, l1.bytes]).toEqual([3, 1]);
});

test('a value of exactly maxBytes is kept, alone', () => {
  const { l1, put } = make({ maxBytes: 10 });
  put('a', 'A', 1);
  expect(put('b', 'B', 10)).toBe('stored');
  expect(l1.keys()).toEqual(['b']);
});

test('an oversize value is not kept, the value before it is not served any more, and the caller hears of both', () => {
  const { l1, left, put } = make({ maxBytes: 10 });
  put('a', 'old', 1);
  put('b', 'B', 1);
  expect(put('a', 'new', 11)).toBe('oversize');
  expect(put('x', 'new', 11)).toBe('oversize');
  expect([l1.get('a'), l1.get('b'), l1.bytes]).toEqual([undefined, 'B', 1]);
  expect(left).toEqual(['a:oversize']);
  expect(l1.stats()).toMatchObject({ refused: { oversize: 2, dead: 0 }, removed: { oversize: 1 }, stored: 2 });
});

test('a value that is dead already is not kept, and neither is the one before it', () => {
  const { l1, clock, left, put } = make({ maxEntries: 2 });
  clock.time = 100;
  put('a', 'old');
  put('b', 'B');
  expect(put('a', 'new', 1, 100)).toBe('dead');
  expect(put('c', 'C', 1, -Infinity)).toBe('dead');
  expect([l1.keys(), left]).toEqual([['b'], ['a:expired']]);
  expect(l1.stats().refused).toEqual({ oversize: 0, dead: 2 });
});

test('replacing a value counts its old bytes no more and makes it the most recent', () => {
  const { l1, left, put } = make({ maxBytes: 10 });
  put('a', 'A1', 6);
  put('b', 'B', 3);
  put('a', 'A2', 7);
  expect([l1.bytes, l1.keys(), left]).toEqual([10, ['a', 'b'], ['a:replaced']]);
  put('b', 'B2', 1);
  put('a', 'A3', 10);
  expect([l1.bytes, l1.keys(), left.slice(1)]).toEqual([10, ['a'], ['b:replaced', 'a:replaced', 'b:bytes']]);
});

test('an entry is handed out until just before its deadline and never from it on', () => {
  const { l1, clock, left, put } = make();
  put('a', 'A', 5, 100);
  clock.time = 99.999;
  expect([l1.get('a'), l1.peek('a'), l1.has('a'), l1.keys()]).toEqual(['A', 'A', true, ['a']]);
  clock.time = 100;
  expect([l1.peek('a'), l1.has('a'), l1.keys(), l1.size]).toEqual([undefined, false, [], 1]);
  expect([l1.get('a'), l1.size, l1.bytes, left]).toEqual([undefined, 0, 0, ['a:expired']]);
  expect(l1.stats()).toMatchObject({ hits: 1, misses: 1, removed: { expired: 1 } });
});

test('deleting a dead entry finds none, and it counts as expired', () => {
  const { l1, clock, left, put } = make();
  put('a', 'A', 1, 100);
  put('b', 'B');
  clock.time = 100;
  expect([l1.delete('a'), l1.delete('b'), l1.delete('b')]).toEqual([false, true, false]);
  expect(left).toEqual(['a:expired', 'b:deleted']);
});

test('the time that a caller passes is used instead of the clock', () => {
  const { l1, clock, put } = make();
  put('a', 'A', 1, 100);
  clock.reads = 0;
  expect([l1.get('a', 99), l1.peek('a', 100), l1.get('a', 100)]).toEqual(['A', undefined, undefined]);
  expect(clock.reads).toBe(0);
});

test('an entry without a deadline costs no reading of the clock', () => {
  const { l1, clock, put } = make();
  put('a', 'A');
  expect([l1.get('a'), l1.peek('a'), l1.has('a'), clock.reads]).toEqual(['A', 'A', true, 0]);
});

test('falsy values are values', () => {
  const { l1, put } = make<null | 0 | false | ''>();
  for (const value of [null, 0, false, ''] as const) {
    put('k', value);
    expect([l1.get('k'), l1.has('k')]).toEqual([value, true]);
  }
});

test('clear removes everything at once, counts it and tells nobody', () => {
  const { l1, left, put } = make();
  for (let i = 0; i < 3_000; i++) put(`k${i}`, 'v', 2, 100);
  l1.clear();
  expect([l1.size, l1.bytes, l1.keys(), l1.get('k1'), left]).toEqual([0, 0, [], undefined, []]);
  expect(l1.stats()).toMatchObject({ stored: 3_000, removed: { cleared: 3_000 } });
  put('a', 'A');
  expect(l1.keys()).toEqual(['a']);
});

test('order and entries survive growth beyond what was made ready', () => {
  const { l1, put } = make({ maxEntries: 5_000 });
  for (let i = 0; i < 6_000; i++) put(`k${i}`, `v${i}`);
  expect(l1.size).toBe(5_000);
  expect(l1.keys()).toEqual(Array.from({ length: 5_000 }, (_, i) => `k${5_999 - i}`));
  expect([l1.get('k999'), l1.get('k1000')]).toEqual([undefined, 'v1000']);
});

test('the last entry can be removed and others stored after it', () => {
  const { l1, left, put } = make();
  put('a', 'A');
  expect(l1.delete('a')).toBe(true);
  put('b', 'B');
  put('c', 'C');
  expect([l1.keys(), l1.delete('x'), left]).toEqual([['c', 'b'], false, ['a:deleted']]);
});

test('resize lets the least recently used go until the new bounds hold, and lets more in again', () => {
  const { l1, left, put } = make({ maxEntries: 4, maxBytes: 100 });
  for (const key of ['a', 'b', 'c', 'd']) put(key, key, 10);
  l1.resize({ maxEntries: 3 });
  expect([l1.keys(), l1.stats().maxBytes]).toEqual([['d', 'c', 'b'], 100]);
  l1.resize({ maxBytes: 15 });
  expect([l1.keys(), l1.bytes, left]).toEqual([['d'], 10, ['a:entries', 'b:bytes', 'c:bytes']]);
  l1.resize({ maxEntries: 2_000, maxBytes: Infinity });
  for (let i = 0; i < 3_000; i++) put(`k${i}`, 'v');
  expect(l1.size).toBe(2_000);
});

test('what has left gives its memory back', () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const { l1, put } = make({ maxEntries: 200_000, onRemove: undefined });
  for (let i = 0; i < 150_000; i++) put(`k${i}`, 'v');
  gc();
  const before = process.memoryUsage().heapUsed;
  for (let i = 10; i < 150_000; i++) l1.delete(`k${i}`);
  gc();
  // The entry's object and its place in the map.
  expect(before - process.memoryUsage().heapUsed).toBeGreaterThan(150_000 * 100);
  expect(l1.keys()).toHaveLength(10);
});

test('onRemove sees the operation done, and may use the L1', () => {
  const seen: unknown[] = [];
  const l1: L1<string> = new L1<string>({
    maxEntries: 1,
    timers: noTimers,
    onRemove: (key, value, cause) => {
      seen.push([key, value, cause, l1.keys()]);
      if (key === 'a') l1.set('c', 'C', { bytes: 1, deadline: Infinity });
    },
  });
  l1.set('a', 'A', { bytes: 1, deadline: Infinity });
  l1.set('b', 'B', { bytes: 1, deadline: Infinity });
  expect(seen).toEqual([
    ['a', 'A', 'entries', ['b']],
    ['b', 'B', 'entries', ['c']],
  ]);
  expect(l1.keys()).toEqual(['c']);
});

test('an onRemove that throws leaves the sums right', () => {
  const { l1, put } = make({
    maxEntries: 1,
    onRemove: () => {
      throw new Error('from onRemove');
    },
  });
  put('a', 'A', 3);
  expect(() => put('b', 'B', 4)).toThrow('from onRemove');
  expect([l1.get('b'), l1.bytes, l1.size]).toEqual(['B', 4, 1]);
});

test('without options the documented bounds and the system clock hold', () => {
  const l1 = new L1<string>();
  expect(l1.stats()).toMatchObject({ maxEntries: DEFAULT_MAX_ENTRIES, maxBytes: DEFAULT_MAX_BYTES });
  expect(l1.set('a', 'A', { bytes: 1, deadline: performance.now() - 1 })).toBe('dead');
  expect(l1.set('a', 'A', { bytes: 1, deadline: performance.now() + 60_000 })).toBe('stored');
  expect(l1.get('a')).toBe('A');
  l1.close();
});

test.each([
  ['maxEntries', 0],
  ['maxEntries', 1.5],
  ['maxEntries', Number.NaN],
  ['maxEntries', Infinity],
  ['maxEntries', MAX_ENTRIES + 1],
  ['maxBytes', 0],
  ['maxBytes', -1],
  ['maxBytes', Number.NaN],
] as const)('%s: %s is refused when making and when resizing, saying what is allowed', (name, bound) => {
  const { l1 } = make({ maxEntries: 7, maxBytes: 8 });
  for (const act of [() => new L1({ [name]: bound }), () => l1.resize({ maxEntries: 1, maxBytes: 1, [name]: bound })]) {
    expect(act).toThrow(L1InvalidError);
    expect(act).toThrow(
      expect.objectContaining({
        code: 'ERR_TIERWISE_L1_INVALID',
        argument: name,
        message: expect.stringMatching(new RegExp(`${name} must be a whole number.* 1.*, not ${bound}`)),
      }),
    );
  }
  expect(l1.stats()).toMatchObject({ maxEntries: 7, maxBytes: 8 });
});

test.each([
  ['value', undefined, 1, 1],
  ['bytes', 'v', -1, 1],
  ['bytes', 'v', 0.5, 1],
  ['bytes', 'v', Number.NaN, 1],
  ['bytes', 'v', Infinity, 1],
  ['deadline', 'v', 1, Number.NaN],
  ['deadline', 'v', 1, '10m'],
] as const)('set refuses a wrong %s and leaves the value before it', (argument, value, bytes, deadline) => {
  const { l1, put } = make();
  put('k', 'before');
  const set = l1.set.bind(l1) as (key: string, value: unknown, options: unknown) => unknown;
  expect(() => set('k', value, { bytes, deadline })).toThrow(
    expect.objectContaining({ code: 'ERR_TIERWISE_L1_INVALID', argument }),
  );
  expect([l1.get('k'), l1.bytes]).toEqual(['before', 1]);
});

test('entries are the living ones with all that set was told, the least recently used first, and stay as they were', () => {
  const { l1, clock, put } = make();
  put('a', 'A', 1);
  put('dead', 'D', 1, 5);
  put('b', 'B', 2, 20);
  l1.get('a');
  clock.time = 10;
  const held = [
    { key: 'b', value: 'B', bytes: 2, deadline: 20 },
    { key: 'a', value: 'A', bytes: 1, deadline: Infinity },
  ];
  expect(l1.entries()).toEqual(held);
  expect(l1.entries()).toEqual(held);
});

test('onStore hears of what was stored and of nothing else, after the removals that made room, and may resize', () => {
  const heard: string[] = [];
  const { l1, put } = make({
    maxBytes: 10,
    onRemove: (key) => heard.push(`removed ${key}`),
    onStore: (bytes) => {
      heard.push(`stored ${bytes}`);
      if (bytes === 3) l1.resize({ maxBytes: 3 });
    },
  });
  put('a', 'A', 6);
  put('b', 'B', 7);
  put('oversize', 'O', 11);
  put('dead', 'D', 1, -1);
  put('c', 'C', 3);
  expect(heard).toEqual(['stored 6', 'removed a', 'stored 7', 'stored 3', 'removed b']);
  expect([l1.keys(), l1.bytes]).toEqual([['c'], 3]);
});
