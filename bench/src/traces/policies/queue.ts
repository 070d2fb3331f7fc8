/**
 * Where each key stands in a queue. Shared by the queues of a policy, since a key is in one of them at most. Each queue is a
 * ring through a place of its own behind the last key, so that no end is a special case.
 */
export class Links {
  readonly next: Int32Array;
  readonly previous: Int32Array;
  #nextPlace: number;

  constructor(keys: number, queues: number) {
    this.next = new Int32Array(keys + queues).fill(-1);
    this.previous = new Int32Array(keys + queues).fill(-1);
    this.#nextPlace = keys;
  }

  /** An empty queue over these keys. */
  queue(): Queue {
    return new Queue(this, this.#nextPlace++);
  }
}

/** Keys in an order; `-1` stands for no key. */
export class Queue {
  readonly #links: Links;
  readonly #place: number;
  size = 0;

  constructor(links: Links, place: number) {
    this.#links = links;
    this.#place = place;
    links.next[place] = place;
    links.previous[place] = place;
  }

  pushFront(key: number): void {
    const { next, previous } = this.#links;
    const first = next[this.#place] as number;
    next[this.#place] = key;
    previous[key] = this.#place;
    next[key] = first;
    previous[first] = key;
    this.size++;
  }

  /** Takes out a key that is in this queue. */
  remove(key: number): void {
    const { next, previous } = this.#links;
    const after = next[key] as number;
    const before = previous[key] as number;
    next[before] = after;
    previous[after] = before;
    this.size--;
  }

  /** Moves a key of this queue to its front. */
  toFront(key: number): void {
    this.remove(key);
    this.pushFront(key);
  }

  /** The key that stands last. */
  get back(): number {
    return this.before(this.#place);
  }

  /** Takes the last key out. */
  popBack(): number {
    const key = this.back;
    if (key !== -1) this.remove(key);
    return key;
  }

  /** The key one place nearer to the front than a key. */
  before(key: number): number {
    const before = this.#links.previous[key] as number;
    return before === this.#place ? -1 : before;
  }
}
