import { DELETION_MEMORY_MS } from '@tierwise/l2';
import { NOTE } from './expiry-index.js';
import type { Tables } from './tables.js';
import type { Transaction } from './transaction.js';

/**
 * Notes: `<goneAt> <number>`, two doubles, under the store key of what was deleted or expired, or written with what will be gone before
 * {@link DELETION_MEMORY_MS} are over. They are kept for as long. A value that is replayed must not come back over one.
 */
export interface DeletionNote {
  readonly goneAt: number;
  /** The store's number of the deletion, or of what was written. */
  readonly number: number;
}

/**
 * How many notes the store keeps: a minute of a thousand a second. Beyond that the oldest are forgotten early, and what
 * would have to be compared with them counts as deleted.
 */
const MAX_NOTES = 65_536;

/** Notes that a key was deleted or expired just now. */
export function noteDeletion(txn: Transaction, key: Buffer, maxNotes = MAX_NOTES): void {
  putNote(txn, key, txn.nextNumber(), maxNotes);
}

/** Notes when an entry was written, if nothing shows it any more from `goneAt` on, and that is early. */
export function noteWrite(
  txn: Transaction,
  key: Buffer,
  written: { readonly version: number; readonly writtenAt: number },
  goneAt: number,
): void {
  if (goneAt - written.writtenAt >= DELETION_MEMORY_MS) return;
  const isNoted = (noteOf(txn.tables, key)?.number ?? 0) >= written.version;
  if (!isNoted) putNote(txn, key, written.version, MAX_NOTES);
}

function putNote(txn: Transaction, key: Buffer, number: number, maxNotes: number): void {
  removeNote(txn, key);
  const note = { goneAt: txn.now + DELETION_MEMORY_MS, number };
  txn.tables.deletions.put(key, encodeNote(note));
  txn.tables.expiry.put(NOTE, note.goneAt, key);
  txn.counters.notes += 1;
  const excess = txn.counters.notes - maxNotes;
  if (excess <= 0) return;
  for (const row of txn.tables.expiry.soonest(NOTE, Number.MAX_SAFE_INTEGER, excess)) {
    const forgotten = removeNote(txn, row.key);
    txn.counters.forgotten = Math.max(txn.counters.forgotten, forgotten?.number ?? 0);
  }
}

/** Whether it is known that no note of a key is of after a number. */
export function isUnnotedSince(txn: Transaction, key: Buffer, number: number): boolean {
  if (number < txn.counters.forgotten) return false;
  const note = noteOf(txn.tables, key);
  return note === undefined || note.number <= number;
}

/** Removes a note with its row in the index. */
export function removeNote(txn: Transaction, key: Buffer): DeletionNote | undefined {
  const note = noteOf(txn.tables, key);
  if (note === undefined) return undefined;
  txn.tables.expiry.remove(NOTE, note.goneAt, key);
  txn.tables.deletions.remove(key);
  txn.counters.notes -= 1;
  return note;
}

/** The note of a key. */
export function noteOf(tables: Tables, key: Buffer): DeletionNote | undefined {
  const bytes = tables.deletions.getBinary(key);
  return bytes && { goneAt: bytes.readDoubleLE(0), number: bytes.readDoubleLE(8) };
}

function encodeNote({ goneAt, number }: DeletionNote): Buffer {
  const bytes = Buffer.allocUnsafe(16);
  bytes.writeDoubleLE(goneAt, 0);
  bytes.writeDoubleLE(number, 8);
  return bytes;
}
