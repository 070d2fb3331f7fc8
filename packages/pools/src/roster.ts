import { withLimit } from './limit.js';
import type { DestroyReason } from './observed.js';
import type { PoolOptions, ResolvedLimits } from './options.js';
import type { PoolRecord } from './record.js';
import type { Slot } from './slot.js';

/** What a {@link Roster} tells its pool. */
interface RosterHost<T> {
  /** A connection ended by itself. It is still on the roster. */
  lost(slot: Slot<T>): void;
  /** There is room for another connection. */
  gone(): void;
}

/** Every connection of a pool from its making to its end: all that count against `max`. */
export class Roster<T extends object> {
  /** Connections that are being made. */
  connecting = 0;
  /** Connections that are being ended. */
  ending = 0;
  readonly #slots = new Map<T, Slot<T>>();
  readonly #options: PoolOptions<T>;
  readonly #limits: ResolvedLimits;
  readonly #record: PoolRecord;
  readonly #host: RosterHost<T>;
  readonly #closing = new AbortController();

  constructor(options: PoolOptions<T>, limits: ResolvedLimits, record: PoolRecord, host: RosterHost<T>) {
    this.#options = options;
    this.#limits = limits;
    this.#record = record;
    this.#host = host;
  }

  get size(): number {
    return this.connecting + this.#slots.size + this.ending;
  }

  /** Connections that are there: neither being made nor being ended. */
  get open(): number {
    return this.#slots.size;
  }

  find(connection: T): Slot<T> | undefined {
    return this.#slots.get(connection);
  }

  [Symbol.iterator](): IterableIterator<Slot<T>> {
    return this.#slots.values();
  }

  /** Makes a connection. It counts from now on; the slot is nowhere but on the roster. */
  async connect(): Promise<Slot<T>> {
    const { clock, connectTimeout, maxLifetime } = this.#limits;
    const begun = clock.now();
    let slot: Slot<T> | undefined;
    let ended: { error: unknown } | undefined;
    const lost = (error?: unknown): void => {
      if (slot) this.#lost(slot, error);
      else ended ??= { error };
    };
    this.connecting++;
    let connection: T;
    try {
      connection = await withLimit(
        clock,
        connectTimeout,
        async (signal) => this.#options.create({ signal, lost }),
        (late) => void this.#dispose(late),
        this.#closing.signal,
      );
    } finally {
      this.connecting--;
    }
    if (this.#slots.has(connection)) throw new Error('`create` made a connection that is in the pool already');
    if (ended) {
      void this.#dispose(connection);
      throw ended.error ?? new Error('the connection ended as soon as it was made');
    }
    const now = clock.now();
    slot = {
      connection,
      state: 'checking',
      diesAt: now + maxLifetime * (1 - clock.random() / 10),
      idleSince: now,
      borrowedAt: now,
      turn: 0,
      lost: false,
    };
    this.#slots.set(connection, slot);
    this.#record.created(now - begun);
    return slot;
  }

  /** Ends a connection. It counts until that is done, or has taken too long. */
  end(slot: Slot<T>, reason: DestroyReason): void {
    this.#slots.delete(slot.connection);
    slot.state = 'ending';
    this.ending++;
    this.#record.destroyed(reason);
    void this.#dispose(slot.connection).then(() => {
      this.ending--;
      this.#host.gone();
    });
  }

  /** Gives up what is being made. */
  abortConnecting(reason: unknown): void {
    this.#closing.abort(reason);
  }

  #lost(slot: Slot<T>, error: unknown): void {
    if (slot.lost || slot.state === 'ending') return;
    slot.lost = true;
    this.#record.error('lost', error);
    this.#host.lost(slot);
  }

  async #dispose(connection: T): Promise<void> {
    const { destroy } = this.#options;
    if (!destroy) return;
    try {
      await withLimit(this.#limits.clock, this.#limits.destroyTimeout, async () => destroy(connection));
    } catch (error) {
      this.#record.error('destroy', error);
    }
  }
}
