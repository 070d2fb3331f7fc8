import { isThere, removeEntry } from './entries.js';
import { revoke } from './lease-table.js';
import type { Space } from './space.js';
import type { Table } from './tables.js';
import type { Transaction } from './transaction.js';

/** Where a purge has got to. */
export interface PurgeProgress {
  /** The next key to look at; `undefined` at the end. */
  readonly next: Buffer | undefined;
  /** How many entries were removed so far that were still alive. */
  readonly removed: number;
}

/** Removes up to `limit` entries of a namespace, from a key on. */
export function purgeEntries(txn: Transaction, space: Space, from: PurgeProgress, limit: number): PurgeProgress {
  const { keys, next } = keysFrom(txn.tables.entries, space.prefix, from.next ?? space.prefix, limit);
  let removed = from.removed;
  for (const key of keys) {
    const record = removeEntry(txn, key);
    if (record !== undefined && isThere(record, txn.now)) removed += 1;
    revoke(txn, key);
  }
  return { next, removed };
}

/** Revokes up to `limit` leases of a namespace, from a key on: those of keys without an entry. */
export function purgeLeases(txn: Transaction, space: Space, from: Buffer, limit: number): Buffer | undefined {
  const { keys, next } = keysFrom(txn.tables.leases, space.prefix, from, limit);
  for (const key of keys) revoke(txn, key);
  return next;
}

function keysFrom(
  table: Table,
  prefix: Buffer,
  start: Buffer,
  limit: number,
): { keys: Buffer[]; next: Buffer | undefined } {
  const keys: Buffer[] = [];
  for (const key of table.getKeys({ start, limit: limit + 1 })) {
    if (key.compare(prefix, 0, prefix.length, 0, prefix.length) !== 0) return { keys, next: undefined };
    keys.push(key);
  }
  const next = keys.length > limit ? keys.pop() : undefined;
  return { keys, next };
}
