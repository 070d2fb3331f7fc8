import { type Linked, Recency } from './recency.js';

/** What tells one key from all others: the home of its entry, whatever that holds, and its name there. */
export interface GhostKey {
  readonly home: object;
  readonly id: string;
}

class Ghost implements Linked<Ghost> {
  readonly home: object;
  readonly id: string;
  newer: Ghost | undefined = undefined;
  older: Ghost | undefined = undefined;

  constructor({ home, id }: GhostKey) {
    this.home = home;
    this.id = id;
  }
}

/** Keys of entries that are no longer held, the latest ones. Never their values. */
export class Ghosts {
  readonly #order = new Recency<Ghost>();
  readonly #homes = new Map<object, Map<string, Ghost>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Remembers a key that is not remembered. */
  add(key: GhostKey): void {
    const ghost = new Ghost(key);
    let home = this.#homes.get(key.home);
    if (home === undefined) {
      home = new Map();
      this.#homes.set(key.home, home);
    }
    home.set(key.id, ghost);
    this.#order.add(ghost);
    this.#size += 1;
  }

  /** Forgets a key. @returns whether it was remembered. */
  delete(key: GhostKey): boolean {
    const home = this.#homes.get(key.home);
    const ghost = home?.get(key.id);
    if (home === undefined || ghost === undefined) return false;
    home.delete(key.id);
    if (home.size === 0) this.#homes.delete(key.home);
    this.#order.remove(ghost);
    this.#size -= 1;
    return true;
  }

  /** Forgets the keys that were added the longest ago until there are no more than so many. */
  trim(most: number): void {
    while (this.#size > most) {
      const { oldest } = this.#order;
      if (oldest === undefined) return;
      this.delete(oldest);
    }
  }

  clear(): void {
    this.#order.clear();
    this.#homes.clear();
    this.#size = 0;
  }
}
