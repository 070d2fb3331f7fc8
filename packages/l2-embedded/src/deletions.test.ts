import { DELETION_MEMORY_MS } from '@tierwise/l2';
import { expect, onTestFinished, test } from 'vitest';
import { findContradictions, handClock, temporaryDirectory } from '../test/support.js';
import { isUndeletedSince, noteDeletion, noteOf } from './deletions.js';
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
    expect(isUndeletedSince(txn, keyOf('a'), a - 1)).toBe(false);
    expect(isUndeletedSince(txn, keyOf('b'), b - 1)).toBe(false);
    expect(isUndeletedSince(txn, keyOf('b'), b)).toBe(true);
    expect(isUndeletedSince(txn, keyOf('c'), c - 1)).toBe(false);
    expect(isUndeletedSince(txn, keyOf('c'), c)).toBe(true);
    expect(isUndeletedSince(txn, keyOf('never deleted'), a)).toBe(false);
  });
});

test('eviction leaves notes alone', async () => {
  const { run, noted } = setUp();
  await run((txn) => {
    noteDeletion(txn, keyOf('a'));
    evict(txn, 0, 100);
  });
  expect(noted()).toBe(1);
});
