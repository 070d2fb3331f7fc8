import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { JournalRecord } from '@tierwise/hierarchy';
import { describe, expect, test } from 'vitest';
import { HeldDisk } from '../test/held-disk.js';
import { ManualClock } from '../test/manual-clock.js';
import { deletion, keysOf, opened, setting, temporaryDirectory } from '../test/support.js';
import { systemClock } from './clock.js';
import { nodeDisk } from './disk.js';
import { createFileJournal } from './file-journal.js';
import { type FileJournalOptions, fileJournal } from './index.js';
import { type LockDirectory, lockDirectory } from './lock.js';

const segmentsIn = (directory: string) => readdirSync(directory).filter((name) => name.endsWith('.twj'));

/** A journal on a disk and with a clock that the test drives. */
function driven(options: Partial<FileJournalOptions> = {}, clock: ManualClock | undefined = new ManualClock()) {
  const held = new HeldDisk();
  const directory = options.directory ?? temporaryDirectory();
  const parts = { disk: held.disk, clock, lock: lockDirectory, random: () => 1 };
  return { held, clock, directory, journal: createFileJournal({ ...options, directory }, parts) };
}

describe('records', () => {
  test('come back in order, as they were, after the process that closed', async () => {
    const directory = temporaryDirectory();
    const { journal } = await opened(fileJournal({ directory }));
    const records = [
      setting('é\u0000🔑', Uint8Array.of(1, 2, 3), 1.5),
      deletion('b'),
      { op: 'expire', namespace: '', key: '', at: 2 },
      { op: 'invalidate', namespace: 'n', tags: [], mode: 'dead', at: 3 },
      { op: 'invalidate', namespace: 'n', tags: ['t', 'u'], mode: 'stale', at: 4 },
      { op: 'invalidate', namespace: 'n', tags: null, mode: 'dead', at: 5 },
    ] as const;
    expect(await journal.append(records)).toEqual([1, 2, 3, 4, 5, 6]);
    await journal.close();
    const { found, host } = await opened(fileJournal({ directory }));
    expect(found).toEqual(records.map((record, index) => ({ number: index + 1, record })));
    expect(host.troubles).toEqual([]);
  });

  test('that are settled do not come back, and the log is empty when all are', async () => {
    const directory = temporaryDirectory();
    const first = await opened(fileJournal({ directory }));
    await first.journal.append(['a', 'b', 'c', 'd'].map((key) => deletion(key)));
    first.journal.settle([1, 3]);
    expect(first.journal.stats().records).toBe(2);
    await first.journal.close();
    const second = await opened(fileJournal({ directory }));
    expect(keysOf(second.found)).toEqual(['b', 'd']);
    expect(await second.journal.append([deletion('e')])).toEqual([5]);
    second.journal.settle([4, 2, 5]);
    await second.journal.close();
    expect(segmentsIn(directory)).toEqual([]);
  });

  test('that are settled before they were written never reach the disk', async () => {
    const { journal, held } = driven();
    await opened(journal);
    const appended = journal.append([deletion('a')]);
    journal.settle([1]);
    expect(await appended).toEqual([1]);
    expect(held.writes).toEqual([]);
    expect(journal.stats()).toMatchObject({ records: 0, segments: 0 });
  });

  test('that are settled while they are being written are settled', async () => {
    const { journal, held, directory } = driven();
    await opened(journal);
    held.hold();
    const appended = journal.append([deletion('a'), deletion('b')]);
    await held.begun(1);
    journal.settle([1]);
    expect(journal.stats().records).toBe(1);
    held.release();
    await appended;
    await journal.close();
    expect(keysOf((await opened(fileJournal({ directory }))).found)).toEqual(['b']);
  });

  test('settled in one segment stay settled when the segment that says so goes', async () => {
    const directory = temporaryDirectory();
    const options = { directory, segmentBytes: 4_096 };
    const clock = new ManualClock();
    const first = await opened(driven(options, clock).journal);
    await first.journal.append([deletion('pinned'), deletion('settled')]);
    await first.journal.close();
    const { journal, held } = driven(options, clock);
    await opened(journal);
    const numbers = await journal.append([setting('big', Buffer.alloc(3_000))]);
    journal.settle([2]);
    await held.begun(2); // noted behind 'big'
    await journal.append([setting('bigger', Buffer.alloc(3_900))]);
    journal.settle(numbers); // which lets that segment go
    await journal.append([deletion('last')]);
    await journal.close();
    expect(segmentsIn(directory).some((name) => name.startsWith('0000000000000003'))).toBe(false);
    expect(keysOf((await opened(fileJournal(options))).found)).toEqual(['pinned', 'bigger', 'last']);
  });
});

describe('group commit', () => {
  test('appends of one turn share one write and one sync; those that come meanwhile share the next', async () => {
    const { journal, held } = driven();
    await opened(journal);
    held.hold();
    const first = ['a', 'b', 'c'].map((key) => journal.append([deletion(key)]));
    await held.begun(1);
    const second = ['d', 'e'].map((key) => journal.append([deletion(key)]));
    held.release();
    expect(await Promise.all([...first, ...second])).toEqual([[1], [2], [3], [4], [5]]);
    expect(held.writes.length).toBe(2);
    expect(held.syncs).toBe(2);
    expect(held.directorySyncs).toBe(1); // for the name of the new segment
  });

  test('an append does not resolve before its write is done', async () => {
    const { journal, held } = driven();
    await opened(journal);
    held.hold();
    let isDone = false;
    const appended = journal.append([deletion('a')]).then(() => {
      isDone = true;
    });
    await held.begun(1);
    expect(isDone).toBe(false);
    held.release();
    await appended;
  });

  test('interval: many writes share a sync, and its timer is only set while there is something to sync', async () => {
    const { journal, held, clock } = driven({ fsync: 'interval', fsyncInterval: 700 });
    const { host } = await opened(journal);
    expect(clock.timers).toEqual([]);
    await journal.append([deletion('a')]);
    await journal.append([deletion('b')]);
    expect(held.syncs).toBe(0);
    expect(clock.timers).toContain(700);
    clock.advance(700);
    await journal.close();
    expect(held.syncs).toBe(1);
    expect(clock.timers).toEqual([]);
    expect(host.troubles).toEqual([]);
  });

  test('never: not one sync', async () => {
    const { journal, held } = driven({ fsync: 'never' });
    await opened(journal);
    await journal.append([deletion('a')]);
    await journal.close();
    expect([held.syncs, held.directorySyncs]).toEqual([0, 0]);
  });
});

describe('bounds', () => {
  test('size: the oldest segment is handed over, without what is settled', async () => {
    const directory = temporaryDirectory();
    const { journal, host } = await opened(fileJournal({ directory, segmentBytes: 4_096, maxBytes: 12_288 }));
    const keys = Array.from({ length: 16 }, (_, index) => `k${index}`);
    for (const key of keys) {
      const [number] = await journal.append([setting(key, Buffer.alloc(1_000))]);
      if (key === 'k1') journal.settle([number ?? 0]);
      expect(journal.stats().bytes).toBeLessThanOrEqual(12_288);
    }
    const dropped = keysOf(host.dropped);
    expect(dropped.length).toBeGreaterThan(3);
    expect(host.of('dropped').every((trouble) => trouble.why === 'size')).toBe(true);
    expect(journal.stats()).toMatchObject({ dropped: dropped.length, records: 15 - dropped.length });
    await journal.close();
    const { found } = await opened(fileJournal({ directory }));
    expect([...dropped, ...keysOf(found)]).toEqual(keys.filter((key) => key !== 'k1'));
  });

  test('size: a record that is larger than the whole log is handed over at once', async () => {
    const { journal, host } = await opened(
      fileJournal({ directory: temporaryDirectory(), segmentBytes: 4_096, maxBytes: 8_192 }),
    );
    await journal.append([deletion('a')]);
    await journal.append([setting('huge', Buffer.alloc(9_000))]);
    expect(keysOf(host.dropped)).toEqual(['huge']);
    expect(journal.stats()).toMatchObject({ records: 1, dropped: 1 });
  });

  test('age: a timer hands over what is too old, and only that', async () => {
    const { journal, clock } = driven({ maxAge: 160_000 });
    const { host } = await opened(journal);
    await journal.append([deletion('old')]);
    clock.advance(50_000);
    await journal.append([deletion('young')]);
    clock.advance(109_999);
    await journal.append([deletion('youngest')]);
    expect(host.troubles).toEqual([]);
    clock.advance(1_000);
    await host.heard('dropped');
    expect(host.of('dropped')).toMatchObject([{ why: 'age' }]);
    expect(keysOf(host.dropped)).toEqual(['old']);
    await journal.close();
    expect(clock.timers).toEqual([]);
  });

  test('age: what got too old while no process ran is handed over, not returned', async () => {
    const directory = temporaryDirectory();
    const clock = new ManualClock();
    const first = driven({ directory, maxAge: 10_000 }, clock);
    await opened(first.journal);
    await first.journal.append([deletion('a')]);
    await first.journal.close();
    clock.advance(10_000);
    const { found, host } = await opened(driven({ directory, maxAge: 10_000 }, clock).journal);
    expect(found).toEqual([]);
    expect(keysOf(host.dropped)).toEqual(['a']);
  });

  test('settled segments go at once, while the log is in use', async () => {
    const directory = temporaryDirectory();
    const { journal } = await opened(fileJournal({ directory, segmentBytes: 4_096 }));
    const numbers = [];
    for (let i = 0; i < 12; i += 1) numbers.push(...(await journal.append([setting(`k${i}`, Buffer.alloc(1_000))])));
    expect(segmentsIn(directory).length).toBe(4);
    journal.settle(numbers.slice(0, 11));
    await journal.append([deletion('next')]); // the worker tidies up before it writes
    expect(segmentsIn(directory).length).toBe(1);
    expect(journal.stats()).toMatchObject({ records: 2, segments: 1, dropped: 0 });
  });

  test('a large segment goes as soon as all of it is settled, and nothing is written for that', async () => {
    const { journal, held, directory } = driven();
    await opened(journal);
    const numbers = await journal.append([setting('large', Buffer.alloc(2_000_000)), deletion('small')]);
    expect(held.writes.length).toBe(2);
    journal.settle(numbers);
    while (segmentsIn(directory).length > 0) await new Promise(setImmediate);
    await journal.close();
    expect(held.writes.length).toBe(2);
    expect(journal.stats()).toMatchObject({ records: 0, segments: 0, bytes: 0 });
  });
});

describe('a disk that fails', () => {
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });

  test('is told once; records wait in memory, and are written in order when it works again', async () => {
    const { journal, held, clock, directory } = driven();
    const { host } = await opened(journal);
    await journal.append([deletion('a')]);
    held.error = full;
    expect(await journal.append([deletion('b')])).toEqual([2]);
    expect(await journal.append([deletion('c'), deletion('d')])).toEqual([3, 4]);
    expect(host.troubles).toEqual([{ type: 'failing', error: full }]);
    expect(journal.stats()).toMatchObject({ records: 4, inMemory: 3 });
    journal.settle([3]);
    held.error = undefined;
    await timerOf(100, clock);
    clock.advance(100);
    await host.heard('recovered');
    expect(host.types).toEqual(['failing', 'recovered']);
    expect(journal.stats()).toMatchObject({ records: 3, inMemory: 0 });
    expect(await journal.append([deletion('e')])).toEqual([5]);
    await journal.close();
    const next = await opened(fileJournal({ directory }));
    expect(keysOf(next.found)).toEqual(['a', 'b', 'd', 'e']);
    expect(next.host.troubles).toEqual([]); // what was half written was cut off
  });

  test('is left alone for longer and longer, and for no timer afterwards', async () => {
    const { journal, held, clock } = driven();
    const { host } = await opened(journal);
    held.error = full;
    await journal.append([deletion('a')]);
    for (const delay of [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]) {
      await timerOf(delay, clock);
      clock.advance(delay);
    }
    await timerOf(30_000, clock);
    held.error = undefined;
    clock.advance(30_000);
    await host.heard('recovered');
    expect(host.types).toEqual(['failing', 'recovered']);
    journal.settle([1]);
    await journal.close();
    expect(clock.timers).toEqual([]);
  });

  test('memory is bounded by records: the oldest are handed over', async () => {
    const { journal, held } = driven({ memory: { maxRecords: 3 } });
    const { host } = await opened(journal);
    held.error = full;
    await journal.append([deletion('a')]);
    await journal.append(['b', 'c', 'd', 'e'].map((key) => deletion(key)));
    expect(host.of('dropped').every((trouble) => trouble.why === 'memory')).toBe(true);
    expect(keysOf(host.dropped)).toEqual(['a', 'b']);
    expect(journal.stats()).toMatchObject({ records: 3, inMemory: 3, dropped: 2 });
  });

  test('what was being written is older than what came meanwhile', async () => {
    const { journal, held } = driven({ memory: { maxRecords: 1 } });
    const { host } = await opened(journal);
    held.hold();
    const first = journal.append([deletion('a')]);
    await held.begun(1);
    const second = journal.append([deletion('b')]);
    held.error = full;
    held.release();
    await Promise.all([first, second]);
    await host.heard('dropped');
    expect(keysOf(host.dropped)).toEqual(['a']);
  });

  test('memory is bounded by bytes', async () => {
    const { journal, held } = driven({ memory: { maxBytes: 10_000 } });
    const { host } = await opened(journal);
    held.error = full;
    for (const key of ['a', 'b', 'c', 'd']) await journal.append([setting(key, Buffer.alloc(4_000))]);
    expect(keysOf(host.dropped)).toEqual(['a', 'b']);
  });

  test('that does not answer lets go whoever waits, and has recovered when it does answer', async () => {
    const { journal, held, clock } = driven({ timeout: 50 });
    const { host } = await opened(journal);
    held.hold();
    const appended = journal.append([deletion('a')]);
    await held.begun(1);
    clock.advance(50);
    expect(await appended).toEqual([1]);
    expect(host.troubles).toMatchObject([{ type: 'failing', error: { code: 'ERR_TIERWISE_JOURNAL_TIMEOUT' } }]);
    expect(await journal.append([deletion('b')])).toEqual([2]);
    held.release();
    await host.heard('recovered');
    expect(journal.stats()).toMatchObject({ records: 2, inMemory: 0 });
    expect(held.writes.length).toBe(2); // nothing was written twice
  });

  test('when it is closed, what is in memory alone is tried once more, and then handed over', async () => {
    const { journal, held, clock } = driven();
    const { host } = await opened(journal);
    held.error = full;
    await journal.append([deletion('a')]);
    await journal.close();
    expect(keysOf(host.dropped)).toEqual(['a']);
    expect(clock.timers).toEqual([]);
  });

  test('when it is closed, and works again by then, what was in memory is written', async () => {
    const { journal, held, directory } = driven();
    const { host } = await opened(journal);
    held.error = full;
    await journal.append([deletion('a')]);
    held.error = undefined;
    await journal.close();
    expect(host.of('dropped')).toEqual([]);
    expect(keysOf((await opened(fileJournal({ directory }))).found)).toEqual(['a']);
  });

  test('when the log is opened is tried again, with a lock that the first attempt has let go', async () => {
    let attempts = 0;
    const disk = {
      ...nodeDisk,
      list: (path: string) => (attempts++ === 0 ? Promise.reject(full) : nodeDisk.list(path)),
    };
    const clock = new ManualClock();
    const parts = { disk, clock, lock: lockDirectory, random: () => 1 };
    const { host } = await opened(createFileJournal({ directory: temporaryDirectory() }, parts));
    await timerOf(100, clock);
    clock.advance(100);
    await host.heard('recovered');
    expect(host.types).toEqual(['failing', 'recovered']);
  });

  test('when it is closed, what only wants to be noted as settled is tried once as well, not over and over', async () => {
    const { journal, held } = driven();
    const { host } = await opened(journal);
    await journal.append([deletion('a'), deletion('b')]);
    held.error = full;
    journal.settle([1]);
    await journal.close();
    expect(held.writes.length).toBeLessThanOrEqual(3);
    expect(host.types).toEqual(['failing']);
  });

  test('a directory that is removed is made again, with what was in memory', async () => {
    const directory = join(temporaryDirectory(), 'log');
    const clock = new ManualClock();
    const before = await opened(driven({ directory }, clock).journal);
    await before.journal.append([deletion('lost')]);
    await before.journal.close();
    const { journal } = driven({ directory }, clock);
    const { host } = await opened(journal);
    await journal.append([deletion('lost'), deletion('lost')]);
    rmSync(directory, { recursive: true });
    expect(await journal.append([deletion('kept')])).toEqual([4]);
    await timerOf(100, clock);
    clock.advance(100);
    await host.heard('recovered');
    expect(host.types).toEqual(['damaged', 'failing', 'damaged', 'recovered']);
    expect(host.of('damaged').map((trouble) => trouble.detail)).toEqual([
      '2 records that were not settled are lost: the file was removed',
      '1 records that were not settled are lost: the directory was removed',
    ]);
    await journal.close();
    expect(keysOf((await opened(fileJournal({ directory }))).found)).toEqual(['kept']);
  });

  test('a segment that is moved away is noticed by the next append, which is not lost', async () => {
    const { journal, clock, directory } = driven();
    const { host } = await opened(journal);
    await journal.append([deletion('a')]);
    const [name = ''] = segmentsIn(directory);
    renameSync(join(directory, name), join(directory, 'elsewhere'));
    await journal.append([deletion('b')]);
    await timerOf(100, clock);
    clock.advance(100);
    await host.heard('recovered');
    await journal.close();
    expect(keysOf((await opened(fileJournal({ directory }))).found)).toEqual(['b']);
  });
});

describe('life', () => {
  test('close twice is one; appends afterwards are handed over, not lost in silence', async () => {
    const { journal, host } = await opened(fileJournal({ directory: temporaryDirectory() }));
    await Promise.all([journal.close(), journal.close()]);
    expect(await journal.append([deletion('late')])).toEqual([1]);
    journal.settle([1]);
    expect(keysOf(host.dropped)).toEqual(['late']);
  });

  test('close waits for what is being written', async () => {
    const { journal, held, directory } = driven();
    await opened(journal);
    held.hold();
    const appended = journal.append([deletion('a')]);
    await held.begun(1);
    const closed = journal.close();
    held.release();
    await Promise.all([appended, closed]);
    expect(keysOf((await opened(fileJournal({ directory }))).found)).toEqual(['a']);
  });

  test('an append while it closes hands over its own records, and no others', async () => {
    const { journal, held, directory } = driven();
    const { host } = await opened(journal);
    held.hold();
    const appended = journal.append([deletion('a')]);
    await held.begun(1);
    const waiting = journal.append([deletion('b')]);
    const closed = journal.close();
    await journal.append([deletion('late')]);
    held.release();
    await Promise.all([appended, waiting, closed]);
    expect(keysOf(host.dropped)).toEqual(['late']);
    expect(keysOf((await opened(fileJournal({ directory }))).found)).toEqual(['a', 'b']);
  });

  test('an append that is called while it opens gets a number above those of the log', async () => {
    const directory = temporaryDirectory();
    const first = await opened(fileJournal({ directory }));
    await first.journal.append([deletion('a'), deletion('b')]);
    await first.journal.close();
    const journal = fileJournal({ directory });
    const opening = opened(journal);
    expect(await journal.append([deletion('c')])).toEqual([3]);
    expect(keysOf((await opening).found)).toEqual(['a', 'b']);
  });

  test('a journal that was never opened can be closed', async () => {
    await fileJournal({ directory: join(temporaryDirectory(), 'none') }).close();
  });

  test.each([
    { directory: '' },
    { directory: 'd', fsync: 'sometimes' },
    { directory: 'd', maxBytes: 1 },
    { directory: 'd', maxAge: Number.NaN },
    { directory: 'd', dir: 'd' },
    { directory: 'd', memory: { maxRecords: 0 } },
    { directory: 'd', memory: { records: 1 } },
  ])('the option that is wrong in %j is refused', (options) => {
    const code = 'ERR_TIERWISE_INVALID_OPTION';
    expect(() => fileJournal(options as FileJournalOptions)).toThrow(expect.objectContaining({ code }));
  });
});

/** Resolves when a timer is set for that many milliseconds from now. */
async function timerOf(ms: number, clock: ManualClock): Promise<void> {
  while (!clock.timers.includes(ms)) await new Promise(setImmediate);
}

test('the clock of the system keeps no process alive, and takes any delay', () => {
  const timer = systemClock.setTimer(() => {}, 2 ** 40) as NodeJS.Timeout;
  expect(timer.hasRef()).toBe(false);
  systemClock.clearTimer(timer);
});

test('what was settled while a record was refused for its size is known to be settled by the next process', async () => {
  const options = { directory: temporaryDirectory(), segmentBytes: 4_096, maxBytes: 8_192 };
  const { journal } = await opened(fileJournal(options));
  const [settled = 0] = await journal.append([deletion('settled')]);
  await journal.append([deletion('waits')]);
  const refused = journal.append([setting('too large', Buffer.alloc(20_000))]);
  journal.settle([settled]);
  await refused;
  await journal.close();
  expect(keysOf((await opened(fileJournal(options))).found)).toEqual(['waits']);
});

test('a clock that was set back does not put what was appended later first, though the log could not be opened at once', async () => {
  const directory = temporaryDirectory();
  const appendAt = async (now: number, record: JournalRecord): Promise<void> => {
    let attempts = 0;
    const lock: LockDirectory = async (path) => {
      attempts += 1;
      if (attempts === 1) throw new Error('in use');
      return lockDirectory(path);
    };
    const parts = { disk: nodeDisk, clock: { ...systemClock, now: () => now }, lock, random: () => 0 };
    const { journal, host } = await opened(createFileJournal({ directory }, parts));
    await journal.append([record]);
    await host.heard('recovered');
    await journal.close();
  };
  const now = Date.now();
  await appendAt(now, deletion('earlier'));
  await appendAt(now - 3_600_000, deletion('later'));
  expect(keysOf((await opened(fileJournal({ directory }))).found)).toEqual(['earlier', 'later']);
});
