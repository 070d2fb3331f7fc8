/** Room for more than that is given back when nothing is left. */
const MUCH = 1_000;

/**
 * A Map for what comes and goes all the time.
 *
 * A `Map` of V8 that keeps taking things in and letting things go replaces its table every so often, and each table refers to the one after
 * it. Once a discarded table has become old, it keeps all later ones from being collected as young garbage, with whatever stood in them when
 * they were discarded: what is long gone then survives until the next collection of everything. So the Map here leads to numbers, and
 * what they stand for is in an array, where what is gone leaves nothing behind.
 */
export class SlotMap<V extends object> {
  readonly #slots = new Map<string, number>();
  readonly #values: (V | undefined)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#slots.size;
  }

  has(key: string): boolean {
    return this.#slots.has(key);
  }

  get(key: string): V | undefined {
    const slot = this.#slots.get(key);
    return slot === undefined ? undefined : this.#values[slot];
  }

  set(key: string, value: V): void {
    const slot = this.#slots.get(key) ?? this.#add(key);
    this.#values[slot] = value;
  }

  /** @returns whether it was there. */
  delete(key: string): boolean {
    const slot = this.#slots.get(key);
    if (slot === undefined) return false;
    this.#slots.delete(key);
    this.#values[slot] = undefined;
    this.#free.push(slot);
    if (this.#slots.size === 0 && this.#values.length > MUCH) this.clear();
    return true;
  }

  clear(): void {
    this.#slots.clear();
    this.#values.length = 0;
    this.#free.length = 0;
  }

  keys(): IterableIterator<string> {
    return this.#slots.keys();
  }

  /** In the order of their keys' first coming. What is deleted meanwhile is not met any more. */
  *values(): Generator<V, void> {
    for (const slot of this.#slots.values()) yield this.#values[slot] as V;
  }

  #add(key: string): number {
    const slot = this.#free.pop() ?? this.#values.length;
    // Takes its place at once, so that the array never has a hole.
    if (slot === this.#values.length) this.#values.push(undefined);
    this.#slots.set(key, slot);
    return slot;
  }
}
