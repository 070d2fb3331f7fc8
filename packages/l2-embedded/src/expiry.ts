import { noteOf, removeNote } from './deletions.js';
import { removeEntry } from './entries.js';
import { ENTRY, type ExpiryRow, KINDS, LEASE, NOTE } from './expiry-index.js';
import { leaseGoneAt } from './lease-table.js';
import { markGoneAt } from './logical-time.js';
import { decodeRecord } from './record.js';
import type { Tables } from './tables.js';
import type { Transaction } from './transaction.js';

/**
 * Whether anything is due. A look at a snapshot: of several processes whose timers fire together, the first one sweeps.
 */
export function isSweepDue(tables: Tables, now: number): boolean {
  return KINDS.some((kind) => tables.expiry.soonest(kind, now, 1).length > 0);
}

/**
 * Removes what has expired, the soonest first.
 *
 * @returns how many rows of the index were dealt with: less than `limit` when nothing more is due.
 */
export function sweep(txn: Transaction, limit: number): number {
  let done = 0;
  for (const kind of KINDS) {
    const rows = txn.tables.expiry.soonest(kind, txn.now, limit - done);
    for (const row of rows) settle(txn, row);
    done += rows.length;
    if (done >= limit) break;
  }
  return done;
}

/**
 * Makes room: removes the entries that are the soonest to expire until the store is within `maxBytes`.
 *
 * @param spared the lowest version of what is not to be evicted: a transaction does not evict what it has just written,
 * so that a value with a short life reaches whoever waits for it.
 * @returns whether the store is within `maxBytes`; if not, `limit` was reached first.
 */
export function evict(txn: Transaction, maxBytes: number, limit: number, spared = Number.MAX_SAFE_INTEGER): boolean {
  if (txn.counters.bytes <= maxBytes) return true;
  for (const row of txn.tables.expiry.soonest(ENTRY, Number.MAX_SAFE_INTEGER, limit)) {
    const bytes = txn.tables.entries.getBinary(row.key);
    if (bytes !== undefined && decodeRecord(bytes).version >= spared) continue;
    txn.tables.expiry.remove(ENTRY, row.goneAt, row.key);
    removeEntry(txn, row.key);
    if (txn.counters.bytes <= maxBytes) return true;
  }
  return false;
}

/** Deals with a row that is due: what it stands for is gone, or lives on and gets its row at its end. */
function settle(txn: Transaction, row: ExpiryRow): void {
  const { expiry } = txn.tables;
  expiry.remove(row.kind, row.goneAt, row.key);
  const goneAt = endOf(txn, row);
  if (goneAt === undefined) return;
  if (goneAt > txn.now) expiry.put(row.kind, goneAt, row.key);
  else remove(txn, row);
}

/** When the thing of a row really ends; 0 if that cannot be read, `undefined` if there is no such thing. */
function endOf({ tables }: Transaction, { kind, key }: ExpiryRow): number | undefined {
  if (kind === ENTRY) {
    const bytes = tables.entries.getBinary(key);
    if (bytes === undefined) return undefined;
    const record = decodeRecord(bytes);
    return 'damage' in record ? 0 : record.goneAt;
  }
  if (kind === NOTE) return noteOf(tables, key)?.goneAt;
  const bytes = (kind === LEASE ? tables.leases : tables.marks).getBinary(key);
  if (bytes === undefined) return undefined;
  return kind === LEASE ? leaseGoneAt(bytes) : markGoneAt(bytes);
}

function remove(txn: Transaction, { kind, key }: ExpiryRow): void {
  if (kind === ENTRY) removeEntry(txn, key);
  else if (kind === NOTE) removeNote(txn, key);
  else (kind === LEASE ? txn.tables.leases : txn.tables.marks).remove(key);
}
