import type { L2LeaseToken } from '@tierwise/l2';
import { LEASE } from './expiry-index.js';
import type { Tables } from './tables.js';
import type { Transaction } from './transaction.js';

/** Leases: `<goneAt, a double> <token>` under the key's store key. One that ran out is as good as none. */
export interface Lease {
  readonly goneAt: number;
  readonly token: L2LeaseToken;
}

/** The lease that is in force, if one is. */
export function leaseInForce(tables: Tables, now: number, key: Buffer): Lease | undefined {
  const bytes = tables.leases.getBinary(key);
  if (bytes === undefined) return undefined;
  const lease = decodeLease(bytes);
  return lease.goneAt > now ? lease : undefined;
}

/** When a stored lease runs out, or ran out. */
export function leaseGoneAt(bytes: Buffer): number {
  return decodeLease(bytes).goneAt;
}

/** Ends whatever lease a key has. */
export function revoke(txn: Transaction, key: Buffer): void {
  const bytes = txn.tables.leases.getBinary(key);
  if (bytes === undefined) return;
  txn.tables.expiry.remove(LEASE, decodeLease(bytes).goneAt, key);
  txn.tables.leases.remove(key);
}

/** Puts a lease in force. Its row in the index stays where it was unless it runs out earlier now. */
export function putLease(txn: Transaction, key: Buffer, lease: Lease, before?: Lease): void {
  txn.tables.leases.put(key, encodeLease(lease));
  if (before === undefined || lease.goneAt < before.goneAt) txn.tables.expiry.put(LEASE, lease.goneAt, key);
}

function encodeLease({ goneAt, token }: Lease): Buffer {
  const bytes = Buffer.allocUnsafe(8 + token.length);
  bytes.writeDoubleLE(goneAt, 0);
  bytes.write(token, 8, 'latin1');
  return bytes;
}

/** A lease that cannot be read is none. */
function decodeLease(bytes: Buffer): Lease {
  if (bytes.length < 8) return { goneAt: 0, token: '' };
  return { goneAt: bytes.readDoubleLE(0), token: bytes.toString('latin1', 8) };
}
