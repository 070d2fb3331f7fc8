import {
  checkDuration,
  checkGeneration,
  checkLife,
  checkNames,
  checkWrite,
  DELETION_MEMORY_MS,
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
  type L2Replay,
  type L2TimeOptions,
  type L2Transactions,
  type L2Write,
  type L2Written,
} from '@tierwise/l2';
import { nextTurn, partsOf } from './batches.js';
import { deleteEntry, expireEntry, readEntry, touchEntry, writeEntry } from './entries.js';
import { evict } from './expiry.js';
import { acquire, refusal, release, renew } from './leases.js';
import { advance, marks, marksOfSnapshot } from './logical-time.js';
import { EmbeddedNode } from './node.js';
import { type EmbeddedL2Options, NAME, resolveOptions } from './options.js';
import { type PurgeProgress, purgeEntries, purgeLeases } from './purge.js';
import { replayIn, shortestLife } from './replay.js';
import { type EmbeddedSnapshot, takeSnapshot } from './snapshot.js';
import { checkFile, type EmbeddedSnapshotTtl, ttlOf } from './snapshot-options.js';
import { BYTES_A_STEP, checkedSpace, EVICTIONS_A_STEP, KEYS_A_STEP, Steps } from './steps.js';
import { transactionsIn } from './transactions.js';

/** A second tier on local disk, which can be copied while it is in use. */
export interface EmbeddedL2 extends L2 {
  /**
   * Writes a copy of the store to a file, as of one moment, while all processes go on. The file is whole or not there. Older snapshots of
   * this store in the same folder are removed when they are past `ttl`. For {@link restoreEmbedded}.
   *
   * @throws EmbeddedSnapshotError `unwritable` (as a rejection), and what every call throws on a store that is not open.
   */
  snapshot(file: string, options?: EmbeddedSnapshotTtl): Promise<EmbeddedSnapshot>;
}

/**
 * A second tier on local disk: one directory, shared by all processes of the machine that name it. LMDB underneath, so
 * that reads are memory look-ups without locks, writes are transactions that survive `kill -9` of any process at any
 * moment, and there is no server to run.
 *
 * @throws `L2InvalidError` for options that make no sense.
 */
export function embeddedL2(options: EmbeddedL2Options): EmbeddedL2 {
  return new EmbeddedBackend(options);
}

class EmbeddedBackend implements EmbeddedL2 {
  readonly name = NAME;
  readonly replay: L2Replay;
  readonly transactions: L2Transactions;
  readonly #node: EmbeddedNode;
  readonly #steps: Steps;

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
      this.#steps.enter(options);
      this.#node.follows.add(checkedSpace(namespace).namespace);
    },
  };

  constructor(options: EmbeddedL2Options) {
    this.#node = new EmbeddedNode(resolveOptions(options));
    this.#steps = new Steps(this.#node);
    this.replay = replayIn(this.#steps);
    this.transactions = transactionsIn(this.#steps);
  }

  open(host: L2Host): Promise<void> {
    return this.#node.open(host);
  }

  close(): Promise<void> {
    return this.#node.close();
  }

  async snapshot(file: string, options: EmbeddedSnapshotTtl = {}): Promise<EmbeddedSnapshot> {
    const { store, actor } = this.#steps.enter(undefined);
    checkFile(file);
    return takeSnapshot(store, file, actor.now(), ttlOf(options));
  }

  async read(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<L2Read[]> {
    const { store, actor } = this.#steps.enter(options);
    const space = checkedSpace(namespace, keys);
    const answers: L2Read[] = [];
    for (const part of partsOf(keys, KEYS_A_STEP)) {
      if (answers.length > 0) {
        await nextTurn();
        this.#steps.enter(options);
      }
      store.read((tables) => {
        const now = actor.now();
        for (const key of part) {
          const answer = readEntry(tables, now, space, key);
          if (answer?.status === 'found') this.#node.moments.hear(answer.version);
          answers.push(answer);
        }
      });
    }
    return answers;
  }

  async write(namespace: string, entries: readonly L2Write[], options?: L2CallOptions): Promise<L2Written[]> {
    const { sweeper } = this.#steps.enter(options);
    const space = checkedSpace(namespace);
    for (const entry of entries) checkWrite(NAME, entry);
    const { maxBytes } = this.#node.options;
    let isOverCap = false;
    const parts = partsOf(entries, KEYS_A_STEP, (entry) => entry.bytes.byteLength, BYTES_A_STEP);
    const written = await this.#steps.inSteps('write', parts, options, (txn, part) => {
      const firstVersion = txn.counters.lastNumber + 1;
      const answers = part.map((entry) => writeEntry(txn, space, entry, maxBytes));
      isOverCap = !evict(txn, maxBytes, EVICTIONS_A_STEP, firstVersion);
      return answers;
    });
    if (isOverCap) sweeper.hurry();
    else if (entries.length > 0) sweeper.expect(shortestLife(entries));
    return written;
  }

  async delete(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<boolean[]> {
    const { sweeper } = this.#steps.enter(options);
    const space = checkedSpace(namespace, keys);
    const there = await this.#steps.inSteps('delete', partsOf(keys, KEYS_A_STEP), options, (txn, part) =>
      part.map((key) => deleteEntry(txn, space, key)),
    );
    if (keys.length > 0) sweeper.expect(DELETION_MEMORY_MS);
    return there;
  }

  async expire(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<boolean[]> {
    const { sweeper } = this.#steps.enter(options);
    const space = checkedSpace(namespace, keys);
    const there = await this.#steps.inSteps('expire', partsOf(keys, KEYS_A_STEP), options, (txn, part) =>
      part.map((key) => expireEntry(txn, space, key)),
    );
    if (keys.length > 0) sweeper.expect(DELETION_MEMORY_MS);
    return there;
  }

  async touch(namespace: string, keys: readonly string[], life: L2Life, options?: L2CallOptions): Promise<boolean[]> {
    const { sweeper } = this.#steps.enter(options);
    const space = checkedSpace(namespace, keys);
    checkLife(NAME, life);
    const touched = await this.#steps.inSteps('touch', partsOf(keys, KEYS_A_STEP), options, (txn, part) =>
      part.map((key) => touchEntry(txn, space, key, life)),
    );
    sweeper.expect(life.keepMs);
    return touched;
  }

  async purge(namespace: string, options?: L2CallOptions): Promise<number> {
    this.#steps.enter(options);
    const space = checkedSpace(namespace);
    // Each step is bounded by itself: how long a purge takes depends on how much there is.
    let entries: PurgeProgress = { next: space.prefix, removed: 0 };
    while (entries.next !== undefined) {
      const from = entries;
      entries = await this.#steps.inOne('purge', options, (txn) => purgeEntries(txn, space, from, KEYS_A_STEP));
    }
    let leases: Buffer | undefined = space.prefix;
    while (leases !== undefined) {
      const from: Buffer = leases;
      leases = await this.#steps.inOne('purge', options, (txn) => purgeLeases(txn, space, from, KEYS_A_STEP));
    }
    await this.#steps.inOne('purge', options, (txn) => txn.reset(namespace, 'purge'));
    return entries.removed;
  }

  async health(options?: L2CallOptions): Promise<L2Health> {
    options?.signal?.throwIfAborted();
    const begin = performance.now();
    try {
      const { store, feed } = this.#steps.enter(options);
      // An empty transaction changes nothing, but shows that nobody sits on the lock.
      const counters = await this.#steps.inOne('health', options, (txn) => ({ ...txn.counters }));
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
    const { store, actor, sweeper } = this.#steps.enter(options);
    const keys = requests.map((request) => request.key);
    const space = checkedSpace(namespace, keys);
    checkDuration(NAME, 'a lease', ttlMs);
    const [only] = requests;
    if (requests.length === 1 && only !== undefined) {
      // The usual case under a rush: somebody else is loading already. A snapshot tells, without the lock.
      const refused = store.read((tables) => refusal(tables, actor.now(), space, only.key, only.seen));
      if (refused !== undefined) return [refused];
    }
    const answers = await this.#steps.inSteps('acquire', partsOf(requests, KEYS_A_STEP), options, (txn, part) =>
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
    this.#steps.enter(options);
    const space = checkedSpace(namespace, [key]);
    checkDuration(NAME, 'a lease', ttlMs);
    return this.#steps.inOne('renew', options, (txn) => renew(txn, space, key, token, ttlMs));
  }

  async #release(namespace: string, key: string, token: L2LeaseToken, options?: L2CallOptions): Promise<boolean> {
    this.#steps.enter(options);
    const space = checkedSpace(namespace, [key]);
    return this.#steps.inOne('release', options, (txn) => release(txn, space, key, token));
  }

  async #marks(namespace: string, tags: readonly string[], options: L2MarksOptions): Promise<L2Marks> {
    const { store, actor, sweeper } = this.#steps.enter(options);
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
    return this.#steps.inOne('marks', options, (txn) => marks(txn, space, tags, known, ensureMs));
  }

  async #advance(
    namespace: string,
    tags: readonly string[] | null,
    mode: L2MarkMode,
    options: L2TimeOptions,
  ): Promise<number> {
    this.#steps.enter(options);
    const space = checkedSpace(namespace);
    checkNames(NAME, 'tag', tags ?? []);
    checkGeneration(NAME, options.known);
    if (mode !== 'dead' && mode !== 'stale') throw new L2InvalidError(NAME, `there is no mode ${mode}`);
    return this.#steps.inOne('advance', options, (txn) => advance(txn, space, tags, mode, options.known));
  }
}
