import { CleanUp, type CleanUpRun } from './clean-up.js';
import { L1InvalidError } from './errors.js';
import {
  checkMaxBytes,
  checkMaxEntries,
  DEFAULT_MAX_BYTES,
  DEFAULT_MAX_ENTRIES,
  type L1Bounds,
  type L1Clock,
  type L1Options,
  type L1RemovalCause,
  systemClock,
  systemTimers,
} from './options.js';
import { Recency } from './recency.js';

/** What `set` is told of a value. */
export interface L1SetOptions {
  /** How much of {@link L1Bounds.maxBytes} it takes: its encoded length, say. A whole number, 0 or more. */
  readonly bytes: number;
  /** When it dies, in milliseconds on the L1's clock. `Infinity`: never. */
  readonly deadline: number;
}

/** An entry as it is held. */
export interface L1Held<V> extends L1SetOptions {
  readonly key: string;
  readonly value: V;
}

/**
 * What became of a value that was `set`. In every case the key's earlier value is gone.
 *
 * - `stored`: it is there.
 * - `oversize`: not kept, it alone is larger than `maxBytes`.
 * - `dead`: not kept, its deadline has passed already.
 */
export type L1SetResult = 'stored' | 'oversize' | 'dead';

/** Numbers since the L1 was made. `stored` is the entries that are there plus the sum of `removed`, always. */
export interface L1Stats {
  /** Entries now, dead ones that the clean-up has not met yet included. */
  readonly entries: number;
  /** Bytes now, of the same. */
  readonly bytes: number;
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** Calls of `get` that found a living entry. */
  readonly hits: number;
  /** Calls of `get` that did not. */
  readonly misses: number;
  /** Values that `set` stored. */
  readonly stored: number;
  /** Values that `set` did not keep, by reason. */
  readonly refused: Readonly<Record<Exclude<L1SetResult, 'stored'>, number>>;
  /** Entries that left, by cause. */
  readonly removed: Readonly<Record<L1RemovalCause, number>>;
}

/** What stands under a key. One small object, since there are many. */
class Entry<V> {
  readonly value: V;
  readonly deadline: number;
  readonly bytes: number;

  constructor(value: V, deadline: number, bytes: number) {
    this.value = value;
    this.deadline = deadline;
    this.bytes = bytes;
  }
}

type Removal<V> = readonly [key: string, value: V, cause: Exclude<L1RemovalCause, 'cleared'>];

/**
 * A bounded map in memory that lets go of what was used least recently.
 *
 * - **Bounds** hold after every call: `maxEntries`, and `maxBytes` as the exact sum of what each `set` was told.
 * - **Deadlines**: an entry is dead from its deadline on (`now >= deadline`) and never handed out again. Dead entries
 *   count towards the bounds until `get` or the clean-up meets them.
 * - **Nothing leaves silently**: each removal is counted under exactly one cause, and told to `onRemove`.
 * - **Quiet**: a timer exists only while there is an entry that can expire, and never keeps the process alive.
 *
 * Synchronous throughout, and a hit allocates nothing of its own. Values are handed out as they were handed in, not copied.
 */
export class L1<V extends NonNullable<unknown> | null> {
  readonly #clock: L1Clock;
  readonly #onRemove: L1Options<V>['onRemove'];
  readonly #onStore: L1Options<V>['onStore'];
  readonly #entries: Recency<Entry<V>>;
  readonly #cleanUp: CleanUp;
  #maxEntries: number;
  #maxBytes: number;

  #bytes = 0;
  /** How many entries have a finite deadline. */
  #mortal = 0;

  #hits = 0;
  #misses = 0;
  #stored = 0;
  readonly #refused = { oversize: 0, dead: 0 };
  readonly #removed = { entries: 0, bytes: 0, expired: 0, oversize: 0, replaced: 0, deleted: 0, cleared: 0 };

  /** Removals that `onRemove` has not heard of yet: it hears when the operation that caused them is done. */
  #untold: Removal<V>[] = [];

  /** @throws {@link L1InvalidError} when a bound is not what {@link L1Bounds} allows. */
  constructor(options: L1Options<V> = {}) {
    this.#maxEntries = checkMaxEntries(options.maxEntries ?? DEFAULT_MAX_ENTRIES);
    this.#maxBytes = checkMaxBytes(options.maxBytes ?? DEFAULT_MAX_BYTES);
    this.#entries = new Recency(this.#maxEntries);
    this.#clock = options.clock ?? systemClock;
    this.#onRemove = options.onRemove;
    this.#onStore = options.onStore;
    this.#cleanUp = new CleanUp(options.timers ?? systemTimers, (most) => this.#removeDead(most));
  }

  /** Entries, dead ones that nobody has met yet included. */
  get size(): number {
    return this.#entries.size;
  }

  /** Sum of the bytes of all entries, dead ones that nobody has met yet included. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Looks a living value up and makes it the most recently used. A dead one is removed.
   *
   * @param now the time, for a caller that has read the clock already. The clock is otherwise read if the entry can expire.
   */
  get(key: string, now?: number): V | undefined {
    const entry = this.#entries.use(key);
    if (entry === undefined) {
      this.#misses++;
      return undefined;
    }
    if (entry.deadline !== Infinity && (now ?? this.#clock.now()) >= entry.deadline) {
      this.#misses++;
      this.#remove(key, entry, 'expired');
      this.#settle();
      return undefined;
    }
    this.#hits++;
    return entry.value;
  }

  /**
   * Looks a living value up and changes nothing: no order, no count, no removal.
   *
   * @param now as for {@link L1.get}.
   */
  peek(key: string, now?: number): V | undefined {
    const entry = this.#entries.peek(key);
    return entry !== undefined && this.#isAlive(entry, now) ? entry.value : undefined;
  }

  /** Whether there is a living value. Changes nothing. */
  has(key: string): boolean {
    return this.peek(key) !== undefined;
  }

  /**
   * Stores a value as the most recently used and lets go of the least recently used ones until it fits.
   *
   * A value that cannot be kept, as it is larger than `maxBytes` or dead already, still ends its key's earlier value: that
   * must not be served once it has been replaced.
   *
   * @throws {@link L1InvalidError} for `undefined` (which means absence), and for bytes or a deadline that are no such
   * numbers; the earlier value then stays.
   */
  set(key: string, value: V, options: L1SetOptions): L1SetResult {
    const { bytes, deadline } = options;
    if (value === undefined) throw new L1InvalidError('value', 'anything but undefined, which means absence', value);
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new L1InvalidError('bytes', 'a whole number, 0 or more', bytes);
    }
    if (typeof deadline !== 'number' || Number.isNaN(deadline)) {
      throw new L1InvalidError('deadline', "milliseconds on the L1's clock, or Infinity", deadline);
    }
    const result = this.#store(key, new Entry(value, deadline, bytes));
    this.#settle();
    if (result === 'stored') this.#onStore?.(bytes);
    return result;
  }

  /** Removes an entry. @returns whether there was a living one. */
  delete(key: string): boolean {
    const entry = this.#entries.peek(key);
    if (entry === undefined) return false;
    const alive = this.#isAlive(entry);
    this.#remove(key, entry, alive ? 'deleted' : 'expired');
    this.#settle();
    return alive;
  }

  /** Removes everything, in a time that does not depend on how much there is. `onRemove` is not called. */
  clear(): void {
    this.#removed.cleared += this.#entries.size;
    this.#entries.clear();
    this.#bytes = 0;
    this.#mortal = 0;
    this.#settle();
  }

  /** The keys of all living entries as of now, the most recently used first. */
  keys(): string[] {
    const now = this.#clock.now();
    const keys: string[] = [];
    for (const [key, entry] of this.#entries.newestFirst()) if (entry.deadline > now) keys.push(key);
    return keys;
  }

  /** All living entries as of now, the least recently used first: stored again in this order, they are in the same order of use. */
  entries(): L1Held<V>[] {
    const now = this.#clock.now();
    const held: L1Held<V>[] = [];
    for (const [key, { value, deadline, bytes }] of this.#entries.newestFirst()) {
      if (deadline > now) held.push({ key, value, deadline, bytes });
    }
    return held.reverse();
  }

  /**
   * Changes bounds; those that are not named stay. Lets go of the least recently used entries until the new ones hold,
   * and gives back the memory that was made ready for more. Takes time in proportion to the entries.
   *
   * @throws {@link L1InvalidError} when a bound is not what {@link L1Bounds} allows; nothing is changed then.
   */
  resize(bounds: L1Bounds): void {
    const maxEntries = checkMaxEntries(bounds.maxEntries ?? this.#maxEntries);
    const maxBytes = checkMaxBytes(bounds.maxBytes ?? this.#maxBytes);
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
    this.#makeRoom(0, 0);
    this.#entries.resize(maxEntries);
    this.#settle();
  }

  /** A copy of the numbers. */
  stats(): L1Stats {
    return {
      entries: this.size,
      bytes: this.#bytes,
      maxEntries: this.#maxEntries,
      maxBytes: this.#maxBytes,
      hits: this.#hits,
      misses: this.#misses,
      stored: this.#stored,
      refused: { ...this.#refused },
      removed: { ...this.#removed },
    };
  }

  /**
   * Stops the clean-up for good. Idempotent. The L1 can be used further: dead entries are still never handed out, but
   * only `get` and the bounds remove them.
   */
  close(): void {
    this.#cleanUp.close();
  }

  #isAlive(entry: Entry<V>, now?: number): boolean {
    return entry.deadline === Infinity || entry.deadline > (now ?? this.#clock.now());
  }

  #store(key: string, entry: Entry<V>): L1SetResult {
    const earlier = this.#entries.peek(key);
    if (entry.bytes > this.#maxBytes) {
      this.#refused.oversize++;
      if (earlier !== undefined) this.#remove(key, earlier, 'oversize');
      return 'oversize';
    }
    if (!this.#isAlive(entry)) {
      this.#refused.dead++;
      if (earlier !== undefined) this.#remove(key, earlier, 'expired');
      return 'dead';
    }
    if (earlier === undefined) {
      this.#makeRoom(1, entry.bytes);
    } else {
      this.#entries.use(key);
      this.#forget(key, earlier, 'replaced');
      // The key keeps its place, as the last one that would have to go; its bytes no longer count. So this ends before it.
      this.#makeRoom(0, entry.bytes);
    }
    this.#entries.put(key, entry);
    this.#stored++;
    this.#bytes += entry.bytes;
    if (entry.deadline !== Infinity) this.#mortal++;
    return 'stored';
  }

  /** Lets go of the least recently used entries until so many more fit. */
  #makeRoom(entries: number, bytes: number): void {
    while (this.#entries.size + entries > this.#maxEntries) this.#evict('entries');
    while (this.#bytes + bytes > this.#maxBytes) this.#evict('bytes');
  }

  #evict(cause: 'entries' | 'bytes'): void {
    // Finding the key costs more than the eviction, and nobody else wants it.
    const key = this.#onRemove === undefined ? '' : (this.#entries.oldestKey() ?? '');
    const entry = this.#entries.popOldest();
    if (entry !== undefined) this.#forget(key, entry, cause);
  }

  #removeDead(most: number): CleanUpRun {
    const now = this.#clock.now();
    let dead = 0;
    const inspected = this.#entries.walk(most, (key) => {
      const entry = this.#entries.peek(key);
      if (entry === undefined || entry.deadline > now) return;
      dead++;
      this.#remove(key, entry, 'expired');
    });
    this.#settle();
    return { inspected, dead };
  }

  #remove(key: string, entry: Entry<V>, cause: Removal<V>[2]): void {
    this.#entries.remove(key);
    this.#forget(key, entry, cause);
  }

  /** Takes an entry out of all sums. */
  #forget(key: string, entry: Entry<V>, cause: Removal<V>[2]): void {
    this.#bytes -= entry.bytes;
    if (entry.deadline !== Infinity) this.#mortal--;
    this.#removed[cause]++;
    if (this.#onRemove !== undefined) this.#untold.push([key, entry.value, cause]);
  }

  /** What every operation that changed something ends with. */
  #settle(): void {
    this.#cleanUp.need(this.#mortal > 0);
    if (this.#untold.length === 0) return;
    const untold = this.#untold;
    this.#untold = [];
    for (const [key, value, cause] of untold) this.#onRemove?.(key, value, cause);
  }
}
