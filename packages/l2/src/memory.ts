import { randomUUID } from 'node:crypto';
import type {
  L2,
  L2CallOptions,
  L2Health,
  L2Host,
  L2LeaseAnswer,
  L2LeaseRequest,
  L2Leases,
  L2LeaseToken,
  L2Life,
  L2LogicalTime,
  L2Mark,
  L2MarkMode,
  L2Marks,
  L2MarksOptions,
  L2Read,
  L2TimeOptions,
  L2Write,
  L2Written,
} from './contract.js';
import { L2ClosedError, L2InUseError } from './errors.js';
import { MemoryStore, type NamespaceState, type StoredEntry } from './memory-store.js';
import { checkDuration, checkGeneration, checkLife, checkNames, checkWrite } from './validate.js';

export { MemoryStore, type MemoryStoreOptions } from './memory-store.js';

const NAME = 'memory';

/**
 * A node on a store in memory: the contract's reference, with every capability. It is the shortest complete answer to "what
 * does the contract mean", and a second tier for the tests of services that want no server. It bounds nothing and survives
 * nothing.
 *
 * @param store shared by the nodes that are to see each other's entries. Default: one of its own.
 */
export function memoryL2(store: MemoryStore = new MemoryStore()): L2 {
  return new MemoryL2(store);
}

class MemoryL2 implements L2 {
  readonly name = NAME;
  readonly #store: MemoryStore;
  #host: L2Host | undefined;
  #closed = false;

  readonly leases: L2Leases = {
    acquire: (namespace, requests, ttlMs, options) => this.#acquire(namespace, requests, ttlMs, options),
    renew: (namespace, key, token, ttlMs, options) => this.#renew(namespace, key, token, ttlMs, options),
    release: (namespace, key, token, options) => this.#release(namespace, key, token, options),
  };

  readonly time: L2LogicalTime = {
    marks: (namespace, tags, options) => this.#marks(namespace, tags, options),
    advance: (namespace, tags, mode, options) => this.#advance(namespace, tags, mode, options),
  };

  readonly feed = {
    follow: async (namespace: string, options?: L2CallOptions): Promise<void> => {
      this.#enter(namespace, [], options);
      this.#store.follow(this.#openHost()).add(namespace);
    },
  };

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  async open(host: L2Host): Promise<void> {
    if (this.#closed) throw new L2ClosedError(NAME);
    if (this.#host !== undefined) throw new L2InUseError(NAME);
    this.#host = host;
    this.#store.follow(host);
    queueMicrotask(() => {
      if (!this.#closed) host.onFeedState('alive');
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#host !== undefined) this.#store.leave(this.#host);
  }

  async read(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<L2Read[]> {
    const state = this.#enter(namespace, keys, options);
    return keys.map((key) => this.#found(state, key));
  }

  async write(namespace: string, entries: readonly L2Write[], options?: L2CallOptions): Promise<L2Written[]> {
    const state = this.#enter(namespace, [], options);
    for (const entry of entries) checkWrite(NAME, entry);
    return entries.map(({ key, bytes, freshMs, keepMs, lease }) => {
      if (lease !== undefined && this.#leaseInForce(state, key)?.token !== lease) return { status: 'refused' };
      const now = this.#store.now();
      const version = this.#store.nextNumber();
      state.leases.delete(key);
      state.entries.set(key, {
        bytes: bytes.slice(),
        version,
        writtenAt: now,
        staleAt: now + freshMs,
        goneAt: now + keepMs,
      });
      this.#changed(namespace, key, lease === undefined ? 'write' : 'fill');
      return { status: 'stored', version };
    });
  }

  async delete(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<boolean[]> {
    const state = this.#enter(namespace, keys, options);
    return keys.map((key) => {
      const existed = this.#entry(state, key) !== undefined;
      state.entries.delete(key);
      state.leases.delete(key);
      this.#changed(namespace, key, 'delete');
      return existed;
    });
  }

  async expire(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<boolean[]> {
    const state = this.#enter(namespace, keys, options);
    return keys.map((key) => {
      const entry = this.#entry(state, key);
      if (entry !== undefined) entry.staleAt = Math.min(entry.staleAt, this.#store.now());
      state.leases.delete(key);
      this.#changed(namespace, key, 'expire');
      return entry !== undefined;
    });
  }

  async touch(namespace: string, keys: readonly string[], life: L2Life, options?: L2CallOptions): Promise<boolean[]> {
    const state = this.#enter(namespace, keys, options);
    checkLife(NAME, life);
    return keys.map((key) => {
      const entry = this.#entry(state, key);
      if (entry === undefined) return false;
      const now = this.#store.now();
      if (entry.staleAt > now) entry.staleAt = now + life.freshMs;
      entry.goneAt = now + life.keepMs;
      this.#changed(namespace, key, 'touch');
      return true;
    });
  }

  async purge(namespace: string, options?: L2CallOptions): Promise<number> {
    const state = this.#enter(namespace, [], options);
    const removed = [...state.entries.keys()].filter((key) => this.#entry(state, key) !== undefined).length;
    state.entries.clear();
    state.leases.clear();
    this.#store.publish({ type: 'reset', namespace, reason: 'purge', origin: this.#openHost().origin });
    return removed;
  }

  async health(options?: L2CallOptions): Promise<L2Health> {
    options?.signal?.throwIfAborted();
    const open = this.#host !== undefined && !this.#closed;
    return {
      status: open ? 'up' : 'down',
      latencyMs: 0,
      feed: open ? 'alive' : 'deaf',
      detail: open ? 'in memory' : 'not open',
    };
  }

  async #acquire(
    namespace: string,
    requests: readonly L2LeaseRequest[],
    ttlMs: number,
    options?: L2CallOptions,
  ): Promise<L2LeaseAnswer[]> {
    const state = this.#enter(
      namespace,
      requests.map((request) => request.key),
      options,
    );
    checkDuration(NAME, 'a lease', ttlMs);
    return requests.map(({ key, seen }) => {
      const entry = this.#found(state, key);
      if (entry !== undefined && entry.version !== seen) return { status: 'changed', entry };
      const held = this.#leaseInForce(state, key);
      if (held !== undefined) return { status: 'held', remainingMs: held.goneAt - this.#store.now() };
      const token = randomUUID();
      state.leases.set(key, { token, goneAt: this.#store.now() + ttlMs });
      return { status: 'granted', token };
    });
  }

  async #renew(
    namespace: string,
    key: string,
    token: L2LeaseToken,
    ttlMs: number,
    options?: L2CallOptions,
  ): Promise<boolean> {
    const state = this.#enter(namespace, [key], options);
    checkDuration(NAME, 'a lease', ttlMs);
    const lease = this.#leaseInForce(state, key);
    if (lease?.token !== token) return false;
    lease.goneAt = this.#store.now() + ttlMs;
    return true;
  }

  async #release(namespace: string, key: string, token: L2LeaseToken, options?: L2CallOptions): Promise<boolean> {
    const state = this.#enter(namespace, [key], options);
    if (this.#leaseInForce(state, key)?.token !== token) return false;
    state.leases.delete(key);
    this.#store.publish({ type: 'released', namespace, keys: [key], origin: this.#openHost().origin });
    return true;
  }

  async #marks(namespace: string, tags: readonly string[], options: L2MarksOptions): Promise<L2Marks> {
    const state = this.#enter(namespace, [], options);
    checkNames(NAME, 'tag', tags);
    if (options.ensureMs !== undefined) checkDuration(NAME, 'ensureMs', options.ensureMs);
    const clock = this.#logicalClock(state, options.known);
    for (const tag of options.ensureMs === undefined ? [] : tags) {
      const generation = clock.generation;
      const known = this.#mark(state, tag) ?? { mark: { dead: generation, stale: generation }, goneAt: 0 };
      known.goneAt = Math.max(known.goneAt, this.#store.now() + (options.ensureMs ?? 0));
      state.marks.set(tag, known);
    }
    return {
      generation: clock.generation,
      namespace: clock.mark,
      tags: tags.map((tag) => this.#mark(state, tag)?.mark),
    };
  }

  async #advance(
    namespace: string,
    tags: readonly string[] | null,
    mode: L2MarkMode,
    options: L2TimeOptions,
  ): Promise<number> {
    const state = this.#enter(namespace, [], options);
    checkNames(NAME, 'tag', tags ?? []);
    const clock = this.#logicalClock(state, options.known);
    // Not just one more: what the store hands out after a loss has to be above this.
    const generation = this.#store.nextNumber(clock.generation);
    clock.generation = generation;
    if (tags === null) clock.mark = { ...clock.mark, [mode]: generation };
    for (const tag of tags ?? []) {
      const known = this.#mark(state, tag);
      if (known !== undefined) known.mark = { ...known.mark, [mode]: generation };
    }
    this.#store.publish({ type: 'marks', namespace, tags, mode, generation, origin: this.#openHost().origin });
    return generation;
  }

  #logicalClock(state: NamespaceState, known: number): { generation: number; mark: L2Mark } {
    checkGeneration(NAME, known);
    if (state.clock === undefined) {
      const generation = this.#store.nextNumber(known);
      state.clock = { generation, mark: { dead: generation, stale: generation } };
    }
    state.clock.generation = Math.max(state.clock.generation, known);
    return state.clock;
  }

  #mark(state: NamespaceState, tag: string): { mark: L2Mark; goneAt: number } | undefined {
    const mark = state.marks.get(tag);
    return mark !== undefined && mark.goneAt > this.#store.now() ? mark : undefined;
  }

  #entry(state: NamespaceState, key: string): StoredEntry | undefined {
    const entry = state.entries.get(key);
    return entry !== undefined && entry.goneAt > this.#store.now() ? entry : undefined;
  }

  #found(state: NamespaceState, key: string): L2Read {
    const entry = this.#entry(state, key);
    if (entry === undefined) return undefined;
    if (entry.damage !== undefined) return { status: 'damaged', reason: entry.damage, version: entry.version };
    const now = this.#store.now();
    return {
      status: 'found',
      bytes: entry.bytes.slice(),
      version: entry.version,
      ageMs: now - entry.writtenAt,
      freshMs: entry.staleAt - now,
      keepMs: entry.goneAt - now,
    };
  }

  #leaseInForce(state: NamespaceState, key: string): { token: L2LeaseToken; goneAt: number } | undefined {
    const lease = state.leases.get(key);
    return lease !== undefined && lease.goneAt > this.#store.now() ? lease : undefined;
  }

  #changed(namespace: string, key: string, cause: 'write' | 'fill' | 'delete' | 'expire' | 'touch'): void {
    this.#store.publish({ type: 'changed', namespace, keys: [key], cause, origin: this.#openHost().origin });
  }

  #openHost(): L2Host {
    if (this.#host === undefined || this.#closed) throw new L2ClosedError(NAME);
    return this.#host;
  }

  /** What every call begins with. */
  #enter(namespace: string, keys: readonly string[], options: L2CallOptions | undefined): NamespaceState {
    this.#openHost();
    options?.signal?.throwIfAborted();
    checkNames(NAME, 'namespace', [namespace]);
    checkNames(NAME, 'key', keys);
    return this.#store.namespace(namespace);
  }
}
