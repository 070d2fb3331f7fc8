import { createHash } from 'node:crypto';
import { type L2, type L2CallOptions, MAX_LIFE_MS } from '@tierwise/l2';
import type { Side } from './phase.js';
import { decodeRecord, encodeRecord, type MigrationRecord } from './record.js';

/** What one store says of the record. */
export interface Reading {
  /** Whether it said anything: what cannot be asked may hold anything. */
  readonly answered: boolean;
  readonly record: MigrationRecord | undefined;
  /** The store's own version of what it holds; `undefined` for nothing. */
  readonly version: number | undefined;
  /** There is something that this release cannot read: perhaps a later one wrote it. It must not be replaced. */
  readonly isForeign: boolean;
}

const RECORD = 'record';
/** For how long a change of the record may take, in milliseconds: after that another one may try. */
const CHANGE_MS = 5_000;
const NO_ANSWER: Reading = { answered: false, record: undefined, version: undefined, isForeign: false };

/** The record in both stores, in a namespace of its own, and which namespaces were made clean for a run. */
export class RecordStore {
  readonly namespace: string;
  readonly #stores: Readonly<Record<Side, L2>>;

  constructor(stores: Readonly<Record<Side, L2>>, id: string) {
    this.#stores = stores;
    this.namespace = `tierwise-migration:${id}`;
  }

  /** Never rejects. */
  async read(side: Side): Promise<Reading> {
    try {
      const [found] = await this.#stores[side].read(this.namespace, [RECORD]);
      if (found === undefined) return { ...NO_ANSWER, answered: true };
      const record = found.status === 'found' ? decodeRecord(found.bytes) : undefined;
      return { answered: true, record, version: found.version, isForeign: record === undefined };
    } catch {
      return NO_ANSWER;
    }
  }

  /**
   * Replaces the record in the old store if it is the one of `seen`: the lease of its key is the right to do so.
   *
   * @returns its new version, or `undefined` if it was another one, or is being changed by somebody else.
   */
  async replace(record: MigrationRecord, seen: number | undefined): Promise<number | undefined> {
    const { from } = this.#stores;
    const [answer] = (await from.leases?.acquire(this.namespace, [{ key: RECORD, seen }], CHANGE_MS)) ?? [];
    if (answer !== undefined && answer.status !== 'granted') return undefined;
    const [written] = await from.write(this.namespace, [{ ...entryOf(RECORD, record), lease: answer?.token }]);
    return written?.status === 'stored' ? written.version : undefined;
  }

  /** Writes the copy in the new store. */
  async copy(record: MigrationRecord): Promise<void> {
    await this.#stores.to.write(this.namespace, [entryOf(RECORD, record)]);
  }

  /** Whether all that the new store holds of a namespace is of this run. */
  async isClean(namespace: string, run: string): Promise<boolean> {
    const [found] = await this.#stores.to.read(this.namespace, [cleanKey(namespace)]);
    return found?.status === 'found' && new TextDecoder().decode(found.bytes) === run;
  }

  async setClean(namespace: string, run: string): Promise<void> {
    await this.#stores.to.write(this.namespace, [entryOf(cleanKey(namespace), run)]);
  }

  /** Puts something into the new store and looks for it in the old one. */
  async areOne(token: string, options?: L2CallOptions): Promise<boolean> {
    const { from, to } = this.#stores;
    const key = `probe:${token}`;
    await to.write(this.namespace, [entryOf(key, token)], options);
    const [found] = await from.read(this.namespace, [key], options);
    await to.delete(this.namespace, [key], options);
    return found !== undefined;
  }
}

/** A name of any length. */
function cleanKey(namespace: string): string {
  return `clean:${createHash('sha256').update(namespace).digest('base64url')}`;
}

function entryOf(key: string, content: MigrationRecord | string) {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : encodeRecord(content);
  return { key, bytes, freshMs: MAX_LIFE_MS, keepMs: MAX_LIFE_MS };
}
