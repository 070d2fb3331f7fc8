import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ENTRIES_PER_RUN, MAX_INTERVAL_MS, MIN_INTERVAL_MS } from './clean-up.js';
import { L1, type L1Options } from './index.js';

/** An L1 whose time goes on by hand only. `timer` is the one timer that is running. */
function make(options: L1Options<string> = {}) {
  const time = { ms: 0 };
  const timers = {
    timer: undefined as { run: () => void; delayMs: number } | undefined,
    made: 0,
    setTimer(run: () => void, delayMs: number) {
      expect(timers.timer).toBeUndefined();
      timers.made++;
      timers.timer = { run, delayMs };
      return timers.timer;
    },
    clearTimer(timer: unknown) {
      expect(timer).toBe(timers.timer);
      timers.timer = undefined;
    },
  };
  const l1 = new L1<string>({ clock: { now: () => time.ms }, timers, ...options });
  return {
    l1,
    timers,
    time,
    put: (key: string, deadline: number) => l1.set(key, 'v', { bytes: 1, deadline }),
    /** Lets the timer's time come. */
    fire() {
      const { timer } = timers;
      if (timer === undefined) throw new Error('no timer is running');
      timers.timer = undefined;
      time.ms += timer.delayMs;
      timer.run();
    },
  };
}

test('there is no timer while nothing can expire', () => {
  const { l1, timers, put } = make();
  expect(timers.timer).toBeUndefined();
  put('a', Infinity);
  put('b', -1);
  l1.get('a');
  expect(timers.made).toBe(0);
});

test.each<[string, (l1: L1<string>) => void]>([
  ['deleted', (l1) => l1.delete('a')],
  ['cleared', (l1) => l1.clear()],
  ['replaced by one that never expires', (l1) => l1.set('a', 'v', { bytes: 1, deadline: Infinity })],
  ['replaced by an oversize one', (l1) => l1.set('a', 'v', { bytes: 100, deadline: Infinity })],
  ['evicted by entries', (l1) => l1.set('c', 'v', { bytes: 1, deadline: Infinity })],
  ['evicted by bytes', (l1) => l1.set('b', 'v', { bytes: 10, deadline: Infinity })],
  ['evicted by a resize', (l1) => l1.resize({ maxEntries: 1 })],
  ['found dead by get', (l1) => l1.get('a', 1_000)],
])('the timer ends when the last entry that can expire is %s', (_how, act) => {
  const { l1, timers, put } = make({ maxEntries: 2, maxBytes: 10 });
  put('a', 1_000);
  put('b', Infinity);
  expect(timers.timer).toMatchObject({ delayMs: MIN_INTERVAL_MS });
  act(l1);
  expect(timers.timer).toBeUndefined();
});

test('a run removes the dead, keeps the living, and ends the timer after the last one', () => {
  const left: string[] = [];
  const { l1, timers, put, fire } = make({ onRemove: (key, _value, cause) => left.push(`${key}:${cause}`) });
  put('a', 4_000);
  put('b', 12_000);
  put('c', Infinity);
  put('d', MIN_INTERVAL_MS);
  fire();
  expect([l1.keys(), l1.size, left]).toEqual([['c', 'b'], 2, ['a:expired', 'd:expired']]);
  while (timers.timer !== undefined) fire();
  expect([l1.keys(), l1.bytes, left.length]).toEqual([['c'], 1, 3]);
});

test('nothing is looked for before anything can be dead', () => {
  const { timers, put } = make();
  put('a', 60_000);
  expect([timers.made, timers.timer?.delayMs]).toEqual([1, 60_000]);
  put('b', 90_000);
  put('c', 60_000 - MIN_INTERVAL_MS);
  expect([timers.made, timers.timer?.delayMs]).toEqual([1, 60_000]);
  put('d', 20_000);
  expect([timers.made, timers.timer?.delayMs]).toEqual([2, 20_000]);
  put('e', 1);
  expect([timers.made, timers.timer?.delayMs]).toEqual([3, MIN_INTERVAL_MS]);
});

test('the interval doubles up to 120 s while nothing is found dead', () => {
  const { timers, put, fire } = make();
  put('a', 1e9);
  const intervals: number[] = [];
  for (let i = 0; i < 7; i++) {
    intervals.push(timers.timer?.delayMs ?? 0);
    fire();
  }
  expect(intervals).toEqual([MAX_INTERVAL_MS, 10_000, 20_000, 40_000, 80_000, MAX_INTERVAL_MS, MAX_INTERVAL_MS]);
});

test('the interval halves down to 5 s while a tenth or more is found dead, and stays in between', () => {
  const { timers, time, put, fire } = make();
  for (let i = 0; i < 90; i++) put(`living${i}`, 1e9);
  const dying = (count: number) => {
    for (let i = 0; i < count; i++) put(`dying${i}`, time.ms + 1);
  };
  for (let i = 0; i < 6; i++) fire();
  const intervals: number[] = [];
  for (let i = 0; i < 7; i++) {
    intervals.push(timers.timer?.delayMs ?? 0);
    dying(10);
    fire();
  }
  expect(intervals).toEqual([MAX_INTERVAL_MS, 60_000, 30_000, 15_000, 7_500, MIN_INTERVAL_MS, MIN_INTERVAL_MS]);
  fire();
  expect(timers.timer?.delayMs).toBe(10_000);
  dying(5);
  fire();
  expect(timers.timer?.delayMs).toBe(10_000);
});

test('a run looks at a bounded number of entries, and the next one goes on from there', () => {
  const { l1, put, fire } = make({ maxEntries: 3 * ENTRIES_PER_RUN });
  for (let i = 0; i < 2 * ENTRIES_PER_RUN; i++) put(`k${i}`, 1e9);
  for (let i = 0; i < 10; i++) put(`dying${i}`, 1);
  fire();
  expect(l1.stats().removed.expired).toBe(0);
  fire();
  expect(l1.stats().removed.expired).toBe(0);
  fire();
  expect(l1.stats().removed.expired).toBe(10);
});

test('the walk is not lost when the entry where it stands is removed, used or cleared away', () => {
  for (const disturb of [
    (l1: L1<string>) => void l1.delete('stands'),
    (l1: L1<string>) => void l1.get('stands'),
    (l1: L1<string>) => l1.resize({ maxEntries: 2 * ENTRIES_PER_RUN }),
    (l1: L1<string>) => {
      l1.clear();
      l1.set('again', 'v', { bytes: 1, deadline: 2 });
      l1.set('later', 'v', { bytes: 1, deadline: 1e9 });
    },
  ]) {
    const { l1, time, put, fire } = make({ maxEntries: 3 * ENTRIES_PER_RUN });
    for (let i = 0; i < ENTRIES_PER_RUN; i++) put(`k${i}`, 1e9);
    put('stands', 1e9);
    put('dying', 1e6);
    put('last', 1e9);
    fire();
    time.ms = 0;
    disturb(l1);
    time.ms = 1e6;
    for (let i = 0; i < 3; i++) fire();
    expect(l1.stats().removed.expired).toBe(1);
  }
});

test('the walk starts over after a clear', () => {
  const { l1, time, put, fire } = make({ maxEntries: 3 * ENTRIES_PER_RUN });
  for (let i = 0; i < 2 * ENTRIES_PER_RUN; i++) put(`k${i}`, 1e9);
  fire();
  l1.clear();
  put('dying', time.ms + 6_000);
  fire();
  expect(l1.stats().removed.expired).toBe(1);
});

test('what comes after a long quiet is looked at soon', () => {
  const { l1, time, timers, put, fire } = make();
  put('a', 1e9);
  for (let i = 0; i < 5; i++) fire();
  expect(timers.timer?.delayMs).toBe(MAX_INTERVAL_MS);
  l1.clear();
  put('b', time.ms + 1);
  expect(timers.timer?.delayMs).toBe(MIN_INTERVAL_MS);
});

test('an onRemove that stores a new entry in place of the last dead one finds one timer running, not two', () => {
  const { l1, timers, put, fire }: ReturnType<typeof make> = make({
    onRemove: () => void l1.set('b', 'v', { bytes: 1, deadline: MIN_INTERVAL_MS + 1 }),
  });
  put('a', 1);
  fire();
  expect([l1.keys(), timers.made, timers.timer?.delayMs]).toEqual([['b'], 2, MIN_INTERVAL_MS]);
});

test('an onRemove that throws in a run does not end the clean-up', () => {
  const { timers, put, fire } = make({
    onRemove: () => {
      throw new Error('from onRemove');
    },
  });
  put('a', 1);
  put('b', 1e9);
  expect(fire).toThrow('from onRemove');
  expect(timers.timer).toBeDefined();
});

test('close ends the timer for good; what is dead is still not handed out', () => {
  const { l1, timers, time, put } = make();
  put('a', 100);
  l1.close();
  l1.close();
  expect(timers.timer).toBeUndefined();
  put('b', 100);
  l1.delete('a');
  l1.delete('b');
  put('c', 100);
  expect([timers.timer, timers.made, l1.get('c')]).toEqual([undefined, 1, 'v']);
  time.ms = 100;
  expect(l1.get('c')).toBeUndefined();
});

test('the real timer runs, and does not keep a process alive', async () => {
  const index = join(import.meta.dirname, '..', 'dist', 'index.js');
  const program = `
    import { L1 } from ${JSON.stringify(index)};
    const { setTimeout: real } = globalThis;
    globalThis.setTimeout = (run, delayMs) => {
      const timer = real(run, 20);
      process.on('exit', () => console.log('exit', delayMs, timer.hasRef()));
      return timer;
    };
    const l1 = new L1({ onRemove: (key, value, cause) => console.log(key, cause) });
    l1.set('k', 'v', { bytes: 1, deadline: performance.now() + 5 });
    if (process.argv[1] === 'stay') while (l1.size > 0) await new Promise((resolve) => setImmediate(resolve));`;
  const run = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program, ...args]);
    return stdout.trim().split('\n');
  };
  expect(await run()).toEqual([`exit ${MIN_INTERVAL_MS} false`]);
  expect(await run('stay')).toEqual(['k expired', `exit ${MIN_INTERVAL_MS} false`]);
});
