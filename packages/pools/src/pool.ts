import { Checks } from './checks.js';
import { PoolMisuseError } from './errors.js';
import { Keeping } from './keeping.js';
import { Lender } from './lender.js';
import type { PoolListener, PoolStats } from './observed.js';
import { type AcquireOptions, type PoolOptions, type ResolvedLimits, resolveLimits } from './options.js';
import { PoolRecord } from './record.js';
import { Roster } from './roster.js';
import { Watch } from './watch.js';

export type { AcquireOptions } from './options.js';

/** Options of {@link ConnectionPool.release}. */
export interface ReleaseOptions {
  /** The connection is unfit for others, and is ended. Default: false. */
  readonly discard?: boolean | undefined;
}

/**
 * Lends connections of any kind.
 *
 * Whoever waits is served in the order of arrival, whatever validations and new connections take: what becomes ready is not meant for
 * anybody, but goes to who has waited longest. So who leaves the queue leaves nothing behind. A connection that cannot be
 * made rejects the one who has waited longest, if no other is on its way.
 *
 * Every connection counts against `max` from the beginning of its making to the end of its ending.
 */
export class ConnectionPool<T extends object> {
  readonly #limits: ResolvedLimits;
  readonly #record: PoolRecord;
  readonly #roster: Roster<T>;
  readonly #checks: Checks<T>;
  readonly #lender: Lender<T>;
  readonly #keeping: Keeping<T>;
  readonly #watch: Watch;
  #closing: Promise<void> | undefined;

  /** Makes no connection yet. Throws a {@link PoolOptionError}. */
  constructor(options: PoolOptions<T>) {
    const limits = resolveLimits(options);
    const record = new PoolRecord(limits.name);
    const roster = new Roster(options, limits, record, {
      lost: (slot) => this.#lender.lost(slot),
      gone: () => {
        this.#keeping.keepMin();
        this.#lender.changed();
      },
    });
    const checks = new Checks(options, limits, record);
    this.#limits = limits;
    this.#record = record;
    this.#roster = roster;
    this.#checks = checks;
    this.#watch = new Watch(limits.clock);
    this.#lender = new Lender({
      limits,
      record,
      roster,
      checks,
      shelved: (dueAt) => this.#keeping.watch(dueAt),
      unmade: () => this.#keeping.keepMin(),
      changed: () => this.#watch.changed(),
    });
    this.#keeping = new Keeping(limits, roster, checks, this.#lender);
  }

  get name(): string {
    return this.#limits.name;
  }

  /**
   * Borrows a connection, for `fn`. It is given back when `fn` has settled, whatever it does.
   *
   * Rejects as {@link acquire} does, or with what `fn` throws.
   */
  async use<R>(fn: (connection: T) => R | Promise<R>, options?: AcquireOptions): Promise<R> {
    const slot = this.#lender.takeNow(options) ?? (await this.#lender.wait(options));
    const { turn } = slot;
    try {
      return await fn(slot.connection);
    } finally {
      // Not if `fn` gave it back itself: by now it may be another one's.
      if (slot.state === 'borrowed' && slot.turn === turn) this.#lender.giveBack(slot);
    }
  }

  /**
   * Borrows a connection, which must be given back with {@link release}. Prefer {@link use}.
   *
   * Rejects with a {@link PoolTimeoutError}, {@link PoolExhaustedError}, {@link PoolClosedError}, {@link PoolConnectError}, or the reason of `signal`.
   */
  async acquire(options?: AcquireOptions): Promise<T> {
    const slot = this.#lender.takeNow(options) ?? (await this.#lender.wait(options));
    return slot.connection;
  }

  /** Gives back what {@link acquire} lent. Throws a {@link PoolMisuseError} if it is not borrowed. */
  release(connection: T, options?: ReleaseOptions): void {
    const slot = this.#roster.find(connection);
    if (slot?.state === 'borrowed') this.#lender.giveBack(slot, options?.discard);
    // A pool that closed has ended what was still borrowed; its borrower comes too late, but not wrongly.
    else if (this.#lender.state !== 'closed')
      throw new PoolMisuseError(this.name, 'the connection given back is not borrowed');
  }

  /** Makes connections until there are `min`. Rejects with a {@link PoolConnectError} if one cannot be made. */
  async warmUp(): Promise<void> {
    if (this.#lender.state !== 'open') throw this.#lender.closedError();
    this.#lender.begun = true;
    const missing = Math.max(this.#limits.min - this.#roster.size, 0);
    const errors = await Promise.all(Array.from({ length: missing }, () => this.#lender.connect()));
    const error = errors.find((it) => it !== undefined);
    if (error) throw error;
  }

  /**
   * Lends nothing new from now on. Who waits is still served, and what is borrowed may be given back.
   *
   * @param deadline - how long that may take, in milliseconds.
   * @returns whether nobody waits and nothing is borrowed any more.
   */
  drain(deadline: number): Promise<boolean> {
    if (this.#lender.state === 'open') {
      this.#lender.state = 'draining';
      this.#keeping.stop();
      this.#record.state('draining');
      if (this.#lender.waiters.size === 0) this.#lender.clearShelf();
    }
    return this.#watch.until(() => this.#lender.borrowed === 0 && this.#lender.waiters.size === 0, deadline);
  }

  /**
   * Drains the pool and ends every connection; what is still borrowed at the deadline is ended under its borrower. Who waits then is
   * rejected with a {@link PoolClosedError}. A second call gets the first one's promise.
   *
   * @param options - `deadline`: how long to drain, in milliseconds. Default: `drainTimeout`.
   */
  close(options: { readonly deadline?: number | undefined } = {}): Promise<void> {
    this.#closing ??= this.#close(options.deadline ?? this.#limits.drainTimeout);
    return this.#closing;
  }

  /** How the pool is, and what has happened so far. */
  stats(): PoolStats {
    return {
      pool: this.name,
      size: this.#roster.size,
      idle: this.#lender.idle.size,
      borrowed: this.#lender.borrowed,
      waiting: this.#lender.waiters.size,
      connecting: this.#roster.connecting,
      checking: this.#checks.running,
      ending: this.#roster.ending,
      ...this.#record.counters.snapshot(),
    };
  }

  /** Adds a listener; the function returned removes it. */
  on(listener: PoolListener): () => void {
    return this.#record.on(listener);
  }

  async #close(deadline: number): Promise<void> {
    await this.drain(deadline);
    this.#lender.state = 'closed';
    this.#lender.dismiss();
    this.#roster.abortConnecting(this.#lender.closedError());
    this.#lender.clearShelf();
    for (const slot of [...this.#roster]) {
      if (slot.state !== 'borrowed') continue;
      this.#lender.borrowed--;
      this.#roster.end(slot, 'abandoned');
    }
    // Every ending and every check has a limit of its own.
    await this.#watch.until(() => this.#roster.size === 0);
    this.#record.state('closed');
  }
}
