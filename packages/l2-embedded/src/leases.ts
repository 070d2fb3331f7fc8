import { randomUUID } from 'node:crypto';
import type { L2LeaseAnswer, L2LeaseToken } from '@tierwise/l2';
import { readEntry } from './entries.js';
import { storeKey } from './key-codec.js';
import { leaseInForce, putLease, revoke } from './lease-table.js';
import type { Space } from './space.js';
import type { Tables } from './tables.js';
import type { Transaction } from './transaction.js';

/** What `acquire` answers where it grants nothing: to be asked of a snapshot first, since that takes no lock. */
export function refusal(
  tables: Tables,
  now: number,
  space: Space,
  name: string,
  seen: number | undefined,
): L2LeaseAnswer | undefined {
  const entry = readEntry(tables, now, space, name);
  if (entry !== undefined && entry.version !== seen) return { status: 'changed', entry };
  const held = leaseInForce(tables, now, storeKey(space.prefix, name));
  return held === undefined ? undefined : { status: 'held', remainingMs: held.goneAt - now };
}

export function acquire(
  txn: Transaction,
  space: Space,
  name: string,
  seen: number | undefined,
  ttlMs: number,
): L2LeaseAnswer {
  const refused = refusal(txn.tables, txn.now, space, name, seen);
  if (refused !== undefined) return refused;
  const token = randomUUID();
  const key = storeKey(space.prefix, name);
  revoke(txn, key); // One that ran out still has its row.
  putLease(txn, key, { goneAt: txn.now + ttlMs, token });
  return { status: 'granted', token };
}

export function renew(txn: Transaction, space: Space, name: string, token: L2LeaseToken, ttlMs: number): boolean {
  const key = storeKey(space.prefix, name);
  const lease = leaseInForce(txn.tables, txn.now, key);
  if (lease?.token !== token) return false;
  putLease(txn, key, { goneAt: txn.now + ttlMs, token }, lease);
  return true;
}

export function release(txn: Transaction, space: Space, name: string, token: L2LeaseToken): boolean {
  const key = storeKey(space.prefix, name);
  if (leaseInForce(txn.tables, txn.now, key)?.token !== token) return false;
  revoke(txn, key);
  txn.released(space.namespace, name);
  return true;
}
