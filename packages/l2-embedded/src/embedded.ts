import {
  checkDuration,
  checkGeneration,
  checkLife,
  checkNames,
  checkWrite,
  type L2,
  type L2CallOptions,
  type L2Feed,
  type L2Health,
  type L2Host,
  L2InvalidError,
  type L2LeaseAnswer,
  type L2LeaseRequest,
  type L2Leases,
  type L2LeaseToken,
  type L2Life,
  type L2LogicalTime,
  type L2MarkMode,
  type L2Marks,
  type L2MarksOptions,
  type L2Read,
  type L2TimeOptions,
  type L2Write,
  type L2Written,
  MAX_LIFE_MS,
} from '@tierwise/l2';
import { nextTurn, partsOf } from './batches.js';
import type { Call } from './call.js';
import type { Connection } from './connection.js';
import { deleteEntry, expireEntry, readEntry, touchEntry, writeEntry } from './entries.js';
import { evict } from './expiry.js';
import { acquire, refusal, release, renew } from './leases.js';
import { advance, marks, marksOfSnapshot } from './logical-time.js';
import { EmbeddedNode } from './node.js';
import { type EmbeddedL2Options, NAME, resolveOptions } from './options.js';
import { type PurgeProgress, purgeEntries, purgeLeases } from './purge.js';
import { type Space, spaceOf } from './space.js';
import type { Transaction } from './transaction.js';

/** How much of a batch one transaction does, so that neither the event loop nor other writers wait for long. */
const KEYS_A_STEP = 256;
const BYTES_A_STEP = 4 * 1024 * 1024;

/** How many entries a write evicts itself; what is over is left to the sweeper. */
const EVICTIONS_A_STEP = 1000;

/**
 * A second tier on local disk: one directory, shared by all processes of the machine that name it. LMDB underneath, so
 * that reads are memory look-ups without locks, writes are transactions that survive `kill -9` of any process at any
 * moment, and there is no server to run.
 *
 * @throws `L2InvalidError` for options that make no sense.
 */
export function embeddedL2(options: EmbeddedL2Options): L2 {
  return new EmbeddedL2(options);
}

class EmbeddedL2 implements L2 {
  readonly name = NAME;
  readonly #node: EmbeddedNode;

  readonly leases: L2Leases = {
    acquire: (namespace, requests, ttlMs, options) => this.#acquire(namespace, requests, ttlMs, options),
    renew: (namespace, key, token, ttlMs, options) => this.#renew(namespace, key, token, ttlMs, options),
    release: (namespace, key, token, options) => this.#release(namespace, key, token, options),
  };

  readonly time: L2LogicalTime = {
    marks: (namespace, tags, options) => this.#marks(namespace, tags, options),
    advance: (namespace, tags, mode, options) => this.#advance(namespace, tags, mode, options),
  };

  readonly feed: L2Feed = {
    follow: async (namespace, options) => {
      this.#enter(options);
      this.#node.follows.add(checkedSpace(namespace).namespace);
    },
  };

  constructor(options: EmbeddedL2Options) {
    this.#node = new EmbeddedNode(resolveOptions(options));
  }

  open(host: L2Host): Promise<void> {
    return this.#node.open(host);
  }

  close(): Promise<void> {
    return this.#node.close();
  }

  async read(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<L2Read[]> {
    const { store, actor } = this.#enter(options);
    const space = checkedSpace(namespace, keys);
    const answers: L2Read[] = [];
    for (const part of partsOf(keys, KEYS_A_STEP)) {
      if (answers.length > 0) {
        await nextTurn();
        this.#enter(options);
      }
      store.read((tables) => {
        const now = actor.now();
        for (const key of part) answers.push(readEntry(tables, now, space, key));
      });
    }
    return answers;
  }

  async write(namespace: string, entries: readonly L2Write[], options?: L2CallOptions): Promise<L2Written[]> {
    const { sweeper } = this.#enter(options);
    const space = checkedSpace(namespace);
    for (const entry of entries) checkWrite(NAME, entry);
    const { maxBytes } = this.#node.options;
    let isOverCap = false;
    const parts = partsOf(entries, KEYS_A_STEP, (entry) => entry.bytes.byteLength, BYTES_A_STEP);
    const written = await this.#inSteps('write', parts, options, (txn, part) => {
      const firstVersion = txn.counters.lastNumber + 1;
      const answers = part.map((entry) => writeEntry(txn, space, entry, maxBytes));
      isOverCap = !evict(txn, maxBytes, EVICTIONS_A_STEP, firstVersion);
      return answers;
    });
    if (isOverCap) sweeper.hurry();
    else if (entries.length > 0)
      sweeper.expect(entries.reduce((least, { keepMs }) => Math.min(least, keepMs), MAX_LIFE_MS));
    return written;
  }

  async delete(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<boolean[]> {
    this.#enter(options);
    const space = checkedSpace(namespace, keys);
    return this.#inSteps('delete', partsOf(keys, KEYS_A_STEP), options, (txn, part) =>
      part.map((key) => deleteEntry(txn, space, key)),
    );
  }

  async expire(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<boolean[]> {
    this.#enter(options);
    const space = checkedSpace(namespace, keys);
    return this.#inSteps('expire', partsOf(keys, KEYS_A_STEP), options, (txn, part) =>
      part.map((key) => expireEntry(txn, space, key)),
    );
  }

  async touch(namespace: string, keys: readonly string[], life: L2Life, options?: L2CallOptions): Promise<boolean[]> {
    const { sweeper } = this.#enter(options);
    const space = checkedSpace(namespace, keys);
    checkLife(NAME, life);
    const touched = await this.#inSteps('touch', partsOf(keys, KEYS_A_STEP), options, (txn, part) =>
      part.map((key) => touchEntry(txn, space, key, life)),
    );
    sweeper.expect(life.keepMs);
    return touched;
  }

  async purge(namespace: string, options?: L2CallOptions): Promise<number> {
    this.#enter(options);
    const space = checkedSpace(namespace);
    // Each step is bounded by itself: how long a purge takes depends on how much there is.
    let entries: PurgeProgress = { next: space.prefix, removed: 0 };
    while (entries.next !== undefined) {
      const from = entries;
      entries = await this.#inOne('purge', options, (txn) => purgeEntries(txn, space, from, KEYS_A_STEP));
    }
    let leases: Buffer | undefined = space.prefix;
    while (leases !== undefined) {
      const from: Buffer = leases;
      leases = await this.#inOne('purge', options, (txn) => purgeLeases(txn, space, from, KEYS_A_STEP));
    }
    await this.#inOne('purge', options, (txn) => txn.reset(namespace, 'purge'));
    return entries.removed;
  }

  async health(options?: L2CallOptions): Promise<L2Health> {
    options?.signal?.throwIfAborted();
    const begin = performance.now();
    try {
      const { store, feed } = this.#enter(options);
      // An empty transaction changes nothing, but shows that nobody sits on the lock.
      const counters = await this.#inOne('health', options, (txn) => ({ ...txn.counters }));
      const { maxBytes } = this.#node.options;
      return {
        status: 'up',
        latencyMs: performance.now() - begin,
        feed: feed.state,
        detail: `LMDB in ${store.path}: ${counters.entries} entries, ${counters.bytes} of ${maxBytes} bytes; the feed ${feed.polls ? 'is polled' : 'wakes'}`,
      };
    } catch (error) {
      options?.signal?.throwIfAborted();
      const detail = error instanceof Error ? error.message : String(error);
      return { status: 'down', latencyMs: performance.now() - begin, feed: 'deaf', detail };
    }
  }

  async #acquire(
    namespace: string,
    requests: readonly L2LeaseRequest[],
    ttlMs: number,
    options?: L2CallOptions,
  ): Promise<L2LeaseAnswer[]> {
    const { store, actor, sweeper } = this.#enter(options);
    const keys = requests.map((request) => request.key);
    const space = checkedSpace(namespace, keys);
    checkDuration(NAME, 'a lease', ttlMs);
    const [only] = requests;
    if (requests.length === 1 && only !== undefined) {
      // The usual case under a rush: somebody else is loading already. A snapshot tells, without the lock.
      const refused = store.read((tables) => refusal(tables, actor.now(), space, only.key, only.seen));
      if (refused !== undefined) return [refused];
    }
    const answers = await this.#inSteps('acquire', partsOf(requests, KEYS_A_STEP), options, (txn, part) =>
      part.map(({ key, seen }) => acquire(txn, space, key, seen, ttlMs)),
    );
    sweeper.expect(ttlMs);
    return answers;
  }

  async #renew(
    namespace: string,
    key: string,
    token: L2LeaseToken,
    ttlMs: number,
    options?: L2CallOptions,
  ): Promise<boolean> {
    this.#enter(options);
    const space = checkedSpace(namespace, [key]);
    checkDuration(NAME, 'a lease', ttlMs);
    return this.#inOne('renew', options, (txn) => renew(txn, space, key, token, ttlMs));
  }

  async #release(namespace: string, key: string, token: L2LeaseToken, options?: L2CallOptions): Promise<boolean> {
    this.#enter(options);
    const space = checkedSpace(namespace, [key]);
    return this.#inOne('release', options, (txn) => release(txn, space, key, token));
  }

  async #marks(namespace: string, tags: readonly string[], options: L2MarksOptions): Promise<L2Marks> {
    const { store, actor, sweeper } = this.#enter(options);
    const { known, ensureMs } = options;
    const space = checkedSpace(namespace);
    checkNames(NAME, 'tag', tags);
    checkGeneration(NAME, known);
    if (ensureMs === undefined) {
      const answer = store.read((tables) => marksOfSnapshot(tables, actor.now(), space, tags, known));
      if (answer !== undefined) return answer;
    } else {
      checkDuration(NAME, 'ensureMs', ensureMs);
      sweeper.expect(ensureMs);
    }
    return this.#inOne('marks', options, (txn) => marks(txn, space, tags, known, ensureMs));
  }

  async #advance(
    namespace: string,
    tags: readonly string[] | null,
    mode: L2MarkMode,
    options: L2TimeOptions,
  ): Promise<number> {
    this.#enter(options);
    const space = checkedSpace(namespace);
    checkNames(NAME, 'tag', tags ?? []);
    checkGeneration(NAME, options.known);
    if (mode !== 'dead' && mode !== 'stale') throw new L2InvalidError(NAME, `there is no mode ${mode}`);
    return this.#inOne('advance', options, (txn) => advance(txn, space, tags, mode, options.known));
  }

  /** What every call begins with. */
  #enter(options: L2CallOptions | undefined): Connection {
    return this.#node.connection(options?.signal);
  }

  /** One call that is one transaction. */
  #inOne<T>(operation: string, options: L2CallOptions | undefined, deed: (txn: Transaction) => T): Promise<T> {
    return this.#node.call(operation, options, (connection, call) => this.#transact(connection, call, deed));
  }

  /** One call that is a transaction for each part of a batch. */
  #inSteps<I, A>(
    operation: string,
    parts: Iterable<readonly I[]>,
    options: L2CallOptions | undefined,
    deed: (txn: Transaction, part: readonly I[]) => A[],
  ): Promise<A[]> {
    return this.#node.call(operation, options, async (connection, call) => {
      const answers: A[] = [];
      for (const part of parts) answers.push(...(await this.#transact(connection, call, (txn) => deed(txn, part))));
      return answers;
    });
  }

  async #transact<T>({ store, actor }: Connection, call: Call, deed: (txn: Transaction) => T): Promise<T> {
    return store.write(actor, (txn) => {
      call.check();
      return deed(txn);
    });
  }
}

function checkedSpace(namespace: string, keys: readonly string[] = []): Space {
  checkNames(NAME, 'namespace', [namespace]);
  checkNames(NAME, 'key', keys);
  return spaceOf(namespace);
}
