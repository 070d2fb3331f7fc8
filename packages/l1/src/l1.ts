import { L1InvalidError } from './errors.js';
import { type L1Bounds, type L1Clock, type L1Options, systemClock } from './options.js';
import type { SlotMap } from './slot-map.js';
import { type L1Entry, type L1SetResult, L1Store, type L1StoreStats } from './store.js';

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

/** Numbers since the L1 was made. `stored` is the entries that are there plus the sum of `removed`, always. */
export interface L1Stats extends L1StoreStats {
  /** Calls of `get` that found a living entry. */
  readonly hits: number;
  /** Calls of `get` that did not. */
  readonly misses: number;
}

/** What stands under a key. */
class Held<V> implements L1Entry<Held<V>> {
  readonly home: SlotMap<Held<V>>;
  readonly id: string;
  readonly value: V;
  readonly bytes: number;
  readonly deadline: number;
  newer: Held<V> | undefined = undefined;
  older: Held<V> | undefined = undefined;

  constructor(home: SlotMap<Held<V>>, key: string, value: V, { bytes, deadline }: L1SetOptions) {
    this.home = home;
    this.id = key;
    this.value = value;
    this.bytes = bytes;
    this.deadline = deadline;
  }
}

/**
 * A bounded map in memory that lets go of what was used least recently: an {@link L1Store} as a map from keys to values.
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
  readonly #store: L1Store<Held<V>>;
  readonly #home: SlotMap<Held<V>>;
  readonly #clock: L1Clock;
  #hits = 0;
  #misses = 0;

  /** @throws {@link L1InvalidError} when a bound is not what {@link L1Bounds} allows. */
  constructor(options: L1Options<V> = {}) {
    const { onRemove, clock = systemClock, ...others } = options;
    this.#clock = clock;
    this.#store = new L1Store<Held<V>>({
      ...others,
      clock,
      onRemove: onRemove && (({ id, value }, cause) => onRemove(id, value, cause)),
    });
    this.#home = this.#store.addHome();
  }

  /** Entries, dead ones that nobody has met yet included. */
  get size(): number {
    return this.#store.size;
  }

  /** Sum of the bytes of all entries, dead ones that nobody has met yet included. */
  get bytes(): number {
    return this.#store.bytes;
  }

  /**
   * Looks a living value up and makes it the most recently used. A dead one is removed.
   *
   * @param now the time, for a caller that has read the clock already. The clock is otherwise read if the entry can expire.
   */
  get(key: string, now?: number): V | undefined {
    const held = this.#home.get(key);
    if (held === undefined) {
      this.#misses++;
      return undefined;
    }
    if (!this.#isAlive(held, now)) {
      this.#misses++;
      this.#store.delete(held, now);
      return undefined;
    }
    this.#hits++;
    this.#store.use(held);
    return held.value;
  }

  /**
   * Looks a living value up and changes nothing: no order, no count, no removal.
   *
   * @param now as for {@link L1.get}.
   */
  peek(key: string, now?: number): V | undefined {
    const held = this.#home.get(key);
    return held !== undefined && this.#isAlive(held, now) ? held.value : undefined;
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
    return this.#store.put(new Held(this.#home, key, value, options));
  }

  /** Removes an entry. @returns whether there was a living one. */
  delete(key: string): boolean {
    const held = this.#home.get(key);
    return held !== undefined && this.#store.delete(held);
  }

  /** Removes everything, in a time that hardly depends on how much there is. `onRemove` is not called. */
  clear(): void {
    this.#store.clear();
  }

  /** The keys of all living entries as of now, the most recently used first. */
  keys(): string[] {
    return this.#store.entries().map(({ id }) => id);
  }

  /** All living entries as of now, the least recently used first: stored again in this order, they are in the same order of use. */
  entries(): L1Held<V>[] {
    return this.#store
      .entries()
      .map(({ id, value, deadline, bytes }) => ({ key: id, value, deadline, bytes }))
      .reverse();
  }

  /**
   * Changes bounds; those that are not named stay. Lets go of the least recently used entries until the new ones hold.
   *
   * @throws {@link L1InvalidError} when a bound is not what {@link L1Bounds} allows; nothing is changed then.
   */
  resize(bounds: L1Bounds): void {
    this.#store.resize(bounds);
  }

  /** A copy of the numbers. */
  stats(): L1Stats {
    return { ...this.#store.stats(), hits: this.#hits, misses: this.#misses };
  }

  /**
   * Stops the clean-up for good. Idempotent. The L1 can be used further: dead entries are still never handed out, but
   * only `get` and the bounds remove them.
   */
  close(): void {
    this.#store.close();
  }

  #isAlive({ deadline }: Held<V>, now?: number): boolean {
    return deadline === Number.POSITIVE_INFINITY || deadline > (now ?? this.#clock.now());
  }
}
