import { randomUUID } from 'node:crypto';
import type { Database, RootDatabase } from 'lmdb';
import { type Counters, decodeCounters, encodeCounters, LAYOUT, newCounters } from './counters.js';
import { ExpiryIndex } from './expiry-index.js';
import { type LogBounds, NewsLog } from './news-log.js';

/** A table of the store. */
export type Table = Database<Buffer, Buffer>;

const BINARY = { encoding: 'binary', keyEncoding: 'binary' } as const;
const COUNTERS = Buffer.from('counters');
const LIFE = Buffer.from('life');

/** The store's tables. Reads see one snapshot of them; writes happen in `Store.write` alone. */
export class Tables {
  /** Store key → record.ts. */
  readonly entries: Table;
  /** Store key → leases.ts. */
  readonly leases: Table;
  /** Store key of a tag → its mark, logical-time.ts. */
  readonly marks: Table;
  /** Store key → deletions.ts. */
  readonly deletions: Table;
  /** Namespace's prefix → its counter and marks, logical-time.ts. */
  readonly generations: Table;
  readonly expiry: ExpiryIndex;
  readonly log: NewsLog;
  readonly #meta: Table;

  constructor(root: RootDatabase<Buffer, Buffer>, logBounds?: LogBounds) {
    const table = (name: string): Table => root.openDB<Buffer, Buffer>({ name, ...BINARY });
    this.entries = table('entries');
    this.leases = table('leases');
    this.marks = table('marks');
    this.deletions = table('deletions');
    this.generations = table('generations');
    this.expiry = new ExpiryIndex(table('expiry'));
    this.log = new NewsLog(table('log'), logBounds);
    this.#meta = table('meta');
  }

  /** Throws where the directory has a layout that this version does not know. */
  readCounters(): Counters {
    const bytes = this.#meta.getBinary(COUNTERS);
    if (bytes === undefined) return newCounters();
    const counters = decodeCounters(bytes);
    if (counters.format !== LAYOUT) {
      throw new Error(
        `the directory has layout ${counters.format}, this version of the backend knows layout ${LAYOUT}`,
      );
    }
    return counters;
  }

  /** The identity of this store: another one after it was removed and made anew. `''` before {@link ensureLife}. */
  life(): string {
    return this.#meta.getBinary(LIFE)?.toString('latin1') ?? '';
  }

  /** Gives the store its identity if it has none. Within a write transaction. */
  ensureLife(): string {
    if (this.life() === '') this.#meta.put(LIFE, Buffer.from(randomUUID(), 'latin1'));
    return this.life();
  }

  /** Makes it another store. Within a write transaction. */
  renewLife(): void {
    this.#meta.put(LIFE, Buffer.from(randomUUID(), 'latin1'));
  }

  writeCounters(counters: Counters): void {
    this.#meta.put(COUNTERS, encodeCounters(counters));
  }
}
