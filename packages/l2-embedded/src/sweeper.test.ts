import { DELETION_MEMORY_MS } from '@tierwise/l2';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { findContradictions, handClock, temporaryDirectory } from '../test/support.js';
import { readEntry, writeEntry } from './entries.js';
import { evict, sweep } from './expiry.js';
import { LEASE } from './expiry-index.js';
import { storeKey } from './key-codec.js';
import { acquire, release, renew } from './leases.js';
import { marks } from './logical-time.js';
import { spaceOf } from './space.js';
import { Store } from './store.js';
import { Sweeper } from './sweeper.js';
import type { Transaction } from './transaction.js';

const SPACE = spaceOf('n');
const NO_CAP = Number.MAX_SAFE_INTEGER;

afterEach(() => {
  vi.useRealTimers();
});

function setUp() {
  const clock = handClock();
  const store = new Store({ path: temporaryDirectory(), waitsForDisk: false });
  const actor = { origin: 'a', now: clock.now };
  onTestFinished(async () => {
    expect(findContradictions(store)).toEqual([]);
    await store.close();
  });
  const run = <T>(deed: (txn: Transaction) => T) => store.write(actor, deed);
  const put = (key: string, keepMs: number, bytes = 10) =>
    run((txn) => writeEntry(txn, SPACE, { key, bytes: Buffer.alloc(bytes), freshMs: 0, keepMs }, NO_CAP));
  const counters = () => store.read((tables) => tables.readCounters());
  /** The keys of entries that are stored, expired ones included. */
  const stored = () => store.read((tables) => [...tables.entries.getKeys({})].map((key) => key.toString('utf8', 3)));
  return { clock, store, actor, run, put, counters, stored };
}

describe('sweeping', () => {
  test('removes what has expired, the soonest first, as many as it is told to', async () => {
    const { clock, run, put, stored } = setUp();
    for (const [key, keepMs] of [
      ['c', 30],
      ['a', 10],
      ['b', 20],
      ['d', 40],
    ] as const)
      await put(key, keepMs);
    clock.advance(30);
    expect(await run((txn) => sweep(txn, 2))).toBe(2);
    expect(stored()).toEqual(['c', 'd']);
    expect(await run((txn) => sweep(txn, 2))).toBe(1);
    expect(stored()).toEqual(['d']);
    expect(await run((txn) => sweep(txn, 2))).toBe(0);
  });

  test('leaves nothing of an entry, its note, a lease or a mark behind', async () => {
    const { clock, store, run, put, counters } = setUp();
    await put('k', 1000);
    await run((txn) => {
      acquire(txn, SPACE, 'free', undefined, 1000);
      marks(txn, SPACE, ['t'], 0, 1000);
    });
    clock.advance(1000);
    expect(await run((txn) => sweep(txn, 100))).toBe(3);
    expect(counters()).toMatchObject({ bytes: 0, entries: 0, notes: 1 });
    clock.advance(DELETION_MEMORY_MS - 1000);
    expect(await run((txn) => sweep(txn, 100))).toBe(1);
    expect(counters()).toMatchObject({ bytes: 0, entries: 0, notes: 0 });
    const left = store.read(({ entries, leases, marks, deletions, expiry }) => [
      ...[entries, leases, marks, deletions].map((table) => [...table.getKeys({})].length),
      expiry.nextDue(),
    ]);
    expect(left).toEqual([0, 0, 0, 0, undefined]);
  });

  test('a lease that was renewed, and a mark that is kept for longer, outlive their first row, and are swept at their end', async () => {
    const { clock, store, run } = setUp();
    const answer = await run((txn) => acquire(txn, SPACE, 'k', undefined, 1000));
    if (answer.status !== 'granted') throw new Error('not granted');
    await run((txn) => {
      renew(txn, SPACE, 'k', answer.token, 5000);
      marks(txn, SPACE, ['t'], 0, 1000);
      marks(txn, SPACE, ['t'], 0, 5000);
    });
    clock.advance(1000);
    await run((txn) => sweep(txn, 100));
    const count = () =>
      store.read(({ leases, marks }) => [...leases.getKeys({})].length + [...marks.getKeys({})].length);
    expect(count()).toBe(2);
    expect(store.read(({ expiry }) => expiry.nextDue())).toBe(clock.now() + 4000);
    clock.advance(4000);
    await run((txn) => sweep(txn, 100));
    expect(count()).toBe(0);
  });

  test('a lease that was renewed for a shorter time is swept at its end', async () => {
    const { clock, store, run } = setUp();
    const answer = await run((txn) => acquire(txn, SPACE, 'k', undefined, 5000));
    if (answer.status !== 'granted') throw new Error('not granted');
    await run((txn) => renew(txn, SPACE, 'k', answer.token, 1000));
    clock.advance(1000);
    await run((txn) => sweep(txn, 100));
    expect(store.read(({ leases }) => [...leases.getKeys({})].length)).toBe(0);
  });

  test('a lease that was given back early leaves at most a row, which goes without harm to the next lease', async () => {
    const { clock, store, run } = setUp();
    const first = await run((txn) => acquire(txn, SPACE, 'k', undefined, 1000));
    if (first.status !== 'granted') throw new Error('not granted');
    await run((txn) => renew(txn, SPACE, 'k', first.token, 2000));
    await run((txn) => release(txn, SPACE, 'k', first.token));
    await run((txn) => acquire(txn, SPACE, 'k', undefined, 9000));
    clock.advance(2000);
    await run((txn) => sweep(txn, 100));
    expect(store.read(({ leases }) => [...leases.getKeys({})].length)).toBe(1);
    expect(store.read(({ expiry }) => expiry.soonest(LEASE, NO_CAP, 10))).toMatchObject([
      { goneAt: clock.now() + 7000 },
    ]);
  });

  test('a damaged record goes when the row of the entry that it was is due', async () => {
    const { clock, run, put, stored } = setUp();
    await put('k', 1000);
    const key = storeKey(SPACE.prefix, 'k');
    await run(({ tables, counters }) => {
      const bytes = tables.entries.getBinary(key)?.subarray(0, 20) ?? Buffer.alloc(0);
      counters.bytes += bytes.length - (tables.entries.getBinary(key)?.length ?? 0);
      tables.entries.put(key, bytes);
    });
    clock.advance(1000);
    await run((txn) => sweep(txn, 100));
    expect(stored()).toEqual([]);
  });
});

describe('the byte cap', () => {
  test('the entries that are the soonest to expire are evicted, no more than needed', async () => {
    const { run, put, stored, counters } = setUp();
    for (const [key, keepMs] of [
      ['c', 30],
      ['a', 10],
      ['d', 40],
      ['b', 20],
    ] as const)
      await put(key, keepMs);
    const { bytes } = counters();
    expect(await run((txn) => evict(txn, bytes, 100))).toBe(true);
    expect(stored()).toEqual(['a', 'b', 'c', 'd']);
    expect(await run((txn) => evict(txn, bytes - 1, 100))).toBe(true);
    expect(stored()).toEqual(['b', 'c', 'd']);
    expect(await run((txn) => evict(txn, bytes / 2, 100))).toBe(true);
    expect(stored()).toEqual(['c', 'd']);
  });

  test('what the transaction itself has just written is spared', async () => {
    const { run, put, stored, counters } = setUp();
    await put('long', 1000);
    const spared = counters().lastNumber + 1;
    await put('short', 1);
    await run((txn) => evict(txn, counters().bytes - 1, 100, spared));
    expect(stored()).toEqual(['short']);
  });

  test('one step evicts a bounded number, and says that it is not done', async () => {
    const { run, put, stored } = setUp();
    for (let number = 0; number < 5; number++) await put(`${number}`, 10 + number);
    expect(await run((txn) => evict(txn, 0, 3))).toBe(false);
    expect(stored()).toEqual(['3', '4']);
  });
});

describe('the sweeper', () => {
  const OPTIONS = { maxBytes: NO_CAP, sweepInterval: 1000 };

  test('has a timer only while there is something to expire', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const { clock, store, actor, put, stored } = setUp();
    const sweeper = new Sweeper(store, actor, OPTIONS);
    sweeper.wake();
    expect(sweeper.armed).toBe(false);
    await put('k', 70_000);
    sweeper.wake();
    expect(sweeper.armed).toBe(true);
    vi.advanceTimersByTime(69_999);
    expect(sweeper.armed).toBe(true);
    clock.advance(70_000);
    vi.advanceTimersByTime(1);
    await sweeper.run();
    expect(stored()).toEqual([]);
    expect(sweeper.armed).toBe(false);
    await sweeper.close();
  });

  test('is brought forward by what is due earlier, but runs no more often than its interval', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const { store, actor } = setUp();
    const timeout = vi.spyOn(globalThis, 'setTimeout');
    const sweeper = new Sweeper(store, actor, OPTIONS);
    sweeper.expect(50_000);
    sweeper.expect(60_000);
    sweeper.expect(10);
    sweeper.expect(20);
    sweeper.expect(1e12);
    expect(timeout.mock.calls.map(([, ms]) => ms)).toEqual([50_000, 1000]);
    await sweeper.close();
    expect(sweeper.armed).toBe(false);
    sweeper.expect(10);
    sweeper.hurry();
    expect(sweeper.armed).toBe(false);
  });

  test('works in steps of bounded size, between which others have their turn', async () => {
    const { clock, store, actor, run, stored } = setUp();
    await run((txn) => {
      for (let number = 0; number < 1000; number++) {
        writeEntry(txn, SPACE, { key: `${number}`, bytes: Buffer.alloc(1), freshMs: 0, keepMs: 10 }, NO_CAP);
      }
    });
    clock.advance(10);
    const steps: number[] = [];
    const write = store.write.bind(store);
    vi.spyOn(store, 'write').mockImplementation(async (by, deed) => {
      const before = stored().length;
      const result = await write(by, deed);
      steps.push(before - stored().length);
      return result;
    });
    await new Sweeper(store, actor, OPTIONS).run();
    expect(steps).toEqual([250, 250, 250, 250]);
  });

  test('of two that run at once both end, and nothing is removed twice', async () => {
    const { clock, store, actor, put, counters } = setUp();
    for (let number = 0; number < 20; number++) await put(`${number}`, number < 10 ? 10 : 1000);
    clock.advance(10);
    await Promise.all([new Sweeper(store, actor, OPTIONS).run(), new Sweeper(store, actor, OPTIONS).run()]);
    expect(counters().entries).toBe(10);
  });

  test('brings a store that is above its cap below it', async () => {
    const { store, actor, put, counters } = setUp();
    for (let number = 0; number < 50; number++) await put(`${number}`, 1000 + number);
    const maxBytes = Math.floor(counters().bytes / 3);
    await new Sweeper(store, actor, { ...OPTIONS, maxBytes }).run();
    expect(counters().bytes).toBeLessThanOrEqual(maxBytes);
    expect(store.read((tables) => readEntry(tables, actor.now(), SPACE, '49'))).toMatchObject({ status: 'found' });
  });

  test('ends quietly where the store cannot be written', async () => {
    const { clock, store, actor, put } = setUp();
    await put('k', 10);
    clock.advance(10);
    vi.spyOn(store, 'write').mockRejectedValueOnce(new Error('disk full'));
    const sweeper = new Sweeper(store, actor, OPTIONS);
    await sweeper.run();
    expect(sweeper.armed).toBe(true);
    await sweeper.close();
  });
});
