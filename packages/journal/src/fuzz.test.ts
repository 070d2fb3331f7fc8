import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JournalEntry, JournalRecord } from '@tierwise/hierarchy';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deletion, RecordingHost, setting, temporaryDirectory } from '../test/support.js';
import { systemClock } from './clock.js';
import { nodeDisk } from './disk.js';
import { decodeHeader, encodeHeader, HEADER_BYTES, newMarker, segmentName, VERSION } from './format.js';
import { encodeFrame, FRAME_BYTES, scanFrames } from './frame.js';
import { fileJournal } from './index.js';
import { loadLog } from './load.js';
import { encodeRecord, KIND } from './record.js';

const RECORDS: readonly JournalRecord[] = [
  deletion('a'),
  setting('b', Buffer.from('the value of b')),
  { op: 'invalidate', namespace: 'n', tags: ['x', 'ÿ'], mode: 'stale', at: 3 },
  { op: 'invalidate', namespace: 'n', tags: null, mode: 'dead', at: 4 },
  { op: 'expire', namespace: 'n', key: 'e', at: 5 },
  setting('f', Buffer.alloc(40, 0xff)),
];
const ENTRIES: readonly JournalEntry[] = RECORDS.map((record, index) => ({ number: index + 1, record }));

/** A small log as its writer leaves it, and where its frames are. */
const marker = newMarker();
const FRAMES = ENTRIES.map(({ number, record }) => encodeFrame(marker, KIND[record.op], number, encodeRecord(record)));
const LOG = Buffer.concat([encodeHeader({ version: VERSION, marker, createdAt: Date.now() }), ...FRAMES]);
const NAME = segmentName({ first: 1, marker });
const STARTS = FRAMES.map((_, index) => FRAMES.slice(0, index).reduce((at, frame) => at + frame.length, HEADER_BYTES));

/** Loads a segment with these bytes, from a disk that holds nothing else. */
async function load(bytes: Buffer) {
  const host = new RecordingHost();
  const disk = {
    ...nodeDisk,
    list: async () => [NAME],
    read: async () => bytes,
    truncate: async () => {},
    remove: async () => {},
  };
  const { entries } = await loadLog('', { disk, clock: systemClock, tell: host.onTrouble });
  return { numbers: entries.map((entry) => entry.number), entries, troubles: host.of('damaged') };
}

/** The numbers of those frames that lie wholly outside of a range of bytes. */
function intact(from: number, to: number): number[] {
  return ENTRIES.filter((_, i) => {
    const start = STARTS[i] ?? 0;
    const end = start + (FRAMES[i]?.length ?? 0);
    return end <= from || start >= to;
  }).map((entry) => entry.number);
}

const plain = (entries: readonly JournalEntry[]) =>
  entries.map(({ number, record }) => ({
    number,
    record: record.op === 'set' ? { ...record, bytes: Buffer.from(record.bytes).toString('hex') } : record,
  }));

test('a whole log comes back as it was written', async () => {
  const { entries, troubles } = await load(LOG);
  expect(plain(entries)).toEqual(plain(ENTRIES));
  expect(troubles).toEqual([]);
});

describe('at every position of a log', () => {
  test('a flipped bit costs the one record that it is in, and is told', async () => {
    for (let at = 0; at < LOG.length; at += 1) {
      const bytes = Buffer.from(LOG);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
      const { numbers, troubles } = await load(bytes);
      expect(numbers, `bit ${at % 8} of byte ${at}`).toEqual(intact(at, at + 1));
      expect(troubles.length, `byte ${at}`).toBe(1);
    }
  });

  test('an inserted byte costs at most the record that it is in', async () => {
    for (let at = 0; at <= LOG.length; at += 1) {
      const bytes = Buffer.concat([LOG.subarray(0, at), Buffer.of(at & 0xff), LOG.subarray(at)]);
      const { numbers } = await load(bytes);
      const between = at === LOG.length || STARTS.includes(at);
      expect(numbers, `byte ${at}`).toEqual(between ? ENTRIES.map((entry) => entry.number) : intact(at, at + 1));
    }
  });

  test('a missing byte costs the one record that it was in', async () => {
    for (let at = 0; at < LOG.length; at += 1) {
      const { numbers } = await load(Buffer.concat([LOG.subarray(0, at), LOG.subarray(at + 1)]));
      // Where a record ends with the byte that the next one begins with, nobody can tell which of the two is missing.
      const isEither = LOG[at] === LOG[at + 1];
      const losses = [intact(at, at + 1), ...(isEither ? [intact(at + 1, at + 2)] : [])];
      expect(losses, `byte ${at}`).toContainEqual(numbers);
    }
  });

  test('an end costs what is behind it, and is told unless it is between two records', async () => {
    for (let at = HEADER_BYTES; at < LOG.length; at += 1) {
      const { numbers, troubles } = await load(LOG.subarray(0, at));
      expect(numbers, `cut at ${at}`).toEqual(intact(at, LOG.length));
      expect(troubles.length, `cut at ${at}`).toBe(STARTS.includes(at) ? 0 : 1);
    }
  });
});

test('any damage at all: it never throws, and every record outside of it comes back', async () => {
  const damage = fc.record({
    at: fc.nat({ max: LOG.length }),
    removed: fc.nat({ max: 300 }),
    inserted: fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.constant(Uint8Array.from(marker))),
  });
  await fc.assert(
    fc.asyncProperty(damage, async ({ at, removed, inserted }) => {
      const { numbers } = await load(Buffer.concat([LOG.subarray(0, at), inserted, LOG.subarray(at + removed)]));
      expect(numbers).toEqual(expect.arrayContaining(intact(at, at + removed)));
    }),
    { numRuns: 2_000 },
  );
});

test('bytes within a value that look like a frame are none, also behind damage', async () => {
  // Its writer knows the format, but not the marker of the segment.
  const forged = encodeFrame(newMarker(), KIND.delete, 99, encodeRecord(deletion('forged')));
  const frame = encodeFrame(marker, KIND.set, 1, encodeRecord(setting('k', forged)));
  frame[FRAME_BYTES - 1] = (frame[FRAME_BYTES - 1] ?? 0) ^ 1;
  const found = [...scanFrames(frame, marker, 0)];
  expect(found).toEqual([{ offset: 0, bytes: frame.length, detail: 'the checksum is wrong' }]);
});

test('on disk: a torn end is cut off, and not told again; the next process writes on', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, NAME);
  writeFileSync(file, LOG.subarray(0, LOG.length - 1));
  const open = async () => {
    const host = new RecordingHost();
    const journal = fileJournal({ directory });
    const found = await journal.open(host);
    return { journal, host, numbers: found.map((entry) => entry.number) };
  };
  const first = await open();
  expect(first.numbers).toEqual([1, 2, 3, 4, 5]);
  const detail = expect.stringContaining('torn and was cut');
  expect(first.host.troubles).toEqual([
    { type: 'damaged', file, offset: STARTS[5], bytes: expect.any(Number), detail },
  ]);
  expect(await first.journal.append([deletion('next')])).toEqual([6]);
  await first.journal.close();
  expect(readFileSync(file).length).toBe(STARTS[5]);
  const second = await open();
  expect(second.numbers).toEqual([1, 2, 3, 4, 5, 6]);
  expect(second.host.troubles).toEqual([]);
  await second.journal.close();
});

test('files of others, files of a newer version and files that cannot be read are left as they are', async () => {
  const directory = temporaryDirectory();
  const newer = encodeHeader({ version: VERSION + 1, marker, createdAt: 1 });
  const files: Record<string, Buffer> = {
    'notes.txt': Buffer.from('mine'),
    '0000000000000001.twj': Buffer.from('not quite a name of ours'),
    [segmentName({ first: 1, marker: newMarker() })]: Buffer.concat([newer, Buffer.from('who knows')]),
    [segmentName({ first: 7, marker: newMarker() })]: Buffer.alloc(500, 7),
  };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(directory, name), bytes);
  mkdirSync(join(directory, segmentName({ first: 9, marker: newMarker() })));
  const host = new RecordingHost();
  const journal = fileJournal({ directory });
  expect(await journal.open(host)).toEqual([]);
  expect(host.of('damaged').map((trouble) => trouble.detail)).toEqual([
    expect.stringContaining('version 2'),
    expect.stringContaining('nothing in it can be read'),
    expect.stringContaining('it cannot be read'),
  ]);
  const numbers = await journal.append([deletion('a')]);
  expect(numbers[0]).toBeGreaterThan(9);
  journal.settle(numbers);
  await journal.close();
  for (const [name, bytes] of Object.entries(files)) expect(readFileSync(join(directory, name))).toEqual(bytes);
  expect(readdirSync(directory).length).toBe(Object.keys(files).length + 2); // the directory, and the lock
});

test('a file whose writer died before its header was written is removed without a word', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, NAME), LOG.subarray(0, 20));
  const host = new RecordingHost();
  const journal = fileJournal({ directory });
  await journal.open(host);
  await journal.close();
  expect(readdirSync(directory)).toEqual(['lock']);
  expect(host.troubles).toEqual([]);
});

test('a header says whose it is, and any change of it is seen', () => {
  const header = LOG.subarray(0, HEADER_BYTES);
  expect(decodeHeader(header)).toMatchObject({ version: VERSION, marker });
  for (let at = 0; at < HEADER_BYTES; at += 1) {
    const bytes = Buffer.from(header);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    expect(decodeHeader(bytes)).toBeUndefined();
  }
});
