import { PoolClosedError, PoolConnectError, PoolExhaustedError, PoolMisuseError, PoolTimeoutError } from './errors.js';
import type { PoolErrorKind, PoolListener } from './events.js';
import { withLimit } from './limit.js';
import { type PoolOptions, type ResolvedLimits, resolveLimits } from './options.js';
import type { PoolStats } from './pool-stats.js';
import { PoolRecord } from './record.js';
import { Roster } from './roster.js';
import { Shelf, type Slot } from './slot.js';
import { Upkeep } from './upkeep.js';
import { WaiterQueue } from './waiters.js';

/** Options of one {@link ConnectionPool.acquire} or {@link ConnectionPool.use}. */
export interface AcquireOptions {
  /** Ends the wait: the call rejects with the signal's reason. What is borrowed already is not touched. */
  readonly signal?: AbortSignal | undefined;
  /** How long to wait for a connection, in milliseconds. Default: the pool's `acquireTimeout`. */
  readonly timeout?: number | undefined;
}

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
  readonly #options: PoolOptions<T>;
  readonly #limits: ResolvedLimits;
  readonly #record: PoolRecord;
  readonly #roster: Roster<T>;
  readonly #upkeep: Upkeep;
  readonly #idle = new Shelf<T>();
  readonly #waiters: WaiterQueue<Slot<T>>;
  readonly #watchers = new Set<() => void>();
  #state: 'open' | 'draining' | 'closed' = 'open';
  #borrowed = 0;
  #checking = 0;
  /** Something was wanted of this pool: from now on `min` connections are kept. */
  #begun = false;
  #closing: Promise<void> | undefined;

  /** Makes no connection yet. Throws a {@link PoolOptionError}. */
  constructor(options: PoolOptions<T>) {
    this.#options = options;
    this.#limits = resolveLimits(options);
    this.#waiters = new WaiterQueue(this.#limits.clock);
    this.#record = new PoolRecord(this.#limits.name);
    this.#roster = new Roster(options, this.#limits, this.#record, {
      lost: (slot) => this.#lost(slot),
      gone: () => this.#gone(),
    });
    this.#upkeep = new Upkeep(
      this.#limits.clock,
      {
        reap: () => this.#reap(),
        checkHealth: () => this.#checkHealth(),
        worthChecking: () => this.#healthCheck !== undefined && this.#roster.open > 0,
        refill: () => this.#refill(),
      },
      this.#limits.healthCheckInterval,
    );
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
    const slot = this.#takeNow(options) ?? (await this.#wait(options));
    const { turn } = slot;
    try {
      return await fn(slot.connection);
    } finally {
      // Not if `fn` gave it back itself: by now it may be another one's.
      if (slot.state === 'borrowed' && slot.turn === turn) this.#giveBack(slot);
    }
  }

  /**
   * Borrows a connection, which must be given back with {@link release}. Prefer {@link use}.
   *
   * Rejects with a {@link PoolTimeoutError}, {@link PoolExhaustedError}, {@link PoolClosedError}, {@link PoolConnectError}, or the reason of `signal`.
   */
  async acquire(options?: AcquireOptions): Promise<T> {
    const slot = this.#takeNow(options) ?? (await this.#wait(options));
    return slot.connection;
  }

  /** Gives back what {@link acquire} lent. Throws a {@link PoolMisuseError} if it is not borrowed. */
  release(connection: T, options?: ReleaseOptions): void {
    const slot = this.#roster.find(connection);
    if (slot?.state === 'borrowed') this.#giveBack(slot, options?.discard);
    // A pool that closed has ended what was still borrowed; its borrower comes too late, but not wrongly.
    else if (this.#state !== 'closed')
      throw new PoolMisuseError(this.name, 'the connection given back is not borrowed');
  }

  /** Makes connections until there are `min`. Rejects with a {@link PoolConnectError} if one cannot be made. */
  async warmUp(): Promise<void> {
    if (this.#state !== 'open') throw this.#closedError();
    this.#begun = true;
    const missing = Math.max(this.#limits.min - this.#roster.size, 0);
    const errors = await Promise.all(Array.from({ length: missing }, () => this.#connect()));
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
    if (this.#state === 'open') {
      this.#state = 'draining';
      this.#upkeep.stop();
      this.#record.state('draining');
      if (this.#waiters.size === 0) this.#clearShelf();
    }
    return this.#until(() => this.#borrowed === 0 && this.#waiters.size === 0, deadline);
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
      idle: this.#idle.size,
      borrowed: this.#borrowed,
      waiting: this.#waiters.size,
      connecting: this.#roster.connecting,
      checking: this.#checking,
      ending: this.#roster.ending,
      ...this.#record.counters.snapshot(),
    };
  }

  /** Adds a listener; the function returned removes it. */
  on(listener: PoolListener): () => void {
    return this.#record.on(listener);
  }

  /** A connection that may be lent at once. */
  #takeNow(options: AcquireOptions | undefined): Slot<T> | undefined {
    if (this.#state !== 'open' || this.#waiters.size > 0 || options?.signal?.aborted) return undefined;
    const slot = this.#takeFit();
    if (!slot) return undefined;
    const now = this.#limits.clock.now();
    if (this.#mustValidate(slot, now)) {
      this.#idle.put(slot);
      return undefined;
    }
    this.#lend(slot, now, true, 0);
    return slot;
  }

  /** Waits in the queue, unless it is full. */
  async #wait({ signal, timeout = this.#limits.acquireTimeout }: AcquireOptions = {}): Promise<Slot<T>> {
    const { maxWaiting, max } = this.#limits;
    if (signal?.aborted) throw this.#refusal('aborted', signal.reason);
    if (this.#state !== 'open') throw this.#refusal('closed', this.#closedError());
    const served = this.#idle.size + this.#underWay + Math.max(max - this.#roster.size, 0);
    if (this.#waiters.size - served >= maxWaiting) {
      throw this.#refusal('exhausted', new PoolExhaustedError(this.name, maxWaiting));
    }
    const left = (why: 'timeout' | 'aborted'): unknown => {
      const timedOut = new PoolTimeoutError(this.name, 'no connection was free', timeout);
      this.#changed();
      return this.#refusal(why, why === 'aborted' ? signal?.reason : timedOut);
    };
    const slot = this.#waiters.join({ timeout, signal, left });
    this.#begun = true;
    this.#serve();
    return slot;
  }

  #refusal(kind: PoolErrorKind, error: unknown): unknown {
    this.#record.error(kind, error);
    return error;
  }

  /** What will be ready without anything being begun for it. */
  get #underWay(): number {
    return this.#roster.connecting + this.#checking;
  }

  /** Sees to it that there will be a connection for everybody who waits, as far as there may be. */
  #serve(): void {
    while (this.#waiters.size > 0) {
      const slot = this.#idle.size > 0 ? this.#takeFit() : undefined;
      if (!slot) break;
      if (!this.#mustValidate(slot, this.#limits.clock.now())) {
        this.#grant(slot);
      } else if (this.#waiters.size > this.#underWay) {
        void this.#validate(slot);
      } else {
        this.#idle.put(slot);
        break;
      }
    }
    let missing = Math.min(this.#waiters.size - this.#underWay, this.#limits.max - this.#roster.size);
    for (; missing > 0; missing--) void this.#connect();
  }

  /** The next idle connection that is not too old. */
  #takeFit(): Slot<T> | undefined {
    for (let slot = this.#idle.take(); slot; slot = this.#idle.take()) {
      if (this.#limits.clock.now() < slot.diesAt) return slot;
      this.#roster.end(slot, 'lifetime');
    }
    return undefined;
  }

  #mustValidate(slot: Slot<T>, now: number): boolean {
    return this.#options.validate !== undefined && now - slot.idleSince >= this.#limits.validateAfter;
  }

  async #validate(slot: Slot<T>): Promise<void> {
    if (await this.#passes(slot, 'validation', this.#options.validate)) this.#offer(slot);
    else this.#roster.end(slot, slot.lost ? 'lost' : 'invalid');
    this.#changed();
  }

  /** Asks the user's function about a connection, which is in nobody's hands meanwhile. */
  async #passes(slot: Slot<T>, kind: 'validation' | 'health', ask: PoolOptions<T>['validate']): Promise<boolean> {
    const { clock, checkTimeout } = this.#limits;
    slot.state = 'checking';
    this.#checking++;
    try {
      const fit = ask === undefined || (await withLimit(clock, checkTimeout, (signal) => ask(slot.connection, signal)));
      if (!fit && !slot.lost) this.#record.error(kind, undefined);
      return fit && !slot.lost;
    } catch (error) {
      this.#record.error(kind, error);
      return false;
    } finally {
      this.#checking--;
    }
  }

  /** Makes a connection, for whoever has waited longest by then. Answers why there is none. */
  async #connect(): Promise<PoolConnectError | undefined> {
    try {
      const slot = await this.#roster.connect();
      this.#offer(slot);
      return undefined;
    } catch (cause) {
      const error = new PoolConnectError(this.name, cause);
      this.#record.error('connect', error);
      if (this.#waiters.size > this.#underWay) this.#waiters.shift()?.reject(error);
      this.#keepMin();
      return error;
    } finally {
      this.#changed();
    }
  }

  /** A connection is ready to be lent. */
  #offer(slot: Slot<T>): void {
    if (this.#waiters.size > 0) this.#grant(slot);
    else this.#shelve(slot);
  }

  #grant(slot: Slot<T>): void {
    const waiter = this.#waiters.shift();
    if (!waiter) throw new Error('nobody waits');
    const now = this.#limits.clock.now();
    this.#lend(slot, now, false, now - waiter.since);
    waiter.resolve(slot);
  }

  #lend(slot: Slot<T>, now: number, hit: boolean, waitMs: number): void {
    slot.state = 'borrowed';
    slot.borrowedAt = now;
    slot.turn++;
    this.#borrowed++;
    this.#record.acquired(hit, waitMs);
  }

  #giveBack(slot: Slot<T>, discard = false): void {
    const now = this.#limits.clock.now();
    this.#borrowed--;
    slot.idleSince = now;
    this.#record.released(now - slot.borrowedAt);
    if (slot.lost) this.#roster.end(slot, 'lost');
    else if (discard) this.#roster.end(slot, 'discarded');
    else if (now >= slot.diesAt) this.#roster.end(slot, 'lifetime');
    else this.#shelve(slot);
    this.#changed();
  }

  #shelve(slot: Slot<T>): void {
    if (this.#state !== 'open' && this.#waiters.size === 0) {
      this.#roster.end(slot, 'closed');
      return;
    }
    this.#idle.put(slot);
    this.#upkeep.watch(Math.min(slot.diesAt, slot.idleSince + this.#limits.idleTimeout));
  }

  #lost(slot: Slot<T>): void {
    if (slot.state !== 'idle') return; // It goes when it is given back, or its check is over.
    this.#idle.remove(slot);
    this.#roster.end(slot, 'lost');
    this.#changed();
  }

  #gone(): void {
    this.#keepMin();
    this.#changed();
  }

  #keepMin(): void {
    if (this.#begun && this.#state === 'open' && this.#roster.size < this.#limits.min) this.#upkeep.refillSoon();
  }

  #refill(): void {
    for (let missing = this.#limits.min - this.#roster.size; missing > 0; missing--) void this.#connect();
  }

  /** Numbers have changed: perhaps somebody can be served, perhaps a drain is over. */
  #changed(): void {
    if (this.#waiters.size > 0) this.#serve();
    if (this.#watchers.size > 0) for (const watcher of this.#watchers) watcher();
  }

  #reap(): number | undefined {
    const now = this.#limits.clock.now();
    const { idleTimeout, min } = this.#limits;
    let next: number | undefined;
    for (const slot of [...this.#idle]) {
      const spare = this.#roster.open > min;
      const due = spare ? Math.min(slot.diesAt, slot.idleSince + idleTimeout) : slot.diesAt;
      if (due > now) {
        next = Math.min(next ?? due, due);
        continue;
      }
      this.#idle.remove(slot);
      this.#roster.end(slot, now >= slot.diesAt ? 'lifetime' : 'idle');
    }
    return next;
  }

  get #healthCheck(): PoolOptions<T>['validate'] {
    return this.#options.check ?? this.#options.validate;
  }

  /** One at a time, so that checks hardly get in anybody's way. */
  async #checkHealth(): Promise<void> {
    for (const slot of [...this.#idle]) {
      if (this.#state !== 'open') return;
      if (slot.state !== 'idle') continue;
      this.#idle.remove(slot);
      if (await this.#passes(slot, 'health', this.#healthCheck)) this.#offer(slot);
      else this.#roster.end(slot, slot.lost ? 'lost' : 'unhealthy');
      this.#changed();
    }
  }

  #clearShelf(): void {
    for (let slot = this.#idle.take(); slot; slot = this.#idle.take()) this.#roster.end(slot, 'closed');
  }

  /** Resolves with true as soon as `done` is, or with false at the deadline. */
  #until(done: () => boolean, deadline?: number): Promise<boolean> {
    return new Promise((resolve) => {
      const { clock } = this.#limits;
      const finish = (result: boolean): void => {
        clock.clearTimer(timer);
        this.#watchers.delete(watch);
        resolve(result);
      };
      const watch = (): void => {
        if (done()) finish(true);
      };
      const timer = deadline === undefined ? undefined : clock.setTimer(() => finish(done()), deadline);
      this.#watchers.add(watch);
      watch();
    });
  }

  async #close(deadline: number): Promise<void> {
    await this.drain(deadline);
    this.#state = 'closed';
    const error = this.#closedError();
    for (let waiter = this.#waiters.shift(); waiter; waiter = this.#waiters.shift()) {
      this.#record.error('closed', error);
      waiter.reject(error);
    }
    this.#roster.abortConnecting(error);
    this.#clearShelf();
    for (const slot of [...this.#roster]) {
      if (slot.state !== 'borrowed') continue;
      this.#borrowed--;
      this.#roster.end(slot, 'abandoned');
    }
    // Every ending and every check has a limit of its own.
    await this.#until(() => this.#roster.size === 0);
    this.#record.state('closed');
  }

  #closedError(): PoolClosedError {
    return new PoolClosedError(this.name, this.#state === 'draining' ? 'is being drained' : 'is closed');
  }
}
