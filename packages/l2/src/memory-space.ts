import {
  DELETION_MEMORY_MS,
  type L2LeaseToken,
  type L2Life,
  type L2Moment,
  type L2News,
  type L2Read,
} from './contract.js';
import type { MemoryStore, NamespaceState, StoredEntry } from './memory-store.js';

/** One namespace of a store, as one node reads and changes it. Each deed is one step with its revocations and its news. */
export class MemorySpace {
  readonly store: MemoryStore;
  readonly name: string;
  readonly state: NamespaceState;
  readonly #by: Pick<L2News, 'origin' | 'correlationId'>;

  constructor(store: MemoryStore, name: string, origin: string, correlationId: string | undefined) {
    this.store = store;
    this.name = name;
    this.state = store.namespace(name);
    this.#by = correlationId === undefined ? { origin } : { origin, correlationId };
  }

  /** The living entry of a key. */
  entry(key: string): StoredEntry | undefined {
    const entry = this.state.entries.get(key);
    return entry !== undefined && entry.goneAt > this.store.now() ? entry : undefined;
  }

  /** The same, as a read tells it. */
  found(key: string): L2Read {
    const entry = this.entry(key);
    if (entry === undefined) return undefined;
    if (entry.damage !== undefined) return { status: 'damaged', reason: entry.damage, version: entry.version };
    const now = this.store.now();
    return {
      status: 'found',
      bytes: entry.bytes.slice(),
      version: entry.version,
      ageMs: now - entry.writtenAt,
      freshMs: entry.staleAt - now,
      keepMs: entry.goneAt - now,
    };
  }

  /** The lease of a key that is in force. */
  lease(key: string): { token: L2LeaseToken; goneAt: number } | undefined {
    const lease = this.state.leases.get(key);
    return lease !== undefined && lease.goneAt > this.store.now() ? lease : undefined;
  }

  /** Stores an entry. @returns its version. */
  put(entry: L2Life & { readonly key: string; readonly bytes: Uint8Array }, kind: 'write' | 'fill'): number {
    const { key, bytes, freshMs, keepMs } = entry;
    const now = this.store.now();
    const replaced = this.entry(key);
    const version = this.store.nextNumber();
    const stored: StoredEntry = {
      ...{ bytes: bytes.slice(), version, kind },
      ...{ writtenAt: now, staleAt: now + freshMs, goneAt: now + keepMs },
    };
    this.state.leases.delete(key);
    this.state.entries.set(key, stored);
    this.#noteWrite(key, kind === 'fill' ? replaced : stored, stored.goneAt);
    this.#changed(key, kind);
    return version;
  }

  remove(key: string): boolean {
    const existed = this.entry(key) !== undefined;
    this.state.entries.delete(key);
    this.state.leases.delete(key);
    this.#note(key, this.store.nextNumber());
    this.#changed(key, 'delete');
    return existed;
  }

  expire(key: string): boolean {
    const entry = this.entry(key);
    if (entry !== undefined) entry.staleAt = entry.writtenAt;
    this.state.leases.delete(key);
    this.#note(key, this.store.nextNumber());
    this.#changed(key, 'expire');
    return entry !== undefined;
  }

  touch(key: string, life: L2Life): boolean {
    const entry = this.entry(key);
    if (entry === undefined) return false;
    const now = this.store.now();
    if (entry.staleAt > now) entry.staleAt = now + life.freshMs;
    entry.goneAt = now + life.keepMs;
    this.#noteWrite(key, entry, entry.goneAt);
    this.#changed(key, 'touch');
    return true;
  }

  revoke(key: string): void {
    this.state.leases.delete(key);
  }

  /** Whether no note of a key is of after a number. */
  isUnnotedSince(key: string, number: number): boolean {
    const deletion = this.state.deletions.get(key);
    return deletion === undefined || deletion.number <= number;
  }

  /** The number at a moment, see {@link MemoryStore.numberAt}. */
  numberAt(moment: L2Moment): number | undefined {
    return this.store.numberAt(moment);
  }

  publish(news: Sendable<L2News>): void {
    this.store.publish({ ...news, namespace: this.name, ...this.#by } as L2News);
  }

  #changed(key: string, cause: 'write' | 'fill' | 'delete' | 'expire' | 'touch'): void {
    this.publish({ type: 'changed', keys: [key], cause });
  }

  /** Notes when an entry was written, if by `goneAt` nothing shows it any more, and that is early. */
  #noteWrite(key: string, written: StoredEntry | undefined, goneAt: number): void {
    if (written === undefined || goneAt - written.writtenAt >= DELETION_MEMORY_MS) return;
    if (this.isUnnotedSince(key, written.version - 1)) this.#note(key, written.version);
  }

  #note(key: string, number: number): void {
    const { deletions } = this.state;
    const now = this.store.now();
    // Noted last is noted to the end of the map: the first ones are the first to be forgotten.
    deletions.delete(key);
    deletions.set(key, { number, goneAt: now + DELETION_MEMORY_MS });
    for (const [old, { goneAt }] of deletions) {
      if (goneAt > now) break;
      deletions.delete(old);
    }
  }
}

/** News but for what every news of a space has in common. */
type Sendable<News> = News extends L2News ? Omit<News, 'namespace' | 'origin'> : never;
