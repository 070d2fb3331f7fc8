import type { Checks } from './checks.js';
import { PoolClosedError, PoolConnectError, PoolExhaustedError, PoolTimeoutError } from './errors.js';
import type { PoolErrorKind } from './observed.js';
import type { AcquireOptions, ResolvedLimits } from './options.js';
import type { PoolRecord } from './record.js';
import type { Roster } from './roster.js';
import { Shelf, type Slot } from './slot.js';
import { WaiterQueue } from './waiters.js';

/** What a {@link Lender} needs of its pool. */
interface LenderHost<T extends object> {
  readonly limits: ResolvedLimits;
  readonly record: PoolRecord;
  readonly roster: Roster<T>;
  readonly checks: Checks<T>;
  /** A connection became idle; it has to go at `dueAt`. */
  shelved(dueAt: number): void;
  /** A connection could not be made. */
  unmade(): void;
  /** Numbers have changed. */
  changed(): void;
}

/**
 * Who gets which connection. What becomes ready is not meant for anybody, but goes to who has waited longest.
 */
export class Lender<T extends object> {
  /** `draining`: only who waits already is served. */
  state: 'open' | 'draining' | 'closed' = 'open';
  borrowed = 0;
  /** Something was wanted of the pool. */
  begun = false;
  readonly idle = new Shelf<T>();
  readonly waiters: WaiterQueue<Slot<T>>;
  readonly #host: LenderHost<T>;
  readonly #limits: ResolvedLimits;

  constructor(host: LenderHost<T>) {
    this.#host = host;
    this.#limits = host.limits;
    this.waiters = new WaiterQueue(host.limits.clock);
  }

  closedError(): PoolClosedError {
    return new PoolClosedError(this.#limits.name, this.state === 'draining' ? 'is being drained' : 'is closed');
  }

  /** A connection that may be lent at once. */
  takeNow(options: AcquireOptions | undefined): Slot<T> | undefined {
    if (this.state !== 'open' || this.waiters.size > 0 || options?.signal?.aborted) return undefined;
    const slot = this.#takeFit();
    if (!slot) return undefined;
    const now = this.#limits.clock.now();
    if (this.#host.checks.isDue(slot, now)) {
      this.idle.put(slot);
      return undefined;
    }
    this.#lend(slot, now, true, 0);
    return slot;
  }

  /** Waits in the queue, unless it is full. */
  async wait({ signal, timeout = this.#limits.acquireTimeout }: AcquireOptions = {}): Promise<Slot<T>> {
    const { maxWaiting, max, name } = this.#limits;
    if (signal?.aborted) throw this.#refusal('aborted', signal.reason);
    if (this.state !== 'open') throw this.#refusal('closed', this.closedError());
    const served = this.idle.size + this.#underWay + Math.max(max - this.#host.roster.size, 0);
    if (this.waiters.size - served >= maxWaiting) {
      throw this.#refusal('exhausted', new PoolExhaustedError(name, maxWaiting));
    }
    const left = (why: 'timeout' | 'aborted'): unknown => {
      const timedOut = new PoolTimeoutError(name, 'no connection was free', timeout);
      this.changed();
      return this.#refusal(why, why === 'aborted' ? signal?.reason : timedOut);
    };
    const slot = this.waiters.join({ timeout, signal, left });
    this.begun = true;
    this.#serve();
    return slot;
  }

  giveBack(slot: Slot<T>, discard = false): void {
    const { roster, record } = this.#host;
    const now = this.#limits.clock.now();
    this.borrowed--;
    slot.idleSince = now;
    record.released(now - slot.borrowedAt);
    if (slot.lost) roster.end(slot, 'lost');
    else if (discard) roster.end(slot, 'discarded');
    else if (now >= slot.diesAt) roster.end(slot, 'lifetime');
    else this.#shelve(slot);
    this.changed();
  }

  /** Makes a connection, for whoever has waited longest by then. Answers why there is none. */
  async connect(): Promise<PoolConnectError | undefined> {
    try {
      const slot = await this.#host.roster.connect();
      this.offer(slot);
      return undefined;
    } catch (cause) {
      const error = new PoolConnectError(this.#limits.name, cause);
      this.#host.record.error('connect', error);
      if (this.waiters.size > this.#underWay) this.waiters.shift()?.reject(error);
      this.#host.unmade();
      return error;
    } finally {
      this.changed();
    }
  }

  /** A connection is ready to be lent. */
  offer(slot: Slot<T>): void {
    if (this.waiters.size > 0) this.#grant(slot);
    else this.#shelve(slot);
  }

  /** A connection ended by itself. */
  lost(slot: Slot<T>): void {
    if (slot.state !== 'idle') return; // It goes when it is given back, or its check is over.
    this.idle.remove(slot);
    this.#host.roster.end(slot, 'lost');
    this.changed();
  }

  /** Rejects everybody who waits. */
  dismiss(): void {
    const error = this.closedError();
    for (let waiter = this.waiters.shift(); waiter; waiter = this.waiters.shift()) {
      waiter.reject(this.#refusal('closed', error));
    }
  }

  /** Ends what is idle. */
  clearShelf(): void {
    for (let slot = this.idle.take(); slot; slot = this.idle.take()) this.#host.roster.end(slot, 'closed');
  }

  /** Numbers have changed: perhaps somebody can be served. */
  changed(): void {
    if (this.waiters.size > 0) this.#serve();
    this.#host.changed();
  }

  #refusal(kind: PoolErrorKind, error: unknown): unknown {
    this.#host.record.error(kind, error);
    return error;
  }

  /** What will be ready without anything being begun for it. */
  get #underWay(): number {
    return this.#host.roster.connecting + this.#host.checks.running;
  }

  /** Sees to it that there will be a connection for everybody who waits, as far as there may be. */
  #serve(): void {
    while (this.waiters.size > 0) {
      const slot = this.idle.size > 0 ? this.#takeFit() : undefined;
      if (!slot) break;
      if (!this.#host.checks.isDue(slot, this.#limits.clock.now())) {
        this.#grant(slot);
      } else if (this.waiters.size > this.#underWay) {
        void this.#validate(slot);
      } else {
        this.idle.put(slot);
        break;
      }
    }
    let missing = Math.min(this.waiters.size - this.#underWay, this.#limits.max - this.#host.roster.size);
    for (; missing > 0; missing--) void this.connect();
  }

  /** The next idle connection that is not too old. */
  #takeFit(): Slot<T> | undefined {
    for (let slot = this.idle.take(); slot; slot = this.idle.take()) {
      if (this.#limits.clock.now() < slot.diesAt) return slot;
      this.#host.roster.end(slot, 'lifetime');
    }
    return undefined;
  }

  async #validate(slot: Slot<T>): Promise<void> {
    if (await this.#host.checks.isValid(slot)) this.offer(slot);
    else this.#host.roster.end(slot, slot.lost ? 'lost' : 'invalid');
    this.changed();
  }

  #grant(slot: Slot<T>): void {
    const waiter = this.waiters.shift();
    if (!waiter) throw new Error('nobody waits');
    const now = this.#limits.clock.now();
    this.#lend(slot, now, false, now - waiter.since);
    waiter.resolve(slot);
  }

  #lend(slot: Slot<T>, now: number, hit: boolean, waitMs: number): void {
    slot.state = 'borrowed';
    slot.borrowedAt = now;
    slot.turn++;
    this.borrowed++;
    this.#host.record.acquired(hit, waitMs);
  }

  #shelve(slot: Slot<T>): void {
    if (this.state !== 'open' && this.waiters.size === 0) {
      this.#host.roster.end(slot, 'closed');
      return;
    }
    this.idle.put(slot);
    this.#host.shelved(Math.min(slot.diesAt, slot.idleSince + this.#limits.idleTimeout));
  }
}
