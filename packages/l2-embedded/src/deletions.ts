import { DELETION_MEMORY_MS } from '@tierwise/l2';
import { NOTE } from './expiry-index.js';
import type { Tables } from './tables.js';
import type { Transaction } from './transaction.js';

/**
 * Notes of deletions: `<goneAt> <number>`, two doubles, under the store key of what was deleted or expired, for
 * {@link DELETION_MEMORY_MS}. A value that is replayed must not come back over one.
 */
export interface DeletionNote {
  readonly goneAt: number;
  /** The store's number of the deletion. */
  readonly number: number;
}

/**
 * How many notes the store keeps: a minute of a thousand deletions a second. Beyond that the oldest are forgotten early, and what
 * would have to be compared with them counts as deleted.
 */
const MAX_NOTES = 65_536;

/** Notes that a key was deleted or expired just now. */
export function noteDeletion(txn: Transaction, key: Buffer, maxNotes = MAX_NOTES): void {
  removeNote(txn, key);
  const note = { goneAt: txn.now + DELETION_MEMORY_MS, number: txn.nextNumber() };
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

/** Whether a key is known not to have been deleted or expired after a number. */
export function isUndeletedSince(txn: Transaction, key: Buffer, number: number): boolean {
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
