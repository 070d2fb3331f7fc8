import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, readdir, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { L2InvalidError } from '@tierwise/l2';
import { LEASE } from './expiry-index.js';
import { revoke } from './lease-table.js';
import { locate } from './location.js';
import { outdateGenerations } from './logical-time.js';
import { type EmbeddedDurability, NAME, resolveOptions } from './options.js';
import { decodeRecord, encodeRecord } from './record.js';
import { hashOf, readFooter } from './snapshot.js';
import { FACTS_BYTES } from './snapshot-footer.js';
import { checkFile, EmbeddedSnapshotError, type EmbeddedSnapshotTtl, failed, ttlOf } from './snapshot-options.js';
import { acquireStore, releaseStore, type Store } from './store.js';
import type { Actor, Transaction } from './transaction.js';

export interface RestoreEmbeddedOptions extends EmbeddedSnapshotTtl {
  /** The snapshot. */
  readonly file: string;
  /** The directory to restore into, as {@link EmbeddedL2Options.dir}. No store may live there. */
  readonly dir: string;
  /** As the nodes that will open it say. Default: `process`. */
  readonly durability?: EmbeddedDurability | undefined;
}

export interface EmbeddedRestored {
  /** How many entries the store has now, expired ones that nobody has removed yet included. */
  readonly entries: number;
  /** When the snapshot was taken, in milliseconds of its store's clock. */
  readonly takenAt: number;
}

/** How many rows one transaction deals with. */
const ROWS_A_STEP = 1000;

/** By how much the store's numbers go on, beyond all that its former life can have handed out meanwhile. */
const NUMBERS_AHEAD = 1_000_000;

/**
 * Makes a store of a snapshot, in a directory where there is none.
 *
 * What happened after the snapshot was taken is unknown, invalidations included, so nothing of it counts as fresh: all entries are expired
 * since they were written. A hierarchy answers with them only where a load fails, within `staleIfError`. The store gets another identity,
 * no leases, and numbers above all that the former one can have handed out, so that nothing known of that one is taken for knowledge of this.
 *
 * @throws EmbeddedSnapshotError (as a rejection); the directory is as it was then.
 */
export async function restoreEmbedded(options: RestoreEmbeddedOptions): Promise<EmbeddedRestored> {
  const { file, dir, durability, ttl, ...unknown } = options;
  for (const name of Object.keys(unknown)) throw new L2InvalidError(NAME, `restoreEmbedded has no option ${name}`);
  checkFile(file);
  const resolved = resolveOptions({ dir, durability });
  const ttlMs = ttlOf({ ttl });
  const { footer, bytes } = await readFooter(file);
  const now = Date.now();
  if (now - footer.takenAt > ttlMs) throw new EmbeddedSnapshotError('expired', file, `it is older than ${ttlMs} ms`);
  const hash = (await hashOf(file, footer.length)).update(bytes.subarray(0, FACTS_BYTES)).digest();
  if (!hash.equals(bytes.subarray(FACTS_BYTES))) {
    throw new EmbeddedSnapshotError('damaged', file, 'its checksum is wrong');
  }
  const occupied = (cause?: unknown) =>
    new EmbeddedSnapshotError('occupied', file, `a store lives in ${dir} already`, { cause });
  const { path } = locateIn(dir, resolved.durability, occupied);
  if ((await readdir(path)).length > 0) throw occupied();

  const building = join(dir, `restoring-${process.pid}-${randomBytes(6).toString('hex')}`);
  try {
    await mkdir(building, { mode: 0o700 });
    await copyFile(file, join(building, 'data.mdb'));
    await truncate(join(building, 'data.mdb'), footer.length);
    const store = await acquireStore({ path: building, waitsForDisk: true });
    let entries: number;
    try {
      entries = await outdate(store, Math.max(now, footer.takenAt));
    } finally {
      await releaseStore(store);
    }
    await rm(join(building, 'lock.mdb'), { force: true });
    // Takes the place of an empty folder, and of nothing else: a store that was made meanwhile stays.
    await rename(building, path).catch((error: unknown) => Promise.reject(occupied(error)));
    return { entries, takenAt: footer.takenAt };
  } catch (error) {
    throw failed(error, file, 'unwritable');
  } finally {
    await rm(building, { recursive: true, force: true }).catch(() => {});
  }
}

function locateIn(dir: string, durability: EmbeddedDurability, occupied: (cause: unknown) => Error) {
  try {
    return locate(dir, durability);
  } catch (error) {
    throw occupied(error);
  }
}

/** Makes a copy a store of its own, in which nothing is fresh. @returns how many entries it has. */
async function outdate(store: Store, now: number): Promise<number> {
  const actor: Actor = { origin: 'restore', now: () => now };
  await store.write(actor, (txn) => {
    txn.tables.renewLife();
    txn.remember(Math.max(txn.counters.lastNumber, now * 1000) + NUMBERS_AHEAD);
    outdateGenerations(txn);
  });
  let next: Buffer | undefined = Buffer.of(0);
  while (next !== undefined) {
    const from: Buffer = next;
    next = await store.write(actor, (txn) => expireFrom(txn, from));
  }
  while ((await store.write(actor, endLeases)) === ROWS_A_STEP);
  return store.read((tables) => tables.readCounters().entries);
}

/** @returns where to go on. */
function expireFrom(txn: Transaction, from: Buffer): Buffer | undefined {
  let next: Buffer | undefined;
  for (const { key, value } of [...txn.tables.entries.getRange({ start: from, limit: ROWS_A_STEP })]) {
    next = Buffer.concat([key, Buffer.of(0)]);
    const record = decodeRecord(value);
    if ('damage' in record) continue;
    // Its life's end stays, and so does its row in the index and its size.
    txn.tables.entries.put(key, encodeRecord({ ...record, staleAt: Math.min(record.staleAt, record.writtenAt) }));
  }
  return next;
}

/** @returns how many. */
function endLeases(txn: Transaction): number {
  const rows = txn.tables.expiry.soonest(LEASE, Number.MAX_SAFE_INTEGER, ROWS_A_STEP);
  for (const { key, goneAt } of rows) {
    revoke(txn, key);
    txn.tables.expiry.remove(LEASE, goneAt, key);
  }
  return rows.length;
}
