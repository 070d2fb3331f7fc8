import type { L2MarkMode } from '@tierwise/l2';

/** A `delete`, `expire` or `write` of one key. */
export interface RecentEntry {
  readonly namespace: string;
  readonly key: string;
  /** `delete` for writes as well: the value that was written may be lost, and the one before it be back. */
  readonly deed: 'delete' | 'expire';
  /** When it was acknowledged, on this node's clock, in milliseconds. */
  readonly at: number;
}

/** An `advance` of logical time. */
export interface RecentMark {
  readonly namespace: string;
  readonly tags: readonly string[] | null;
  readonly mode: L2MarkMode;
  readonly generation: number;
  readonly at: number;
}

export interface RecentBounds {
  /** How many are remembered at most. The oldest are forgotten first. */
  readonly count: number;
  /** For how long, in milliseconds. */
  readonly ageMs: number;
}

/**
 * The invalidations of this node that Redis acknowledged lately. Replication is asynchronous: when a master fails, its replica may
 * never have heard of the last of them, and what they invalidated is back. They are then done again (`reissue.ts`).
 *
 * Of several of one key or one set of tags, the last counts, and a deletion more than an expiry.
 */
export class RecentInvalidations {
  readonly #bounds: RecentBounds;
  readonly #now: () => number;
  // Maps keep the order in which keys were inserted: the oldest come first.
  readonly #entries = new Map<string, RecentEntry>();
  readonly #marks = new Map<string, RecentMark>();

  constructor(bounds: RecentBounds, now: () => number) {
    this.#bounds = bounds;
    this.#now = now;
  }

  get size(): number {
    return this.#entries.size + this.#marks.size;
  }

  /** Remembers what happened to entries. */
  addEntries(namespace: string, keys: readonly string[], deed: RecentEntry['deed']): void {
    if (this.#bounds.count === 0) return;
    const at = this.#now();
    for (const key of keys) {
      const id = idOf(namespace, key);
      const earlier = this.#entries.get(id);
      this.#entries.delete(id);
      this.#entries.set(id, { namespace, key, deed: earlier?.deed === 'delete' ? 'delete' : deed, at });
    }
    this.#forgetOld();
  }

  /** Remembers an advance of logical time. */
  addMark(namespace: string, tags: readonly string[] | null, mode: L2MarkMode, generation: number): void {
    if (this.#bounds.count === 0) return;
    const id = JSON.stringify([namespace, tags, mode]);
    this.#marks.delete(id);
    this.#marks.set(id, { namespace, tags, mode, generation, at: this.#now() });
    this.#forgetOld();
  }

  /** What is remembered, oldest first. */
  entries(): RecentEntry[] {
    this.#forgetOld();
    return [...this.#entries.values()];
  }

  /** Whether nothing has happened to the key since. */
  isLatest(entry: RecentEntry): boolean {
    return this.#entries.get(idOf(entry.namespace, entry.key)) === entry;
  }

  marks(): RecentMark[] {
    this.#forgetOld();
    return [...this.#marks.values()];
  }

  #forgetOld(): void {
    const oldest = this.#now() - this.#bounds.ageMs;
    for (const map of [this.#entries, this.#marks] as Map<string, { readonly at: number }>[]) {
      for (const [id, { at }] of map) {
        if (at >= oldest && map.size <= this.#bounds.count) break;
        map.delete(id);
      }
    }
  }
}

/** The namespace's length keeps `a` + `bc` apart from `ab` + `c`. */
function idOf(namespace: string, key: string): string {
  return `${namespace.length}:${namespace}${key}`;
}
