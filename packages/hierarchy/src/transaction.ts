import { untilAborted } from './abort.js';
import { checkFunction, checkNames } from './check.js';
import type { Entry } from './entry.js';
import { InvalidOptionError, InvalidValueError } from './errors.js';
import { checkKey } from './names.js';
import { checkStoreOptions, lifeOf, type Policy, refinePolicy, type StoreOptions } from './policy.js';
import type { Space } from './space.js';
import { TransactionClosedError, TransactionConflictError } from './transaction-errors.js';
import { type Change, deadOf, type Ground, groundOf, type Look, type NewValue } from './transaction-ground.js';
import { toCandidate } from './transaction-l1.js';
import { report } from './write.js';

/** Keys of one transaction, which L2 reads and changes in one step. */
const MAX_KEYS = 1_000;

/** The first pause before a repetition, and the longest, in milliseconds. Doubled each time, and shortened at random by up to a half. */
const PAUSE_MS = { first: 4, longest: 250 } as const;

/** Options of `Cache.transaction()`. */
export interface TransactionOptions {
  /** How often a transaction that met a conflict is begun anew, 0 to 100. Default 5. */
  readonly retries?: number | undefined;
  /** Ends the wait and rolls back, up to the moment when the commit is sent: that one is waited for, since it may have been done. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A transaction: reads that belong to one moment, and changes that are done all at once, or not at all. Serialisable, by optimism (Kung and
 * Robinson, "On Optimistic Methods for Concurrency Control", 1981): nothing is locked, and a commit is refused when anything that
 * was read has changed. See `docs/transactions.md`.
 */
export class Transaction {
  readonly #space: Space;
  readonly #policy: Policy;
  readonly #ground: Ground;
  readonly #read = new Map<string, Look>();
  readonly #changes = new Map<string, Change & { readonly own: Entry | undefined }>();
  #over: string | undefined;
  #conflict: TransactionConflictError | undefined;
  /** Looks come one after the other: each has to see what those before it have seen. */
  #looking: Promise<unknown> = Promise.resolve();

  /** Not for use: transactions come from `Cache.begin()` and `Cache.transaction()`. */
  constructor(space: Space, policy: Policy) {
    this.#space = space;
    this.#policy = policy;
    this.#ground = groundOf(space, policy);
  }

  /** Whether it was neither committed nor rolled back, nor met a conflict. */
  get isOpen(): boolean {
    return this.#over === undefined && this.#conflict === undefined;
  }

  /** The conflict that it met, if it met one. */
  get conflict(): TransactionConflictError | undefined {
    return this.#conflict;
  }

  /**
   * What this transaction has set, else the fresh value, or `undefined`. The same each time. L2 is asked, not L1.
   *
   * @throws {@link TransactionConflictError} if what was read before has changed meanwhile: so a transaction that could not be committed
   * does not go on with values that never stood together.
   */
  async get<V = unknown>(key: string): Promise<V | undefined> {
    return (await this.getMany<V>([key]))[0];
  }

  /** As {@link Transaction.get}, for many keys in one command. */
  async getMany<V = unknown>(keys: readonly string[]): Promise<(V | undefined)[]> {
    this.#check(keys);
    const isUnread = (key: string) => !this.#read.has(key) && !this.#changes.has(key);
    if (keys.some(isUnread)) {
      const look = this.#looking.then(() => this.#look([...new Set(keys)].filter(isUnread)));
      this.#looking = look.catch(() => {});
      await this.#space.core.work.track(look);
    }
    return keys.map((key) => {
      const change = this.#changes.get(key);
      return (change === undefined ? this.#read.get(key)?.value() : change.own?.value()) as V | undefined;
    });
  }

  /** Sets a value when the transaction is committed; reads of this transaction see it at once. It is encoded now. */
  set(key: string, value: unknown, options?: StoreOptions): void {
    this.#check([key]);
    checkStoreOptions('set()', options, this.#policy.rules);
    const { core, name } = this.#space;
    if (value === undefined) {
      throw new InvalidValueError('undefined cannot be stored, since it means absence: store null, or delete the key', {
        ...{ namespace: name, key },
      });
    }
    const policy = refinePolicy(this.#policy, options);
    const life = lifeOf(policy, value);
    const payload = core.codec.encode(value);
    const change: NewValue = { payload, life, policy, userTags: [...(options?.tags ?? [])] };
    this.#change(key, life.freshMs === 0 ? undefined : change);
  }

  /** Removes a value when the transaction is committed. */
  delete(key: string): void {
    this.#check([key]);
    this.#change(key, undefined);
  }

  /**
   * Does all that was ordered, if nothing that was read has changed. Ends the transaction, however it goes.
   *
   * Changed is what was written or removed, by anybody, up to the commit in L2 itself; and what was invalidated by a tag or `clear`, as far as
   * this node knows when it sends the commit (without a live feed, L2 is asked first). An invalidation on another node between that and
   * the commit in L2 is not noticed.
   *
   * @throws {@link TransactionConflictError}: nothing was done. `L2FailedError`: nobody knows whether it was done, all of it or nothing.
   */
  async commit(): Promise<void> {
    this.#check([]);
    this.#over = 'committed';
    await this.#space.core.work.track(this.#commit());
  }

  /** Ends the transaction without doing anything. Idempotent; does nothing after a commit. */
  rollback(): void {
    this.#over ??= 'rolled back';
  }

  async #commit(): Promise<void> {
    await this.#looking;
    if (this.#conflict !== undefined) throw this.#conflict;
    // What was only read stood together at the moment of the last look: there is nothing to be done.
    if (this.#changes.size === 0) return;
    const changed = await this.#ground.commit(this.#read, this.#changes);
    if (changed.length > 0) throw this.#conflicted(changed);
    this.#report();
  }

  #report(): void {
    const { counters, core, name } = this.#space;
    const deleted = [...this.#changes].flatMap(([key, { value }]) => (value === undefined ? [key] : []));
    if (deleted.length > 0) report(this.#space, 'delete', deleted);
    counters.sets += this.#changes.size - deleted.length;
    if (core.events.wants('set')) {
      for (const [key, { own }] of this.#changes) {
        if (own !== undefined) core.events.emit({ type: 'set', namespace: name, key, value: own.value() });
      }
    }
    if (!core.events.wants('commit')) return;
    const sets = [...this.#changes].flatMap(([key, { value }]) => (value === undefined ? [] : [key]));
    core.events.emit({ type: 'commit', namespace: name, sets, deletes: deleted });
  }

  async #look(keys: readonly string[]): Promise<void> {
    if (this.#conflict !== undefined) throw this.#conflict;
    const unread = keys.filter((key) => !this.#read.has(key));
    if (unread.length === 0) return;
    const looks = await this.#ground.look(this.#read, unread);
    if (looks.changed !== undefined) throw this.#conflicted(looks.changed);
    const dead = deadOf(this.#read);
    if (dead.length > 0) throw this.#conflicted(dead);
    for (const [key, look] of looks.looks) this.#read.set(key, look);
  }

  #conflicted(keys: readonly string[]): TransactionConflictError {
    this.#conflict = new TransactionConflictError(keys, { namespace: this.#space.name });
    return this.#conflict;
  }

  #change(key: string, value: NewValue | undefined): void {
    const space = this.#space;
    // What is read of it is what a read would make of it, not what was handed in.
    const id = space.idOf(key);
    const own = value && space.entryOf(id, toCandidate(space, key, value, 0));
    this.#changes.set(key, { id, value, own });
  }

  #check(keys: readonly string[]): void {
    this.#space.core.work.checkOpen();
    if (this.#over !== undefined) throw new TransactionClosedError(this.#over, { namespace: this.#space.name });
    if (this.#conflict !== undefined) throw this.#conflict;
    for (const key of keys) checkKey(key, this.#policy.rules);
    const all = new Set([...this.#read.keys(), ...this.#changes.keys(), ...keys]);
    if (all.size > MAX_KEYS) {
      throw new InvalidOptionError(`a transaction may have up to ${MAX_KEYS} keys, not ${all.size}`);
    }
  }
}

/** Runs `work` in a transaction and commits it; what meets a conflict is begun anew. What else goes wrong rolls it back. */
export async function runTransaction<T>(
  space: Space,
  policy: Policy,
  work: (transaction: Transaction) => T | PromiseLike<T>,
  options: TransactionOptions | undefined,
): Promise<T> {
  checkFunction('what transaction() runs', work);
  const retries = checkRetries(options);
  const signal = options?.signal;
  for (let attempt = 0; ; attempt++) {
    const transaction = new Transaction(space, policy);
    try {
      signal?.throwIfAborted();
      const result = await untilAborted((async () => work(transaction))(), signal);
      if (transaction.conflict !== undefined) throw transaction.conflict;
      // It may have ended it by itself.
      if (transaction.isOpen) await transaction.commit();
      return result;
    } catch (error) {
      transaction.rollback();
      // Whatever it made of a conflict, it was one.
      if (transaction.conflict === undefined) throw error;
      if (attempt >= retries) throw transaction.conflict;
    }
    await untilAborted(pause(space, attempt), signal);
  }
}

function checkRetries(options: TransactionOptions | undefined): number {
  checkNames('transaction()', options, ['retries', 'signal']);
  const retries = options?.retries ?? 5;
  if (Number.isInteger(retries) && retries >= 0 && retries <= 100) return retries;
  throw new InvalidOptionError(`retries must be a whole number from 0 to 100, not ${retries}`);
}

function pause({ core }: Space, attempt: number): Promise<void> {
  const longest = Math.min(PAUSE_MS.longest, PAUSE_MS.first * 2 ** attempt);
  return new Promise((resolve) => {
    core.clock.setTimer(resolve, longest * (1 - Math.random() / 2));
  });
}
