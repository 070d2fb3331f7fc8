import { randomUUID } from 'node:crypto';
import type { L2Host, L2LeaseToken, L2Mark, L2Moment, L2News } from './contract.js';

/** Options of {@link MemoryStore}. */
export interface MemoryStoreOptions {
  /** The store's clock, in milliseconds. Default: `performance.now`. */
  readonly now?: () => number;
}

/** An entry with its moments in the store's time. */
export interface StoredEntry {
  bytes: Uint8Array;
  version: number;
  writtenAt: number;
  staleAt: number;
  goneAt: number;
  /** Whether it was loaded (a fill) or written, by a replay or a commit too. */
  kind: 'write' | 'fill';
  /** What is wrong with the bytes, if {@link MemoryStore.damage} put them there. */
  damage?: string;
}

/** Everything that the store holds for one namespace. */
export interface NamespaceState {
  readonly entries: Map<string, StoredEntry>;
  readonly leases: Map<string, { token: L2LeaseToken; goneAt: number }>;
  /** When keys were last deleted or expired, or written with what is not there for long, by the store's numbers. */
  readonly deletions: Map<string, { number: number; goneAt: number }>;
  /** Undefined until first asked for, and after {@link MemoryStore.forgetTime}. */
  clock: { generation: number; mark: L2Mark } | undefined;
  readonly marks: Map<string, { mark: L2Mark; goneAt: number }>;
}

/** What several {@link memoryL2} share: each of them is a node on it. */
export class MemoryStore {
  readonly #now: () => number;
  readonly #namespaces = new Map<string, NamespaceState>();
  readonly #hosts = new Map<L2Host, Set<string>>();
  readonly #heard = new WeakMap<L2Host, L2Moment>();
  readonly #life = randomUUID();
  #lastNumber = 0;

  constructor(options: MemoryStoreOptions = {}) {
    this.#now = options.now ?? (() => performance.now());
  }

  /** The store's clock, in milliseconds. */
  now(): number {
    return this.#now();
  }

  /** A number above `least` and all that were handed out, seeded from the wall clock in microseconds, as Redis' would be. */
  nextNumber(least = 0): number {
    this.#lastNumber = Math.max(this.#lastNumber, least, Date.now() * 1000 - 1) + 1;
    return this.#lastNumber;
  }

  /** A node hears of the present moment, by an answer or by news. */
  tellMoment(host: L2Host): void {
    this.#heard.set(host, `${this.#life}.${this.#lastNumber}`);
  }

  /** The last moment in the store's order of events that a node has heard of. */
  heardBy(host: L2Host): L2Moment {
    return this.#heard.get(host) ?? '';
  }

  /** The last number handed out at a moment, or `undefined` where this store cannot tell. */
  numberAt(moment: L2Moment): number | undefined {
    const prefix = `${this.#life}.`;
    if (typeof moment !== 'string' || !moment.startsWith(prefix)) return undefined;
    const digits = moment.slice(prefix.length);
    return /^\d{1,16}$/.test(digits) && Number(digits) <= this.#lastNumber ? Number(digits) : undefined;
  }

  /** The state of one namespace, made on first use. */
  namespace(name: string): NamespaceState {
    let state = this.#namespaces.get(name);
    if (state === undefined) {
      state = { entries: new Map(), leases: new Map(), deletions: new Map(), clock: undefined, marks: new Map() };
      this.#namespaces.set(name, state);
    }
    return state;
  }

  /** The names of all namespaces that were ever used. */
  namespaceNames(): string[] {
    return [...this.#namespaces.keys()];
  }

  /**
   * Loses the counter of a namespace with the namespace's own marks, the marks of its tags, or both, as an eviction or a
   * flush of the bookkeeping would. For tests.
   */
  forgetTime(namespace: string, lost: 'counter' | 'tags' | 'both' = 'both'): void {
    const state = this.namespace(namespace);
    if (lost !== 'tags') state.clock = undefined;
    if (lost !== 'counter') state.marks.clear();
  }

  /** Puts bytes under a key that read as damaged. For tests. */
  damage(namespace: string, key: string, bytes: Uint8Array): void {
    const [version, writtenAt] = [this.nextNumber(), this.now()];
    const endless = Number.POSITIVE_INFINITY;
    this.namespace(namespace).entries.set(key, {
      ...{ bytes, version, writtenAt, staleAt: endless, goneAt: endless },
      ...{ kind: 'write', damage: 'damaged by a test' },
    });
  }

  /** The namespaces that a node follows. */
  follow(host: L2Host): Set<string> {
    let followed = this.#hosts.get(host);
    if (followed === undefined) {
      followed = new Set();
      this.#hosts.set(host, followed);
    }
    return followed;
  }

  /** Removes a node from the feed. */
  leave(host: L2Host): void {
    this.#hosts.delete(host);
  }

  /** Sends news to all followers, in order, never from within the call that caused it. */
  publish(news: L2News): void {
    for (const [host, followed] of this.#hosts) {
      if (news.namespace !== undefined && !followed.has(news.namespace)) continue;
      queueMicrotask(() => {
        if (!this.#hosts.has(host)) return;
        this.tellMoment(host);
        host.onNews(news);
      });
    }
  }
}
