/** A Set for what comes and goes all the time, which leaves nothing behind of what is gone: see `SlotMap` of `@tierwise/l1`. */
export class Bag<T extends object> {
  readonly #items: (T | undefined)[] = [];
  readonly #free: number[] = [];

  /** @returns how to take it out again. */
  add(item: T): () => void {
    const place = this.#free.pop() ?? this.#items.push(undefined) - 1;
    this.#items[place] = item;
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      this.#items[place] = undefined;
      this.#free.push(place);
    };
  }

  /** What is in it now. */
  items(): T[] {
    return this.#items.filter((item) => item !== undefined);
  }
}
