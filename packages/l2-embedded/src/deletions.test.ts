import { DELETION_MEMORY_MS } from '@tierwise/l2';
import { expect, onTestFinished, test } from 'vitest';
import { findContradictions, handClock, temporaryDirectory } from '../test/support.js';
import { isUnnotedSince, noteDeletion, noteOf } from './deletions.js';
import { storeEntry, touchEntry } from './entries.js';
import { evict, sweep } from './expiry.js';
import { storeKey } from './key-codec.js';
import { spaceOf } from './space.js';
import { Store } from './store.js';
import type { Transaction } from './transaction.js';

const keyOf = (name: string) => storeKey(spaceOf('n').prefix, name);

function setUp() {
  const clock = handClock();
  const store = new Store({ path: temporaryDirectory(), waitsForDisk: false });
  onTestFinished(async () => {
    expect(findContradictions(store)).toEqual([]);
    await store.close();
  });
  const run = <T>(deed: (txn: Transaction) => T) => store.write({ origin: 'a', now: clock.now }, deed);
  const noted = () => store.read((tables) => tables.readCounters().notes);
  return { clock, store, run, noted };
}

test('a note is there until its time is over, and then it is swept', async () => {
  const { clock, store, run, noted } = setUp();
  await run((txn) => noteDeletion(txn, keyOf('a')));
  clock.advance(DELETION_MEMORY_MS - 1);
  expect(await run((txn) => sweep(txn, 100))).toBe(0);
  expect(noted()).toBe(1);
  clock.advance(1);
  expect(await run((txn) => sweep(txn, 100))).toBe(1);
  expect([noted(), store.read((tables) => noteOf(tables, keyOf('a')))]).toEqual([0, undefined]);
  expect(store.read((tables) => tables.expiry.nextDue())).toBeUndefined();
});

test('a key that is deleted again has one note, of the last time', async () => {
  const { clock, store, run, noted } = setUp();
  await run((txn) => noteDeletion(txn, keyOf('a')));
  clock.advance(1000);
  const last = await run((txn) => {
    noteDeletion(txn, keyOf('a'));
    return { goneAt: txn.now + DELETION_MEMORY_MS, number: txn.counters.lastNumber };
  });
  expect(noted()).toBe(1);
  expect(store.read((tables) => noteOf(tables, keyOf('a')))).toEqual(last);
});

test('beyond their bound the oldest notes are forgotten, and what happened before that cannot be told any more', async () => {
  const { clock, run, noted } = setUp();
  const numbers: number[] = [];
  for (const name of ['a', 'b', 'c', 'd']) {
    clock.advance(1);
    numbers.push(
      await run((txn) => {
        noteDeletion(txn, keyOf(name), 2);
        return txn.counters.lastNumber;
      }),
    );
  }
  expect(noted()).toBe(2);
  const [a = 0, b = 0, c = 0] = numbers;
  await run((txn) => {
    expect(isUnnotedSince(txn, keyOf('a'), a - 1)).toBe(false);
    expect(isUnnotedSince(txn, keyOf('b'), b - 1)).toBe(false);
    expect(isUnnotedSince(txn, keyOf('b'), b)).toBe(true);
    expect(isUnnotedSince(txn, keyOf('c'), c - 1)).toBe(false);
    expect(isUnnotedSince(txn, keyOf('c'), c)).toBe(true);
    expect(isUnnotedSince(txn, keyOf('never deleted'), a)).toBe(false);
  });
});

test.each([
  ['a write', 'write', DELETION_MEMORY_MS, 0],
  ['a short-lived write', 'write', DELETION_MEMORY_MS - 1, 1],
  ['a short-lived fill', 'fill', 1, 0],
] as const)('of %s there are the notes that it needs, and no number is used up', async (_, kind, keepMs, notes) => {
  const { run, noted } = setUp();
  await run((txn) => {
    const before = txn.counters.lastNumber;
    const write = { key: 'a', bytes: Buffer.of(1), freshMs: 0, keepMs };
    const version = storeEntry(txn, spaceOf('n'), write, kind, Number.MAX_SAFE_INTEGER);
    expect(version).toBeGreaterThan(before);
    expect(txn.counters.lastNumber).toBe(version);
    expect(noteOf(txn.tables, keyOf('a'))?.number).toBe(notes === 0 ? undefined : version);
  });
  expect(noted()).toBe(notes);
});

test('a fill that has ended needs no note when another one takes its place', async () => {
  const { clock, run, noted } = setUp();
  const fill = { key: 'a', bytes: Buffer.of(1), freshMs: 1, keepMs: 1 };
  for (const _ of [1, 2]) {
    await run((txn) => storeEntry(txn, spaceOf('n'), fill, 'fill', 10_000));
    clock.advance(1);
  }
  expect(noted()).toBe(0);
});

test.each<readonly [string, (txn: Transaction) => unknown]>([
  ['touched', (txn: Transaction) => touchEntry(txn, spaceOf('n'), 'a', { freshMs: 0, keepMs: 1_000 })],
  [
    'filled over',
    (txn: Transaction) =>
      storeEntry(txn, spaceOf('n'), { key: 'a', bytes: Buffer.of(2), freshMs: 0, keepMs: 1_000 }, 'fill', 10_000),
  ],
])('what is %s for a short life leaves a note of when it was written, unless that was long ago', async (_, deed) => {
  const { clock, store, run, noted } = setUp();
  const write = { key: 'a', bytes: Buffer.of(1), freshMs: 0, keepMs: 10 * DELETION_MEMORY_MS };
  const put = () => run((txn) => storeEntry(txn, spaceOf('n'), write, 'write', 10_000));
  await put();
  clock.advance(DELETION_MEMORY_MS - 1_000);
  await run(deed);
  expect(noted()).toBe(0);
  const version = await put();
  clock.advance(DELETION_MEMORY_MS - 1_001);
  await run(deed);
  expect(store.read((tables) => noteOf(tables, keyOf('a'))?.number)).toBe(version);
});

test('eviction leaves notes alone', async () => {
  const { run, noted } = setUp();
  await run((txn) => {
    noteDeletion(txn, keyOf('a'));
    evict(txn, 0, 100);
  });
  expect(noted()).toBe(1);
});
