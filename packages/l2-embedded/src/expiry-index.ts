import type { Database } from 'lmdb';

/**
 * What expires, in the order in which it does: rows `<kind> <goneAt, 8 bytes big-endian> <store key>` without a value.
 *
 * The rule that the sweeper relies on: whatever is stored has a row at its `goneAt` or before it. Entries, and the notes of
 * deletions, have exactly one, at their `goneAt`, since what goes first to keep a bound goes by it. A lease that is renewed, or a mark that is kept for longer, leaves
 * its row where it was: the sweeper finds it too early and moves it. That saves a write each time.
 */
export type Kind = typeof ENTRY | typeof LEASE | typeof MARK | typeof NOTE;

export const ENTRY = 1;
export const LEASE = 2;
export const MARK = 3;
export const NOTE = 4;
export const KINDS: readonly Kind[] = [ENTRY, LEASE, MARK, NOTE];

const NOTHING = Buffer.alloc(0);
const PREFIX_BYTES = 9;

/** One row of the index. */
export interface ExpiryRow {
  readonly kind: Kind;
  readonly goneAt: number;
  /** The key of the entry, lease, mark or note in its own table. */
  readonly key: Buffer;
}

export class ExpiryIndex {
  readonly #rows: Database<Buffer, Buffer>;

  constructor(rows: Database<Buffer, Buffer>) {
    this.#rows = rows;
  }

  put(kind: Kind, goneAt: number, key: Buffer): void {
    this.#rows.put(rowKey(kind, goneAt, key), NOTHING);
  }

  remove(kind: Kind, goneAt: number, key: Buffer): void {
    this.#rows.remove(rowKey(kind, goneAt, key));
  }

  /** Up to `limit` rows of a kind, the soonest first, as far as they are due at `until`. */
  soonest(kind: Kind, until: number, limit: number): ExpiryRow[] {
    const start = rowKey(kind, 0, NOTHING);
    const end = rowKey(kind, Math.min(until, Number.MAX_SAFE_INTEGER - 1) + 1, NOTHING);
    const rows: ExpiryRow[] = [];
    for (const row of this.#rows.getKeys({ start, end, limit })) {
      rows.push({ kind, goneAt: readTime(row), key: row.subarray(PREFIX_BYTES) });
    }
    return rows;
  }

  /** When the next thing of any kind is due; `undefined` when there is nothing. */
  nextDue(): number | undefined {
    const times = KINDS.flatMap((kind) => this.soonest(kind, Number.MAX_SAFE_INTEGER, 1).map((row) => row.goneAt));
    return times.length === 0 ? undefined : Math.min(...times);
  }
}

function rowKey(kind: Kind, goneAt: number, key: Buffer): Buffer {
  const row = Buffer.allocUnsafe(PREFIX_BYTES + key.length);
  row[0] = kind;
  // Times are safe integers, 0 or more: two halves are faster than a BigInt.
  row.writeUInt32BE(Math.floor(goneAt / 2 ** 32), 1);
  row.writeUInt32BE(goneAt % 2 ** 32, 5);
  key.copy(row, PREFIX_BYTES);
  return row;
}

function readTime(row: Buffer): number {
  return row.readUInt32BE(1) * 2 ** 32 + row.readUInt32BE(5);
}
