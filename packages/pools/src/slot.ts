/** One connection, and what its pool knows about it. */
export interface Slot<T> {
  readonly connection: T;
  state: 'idle' | 'borrowed' | 'checking' | 'ending';
  /** When it becomes too old to be lent. */
  readonly diesAt: number;
  /** When it was given back, or made. */
  idleSince: number;
  borrowedAt: number;
  /** Counts how often it was borrowed, so that nobody gives back what another one holds. */
  turn: number;
  /** It ended by itself while it was borrowed or checked. */
  lost: boolean;
}

/**
 * The idle connections, in the order in which they became idle. The one that was used last is lent first, so that those which are not needed
 * grow old together and can go.
 */
export class Shelf<T> {
  readonly #slots: Slot<T>[] = [];

  get size(): number {
    return this.#slots.length;
  }

  put(slot: Slot<T>): void {
    slot.state = 'idle';
    let index = this.#slots.length;
    // After a check, a connection goes back to where it was, so that checks do not keep it alive.
    while (index > 0 && (this.#slots[index - 1]?.idleSince ?? 0) > slot.idleSince) index--;
    if (index === this.#slots.length) this.#slots.push(slot);
    else this.#slots.splice(index, 0, slot);
  }

  take(): Slot<T> | undefined {
    return this.#slots.pop();
  }

  remove(slot: Slot<T>): void {
    const index = this.#slots.indexOf(slot);
    if (index >= 0) this.#slots.splice(index, 1);
  }

  [Symbol.iterator](): IterableIterator<Slot<T>> {
    return this.#slots.values();
  }
}
