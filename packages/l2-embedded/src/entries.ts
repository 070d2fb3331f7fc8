import type { L2Life, L2Read, L2Write, L2Written } from '@tierwise/l2';
import { noteDeletion, noteWrite } from './deletions.js';
import { ENTRY } from './expiry-index.js';
import { storeKey } from './key-codec.js';
import { leaseInForce, revoke } from './lease-table.js';
import {
  type DamagedRecord,
  decodeRecord,
  decodeRecordOf,
  type EntryKind,
  type EntryRecord,
  encodeRecord,
} from './record.js';
import type { Space } from './space.js';
import type { Tables } from './tables.js';
import type { Transaction } from './transaction.js';

/** What the contract's `read` answers for one key. */
export function readEntry(tables: Tables, now: number, space: Space, name: string): L2Read {
  const bytes = tables.entries.getBinary(storeKey(space.prefix, name));
  if (bytes === undefined) return undefined;
  const record = decodeRecordOf(bytes, space.namespace, name);
  if ('damage' in record) return { status: 'damaged', reason: record.damage, version: record.version };
  if (record.goneAt <= now) return undefined;
  const ageMs = Math.max(0, now - record.writtenAt);
  return {
    status: 'found',
    bytes: record.bytes,
    version: record.version,
    ageMs,
    freshMs: isExpired(record) ? 0 - ageMs : record.staleAt - now,
    keepMs: record.goneAt - now,
  };
}

/** Stores one entry, or refuses a fill whose lease is not in force. */
export function writeEntry(txn: Transaction, space: Space, write: L2Write, maxBytes: number): L2Written {
  const { key: name, lease } = write;
  if (lease === undefined) return { status: 'stored', version: storeEntry(txn, space, write, 'write', maxBytes) };
  const key = storeKey(space.prefix, name);
  if (leaseInForce(txn.tables, txn.now, key)?.token !== lease) return { status: 'refused' };
  return { status: 'stored', version: storeEntry(txn, space, write, 'fill', maxBytes) };
}

/** Stores one entry, with the end of its key's lease and the news. Returns its version. */
export function storeEntry(
  txn: Transaction,
  space: Space,
  write: Pick<L2Write, 'key' | 'bytes' | 'freshMs' | 'keepMs'>,
  kind: Exclude<EntryKind, 'unknown'>,
  maxBytes: number,
): number {
  const { key: name, bytes, freshMs, keepMs } = write;
  const key = storeKey(space.prefix, name);
  revoke(txn, key);
  const replaced = removeEntry(txn, key);
  const version = txn.nextNumber();
  const life = { writtenAt: txn.now, staleAt: txn.now + freshMs, goneAt: txn.now + keepMs };
  const record: EntryRecord = { kind, version, ...life, namespace: space.namespace, key: name, bytes };
  putEntry(txn, key, record, maxBytes);
  if (kind === 'write') noteWrite(txn, key, record, record.goneAt);
  else if (replaced !== undefined && isThere(replaced, txn.now)) noteReplaced(txn, key, replaced, record.goneAt);
  txn.changed(space.namespace, name, kind);
  return version;
}

export function deleteEntry(txn: Transaction, space: Space, name: string): boolean {
  const key = storeKey(space.prefix, name);
  const removed = removeEntry(txn, key);
  revoke(txn, key);
  noteDeletion(txn, key);
  txn.changed(space.namespace, name, 'delete');
  return removed !== undefined && isThere(removed, txn.now);
}

export function expireEntry(txn: Transaction, space: Space, name: string): boolean {
  const key = storeKey(space.prefix, name);
  revoke(txn, key);
  noteDeletion(txn, key);
  txn.changed(space.namespace, name, 'expire');
  const record = livingRecord(txn, key, space, name);
  if (record === undefined) return false;
  // Its life's end stays, and so does its row in the index and its size.
  txn.tables.entries.put(key, encodeRecord({ ...record, staleAt: record.writtenAt }));
  return true;
}

export function touchEntry(txn: Transaction, space: Space, name: string, life: L2Life): boolean {
  const key = storeKey(space.prefix, name);
  const record = livingRecord(txn, key, space, name);
  if (record === undefined) return false;
  const goneAt = txn.now + life.keepMs;
  const isFresh = record.staleAt > txn.now && !isExpired(record);
  const staleAt = isFresh ? txn.now + life.freshMs : record.staleAt;
  txn.tables.entries.put(key, encodeRecord({ ...record, staleAt, goneAt }));
  txn.tables.expiry.remove(ENTRY, record.goneAt, key);
  txn.tables.expiry.put(ENTRY, goneAt, key);
  noteWrite(txn, key, record, goneAt);
  txn.changed(space.namespace, name, 'touch');
  return true;
}

/** Notes what a fill replaced. When damaged bytes were written is unknown: it may have been just now. */
function noteReplaced(txn: Transaction, key: Buffer, replaced: EntryRecord | DamagedRecord, goneAt: number): void {
  const justNow = { version: txn.counters.lastNumber, writtenAt: txn.now };
  noteWrite(txn, key, 'damage' in replaced ? justNow : replaced, goneAt);
}

/** Stale since it was written. Not a matter of the clock: one that is set back makes nothing fresh again. */
function isExpired({ staleAt, writtenAt }: EntryRecord): boolean {
  return staleAt === writtenAt;
}

/** Removes what lies under a store key, with its row in the index and its share of the counters. */
export function removeEntry(txn: Transaction, key: Buffer): EntryRecord | DamagedRecord | undefined {
  const bytes = txn.tables.entries.getBinary(key);
  if (bytes === undefined) return undefined;
  const record = decodeRecord(bytes);
  // A damaged record does not tell when it would have gone: the sweeper drops its row when that is due.
  if (!('damage' in record)) txn.tables.expiry.remove(ENTRY, record.goneAt, key);
  txn.tables.entries.remove(key);
  txn.counters.bytes -= key.length + bytes.length;
  txn.counters.entries -= 1;
  return record;
}

/** Whether a record counts as an entry: bytes that cannot be read do, those whose life is over do not. */
export function isThere(record: EntryRecord | DamagedRecord, now: number): boolean {
  return 'damage' in record || record.goneAt > now;
}

function putEntry(txn: Transaction, key: Buffer, record: EntryRecord, maxBytes: number): void {
  const bytes = encodeRecord(record);
  const size = key.length + bytes.length;
  // It would push everything out and then itself: as if it had been evicted at once.
  if (size > maxBytes) return;
  txn.tables.entries.put(key, bytes);
  txn.tables.expiry.put(ENTRY, record.goneAt, key);
  txn.counters.bytes += size;
  txn.counters.entries += 1;
}

function livingRecord(txn: Transaction, key: Buffer, space: Space, name: string): EntryRecord | undefined {
  const bytes = txn.tables.entries.getBinary(key);
  if (bytes === undefined) return undefined;
  const record = decodeRecordOf(bytes, space.namespace, name);
  return 'damage' in record || record.goneAt <= txn.now ? undefined : record;
}
