/**
 * The store's counters: one record, read at the beginning and written at the end of every transaction that changes
 * anything, so that they are as exact as the entries themselves, whoever dies when.
 */
export interface Counters {
  /** Of the directory's layout. */
  format: number;
  /** The highest number (version, generation) that was ever handed out. */
  lastNumber: number;
  /** What all entries take: keys and records. */
  bytes: number;
  entries: number;
  /** The numbers of the oldest message in the feed's log, and of the next one to be appended. */
  logFirst: number;
  logNext: number;
  /** What all messages of the log take. */
  logBytes: number;
  /** How many notes there are, see deletions.ts. */
  notes: number;
  /** The highest number of a note that was forgotten before its time. */
  forgotten: number;
}

/** The layout of the directory that this version writes and reads. */
export const LAYOUT = 1;

const FIELDS = [
  'format',
  'lastNumber',
  'bytes',
  'entries',
  'logFirst',
  'logNext',
  'logBytes',
  'notes',
  'forgotten',
] as const;

export function newCounters(): Counters {
  return {
    format: LAYOUT,
    lastNumber: 0,
    bytes: 0,
    entries: 0,
    logFirst: 1,
    logNext: 1,
    logBytes: 0,
    notes: 0,
    forgotten: 0,
  };
}

export function encodeCounters(counters: Counters): Buffer {
  const buffer = Buffer.allocUnsafe(FIELDS.length * 8);
  FIELDS.forEach((field, index) => {
    buffer.writeDoubleLE(counters[field], index * 8);
  });
  return buffer;
}

export function decodeCounters(buffer: Buffer): Counters {
  const counters = newCounters();
  // What a store of an earlier version has not counted yet is 0.
  FIELDS.slice(0, buffer.length / 8).forEach((field, index) => {
    counters[field] = buffer.readDoubleLE(index * 8);
  });
  return counters;
}
