import { Arc } from './arc.js';
import { CleanUp, type CleanUpRun } from './clean-up.js';
import {
  checkMaxBytes,
  checkMaxEntries,
  checkPolicy,
  DEFAULT_MAX_BYTES,
  DEFAULT_MAX_ENTRIES,
  type L1Bounds,
  type L1Clock,
  type L1Policy,
  type L1RemovalCause,
  type L1Timers,
  systemClock,
  systemTimers,
} from './options.js';
import type { Order } from './order.js';
import { type Linked, Recency } from './recency.js';
import { SlotMap } from './slot-map.js';

/**
 * What an {@link L1Store} holds: its owner's own objects, which have room for what the store has to know of them. So a hit touches
 * one object, and an entry costs one.
 */
export interface L1Entry<E extends object> extends Linked<E> {
  /** Where it stands: one of the store's {@link L1Store.addHome | homes}, and the key there. */
  readonly home: SlotMap<E>;
  readonly id: string;
  /** How much of {@link L1Bounds.maxBytes} it takes: its encoded length, say. A whole number, 0 or more. */
  readonly bytes: number;
  /** When it dies, in milliseconds on the store's clock. `Infinity`: never. Does not change while the store holds it. */
  readonly deadline: number;
}

/**
 * What became of an entry that was `put`. In every case the key's earlier one is gone.
 *
 * - `stored`: it is there.
 * - `oversize`: not kept, it alone is larger than `maxBytes`.
 * - `dead`: not kept, its deadline has passed already.
 */
export type L1SetResult = 'stored' | 'oversize' | 'dead';

/** Numbers since the store was made. `stored` is the entries that are there plus the sum of `removed`, always. */
export interface L1StoreStats {
  /** Entries now, dead ones that the clean-up has not met yet included. */
  readonly entries: number;
  /** Bytes now, of the same. */
  readonly bytes: number;
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** Entries that were stored. */
  readonly stored: number;
  /** Entries that were not kept, by reason. */
  readonly refused: Readonly<Record<Exclude<L1SetResult, 'stored'>, number>>;
  /** Entries that left, by cause. */
  readonly removed: Readonly<Record<L1RemovalCause, number>>;
}

/** Options of an {@link L1Store}. */
export interface L1StoreOptions<E> extends L1Bounds {
  /** Who has to go. Default: `lru`. */
  readonly policy?: L1Policy | undefined;
  /** Default: `performance.now()`. */
  readonly clock?: L1Clock | undefined;
  /** Default: `setTimeout`, unref'd. */
  readonly timers?: L1Timers | undefined;
  /** Hears of each entry that leaves, except by `clear`. Called synchronously, after the operation has been done completely. */
  readonly onRemove?: ((entry: E, cause: Exclude<L1RemovalCause, 'cleared'>) => void) | undefined;
  /** Hears, with its bytes, of each entry that was stored; after `onRemove` has heard of those that made room. */
  readonly onStore?: ((bytes: number) => void) | undefined;
}

/**
 * A bounded store of entries that lets go of what was used least recently, or of what its policy says.
 *
 * The entries stand in *homes*, one {@link SlotMap} for each set of keys, in which the owner looks them up himself: that, a comparison with
 * the time, and {@link L1Store.use} are all of a hit. The bounds and the order of use are those of all homes together. Nobody but
 * the store may change a home.
 *
 * Bounds hold after every call, exactly; nothing leaves silently; there is a timer only while there is something that can expire.
 */
export class L1Store<E extends L1Entry<E>> {
  readonly #clock: L1Clock;
  readonly #onRemove: L1StoreOptions<E>['onRemove'];
  readonly #onStore: L1StoreOptions<E>['onStore'];
  readonly #order: Order<E>;
  readonly #homes: SlotMap<E>[] = [];
  readonly #cleanUp: CleanUp;
  #maxEntries: number;
  #maxBytes: number;

  #size = 0;
  #bytes = 0;
  /** How many entries have a finite deadline. */
  #mortal = 0;
  /** The earliest deadline of what came since the last clean-up. */
  #soonest = Number.POSITIVE_INFINITY;

  #stored = 0;
  readonly #refused = { oversize: 0, dead: 0 };
  readonly #removed = { entries: 0, bytes: 0, expired: 0, oversize: 0, replaced: 0, deleted: 0, cleared: 0 };

  /** Removals that `onRemove` has not heard of yet: it hears when the operation that caused them is done. */
  #untold: [entry: E, cause: Exclude<L1RemovalCause, 'cleared'>][] = [];

  /** @throws {@link L1InvalidError} when a bound is not what {@link L1Bounds} allows. */
  constructor(options: L1StoreOptions<E> = {}) {
    this.#maxEntries = checkMaxEntries(options.maxEntries ?? DEFAULT_MAX_ENTRIES);
    this.#maxBytes = checkMaxBytes(options.maxBytes ?? DEFAULT_MAX_BYTES);
    this.#order = checkPolicy(options.policy ?? 'lru') === 'arc' ? new Arc<E>() : new Recency<E>();
    this.#clock = options.clock ?? systemClock;
    this.#onRemove = options.onRemove;
    this.#onStore = options.onStore;
    this.#cleanUp = new CleanUp(this.#clock, options.timers ?? systemTimers, (most) => this.#removeDead(most));
  }

  /** Entries, dead ones that nobody has met yet included. */
  get size(): number {
    return this.#size;
  }

  /** Sum of the bytes of all entries, dead ones that nobody has met yet included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A new, empty home, for a set of keys that is to be apart from the others. It lives as long as the store. */
  addHome(): SlotMap<E> {
    const home = new SlotMap<E>();
    this.#homes.push(home);
    return home;
  }

  /** Makes an entry that is held the most recently used. */
  use(entry: E): void {
    this.#order.use(entry);
  }

  /**
   * Puts an entry into its home as the most recently used, in the place of the one of its key, and lets go of the least recently used
   * ones until it fits. An entry that cannot be kept still ends the one of its key: that must not be served once it was replaced.
   */
  put(entry: E): L1SetResult {
    const result = this.#put(entry);
    this.#settle();
    if (result === 'stored') this.#onStore?.(entry.bytes);
    return result;
  }

  /**
   * Takes an entry out that is held. It counts as expired if it is dead, and as deleted otherwise.
   *
   * @param now the time, for a caller that has read the clock already.
   * @returns whether it was alive.
   */
  delete(entry: E, now?: number): boolean {
    const alive = this.#isAlive(entry, now);
    this.#remove(entry, alive ? 'deleted' : 'expired');
    this.#settle();
    return alive;
  }

  /** Takes everything out, in a time that hardly depends on how much there is. `onRemove` is not called. */
  clear(): void {
    this.#removed.cleared += this.#size;
    this.#order.clear();
    for (const home of this.#homes) home.clear();
    this.#size = 0;
    this.#bytes = 0;
    this.#mortal = 0;
    this.#soonest = Number.POSITIVE_INFINITY;
    this.#settle();
  }

  /** All living entries as of now, the most recently used first. */
  entries(): E[] {
    const now = this.#clock.now();
    return [...this.#order.newestFirst()].filter(({ deadline }) => deadline > now);
  }

  /**
   * Changes bounds; those that are not named stay. Lets go of the least recently used entries until the new ones hold.
   *
   * @throws {@link L1InvalidError} when a bound is not what {@link L1Bounds} allows; nothing is changed then.
   */
  resize(bounds: L1Bounds): void {
    const maxEntries = checkMaxEntries(bounds.maxEntries ?? this.#maxEntries);
    const maxBytes = checkMaxBytes(bounds.maxBytes ?? this.#maxBytes);
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
    this.#makeRoom(0, 0);
    this.#settle();
  }

  /** A copy of the numbers. */
  stats(): L1StoreStats {
    return {
      entries: this.#size,
      bytes: this.#bytes,
      maxEntries: this.#maxEntries,
      maxBytes: this.#maxBytes,
      stored: this.#stored,
      refused: { ...this.#refused },
      removed: { ...this.#removed },
    };
  }

  /** Stops the clean-up for good. Idempotent. The store can be used further: only `delete` and the bounds remove what is dead. */
  close(): void {
    this.#cleanUp.close();
  }

  #isAlive({ deadline }: E, now?: number): boolean {
    return deadline === Number.POSITIVE_INFINITY || deadline > (now ?? this.#clock.now());
  }

  #put(entry: E): L1SetResult {
    const { home, id, bytes } = entry;
    const earlier = home.get(id);
    if (bytes > this.#maxBytes) {
      this.#refused.oversize += 1;
      if (earlier !== undefined) this.#remove(earlier, 'oversize');
      return 'oversize';
    }
    if (!this.#isAlive(entry)) {
      this.#refused.dead += 1;
      if (earlier !== undefined) this.#remove(earlier, 'expired');
      return 'dead';
    }
    // Its place in the home is taken over.
    if (earlier !== undefined) this.#forget(earlier, 'replaced');
    else this.#order.expect(entry);
    this.#makeRoom(1, bytes);
    home.set(id, entry);
    this.#order.add(entry, earlier !== undefined);
    this.#size += 1;
    this.#stored += 1;
    this.#bytes += bytes;
    if (entry.deadline !== Number.POSITIVE_INFINITY) this.#mortal += 1;
    if (entry.deadline < this.#soonest) this.#soonest = entry.deadline;
    return 'stored';
  }

  /** Lets go of the least recently used entries until so many more fit. */
  #makeRoom(entries: number, bytes: number): void {
    while (this.#size + entries > this.#maxEntries) this.#evict('entries');
    while (this.#bytes + bytes > this.#maxBytes) this.#evict('bytes');
  }

  #evict(cause: 'entries' | 'bytes'): void {
    const entry = this.#order.toEvict();
    if (entry !== undefined) this.#remove(entry, cause);
  }

  #removeDead(most: number): CleanUpRun {
    const now = this.#clock.now();
    this.#soonest = Number.POSITIVE_INFINITY;
    let dead = 0;
    const inspected = this.#order.walk(most, (entry) => {
      if (entry.deadline > now) return;
      dead += 1;
      this.#remove(entry, 'expired');
    });
    this.#settle();
    return { inspected, dead };
  }

  #remove(entry: E, cause: Exclude<L1RemovalCause, 'cleared'>): void {
    entry.home.delete(entry.id);
    this.#forget(entry, cause);
  }

  /** Takes an entry out of the order and all sums. */
  #forget(entry: E, cause: Exclude<L1RemovalCause, 'cleared'>): void {
    this.#order.remove(entry);
    this.#size -= 1;
    this.#bytes -= entry.bytes;
    if (entry.deadline !== Number.POSITIVE_INFINITY) this.#mortal -= 1;
    this.#removed[cause] += 1;
    if (this.#onRemove !== undefined) this.#untold.push([entry, cause]);
  }

  /** What every operation that changed something ends with. */
  #settle(): void {
    if (this.#mortal === 0) this.#soonest = Number.POSITIVE_INFINITY;
    this.#cleanUp.need(this.#mortal > 0, this.#soonest);
    if (this.#untold.length === 0) return;
    const untold = this.#untold;
    this.#untold = [];
    for (const [entry, cause] of untold) this.#onRemove?.(entry, cause);
  }
}
