import type { JournalEntry, JournalRecord } from '@tierwise/hierarchy';
import { sizeOf } from './record.js';

export interface BacklogBounds {
  readonly maxRecords: number;
  readonly maxBytes: number;
}

/** Records that are not on disk yet, in order. Some of them, the oldest, may be on their way. */
export class Backlog {
  readonly #bounds: BacklogBounds;
  /** By number, oldest first: a `Map` keeps the order of insertion. */
  #waiting = new Map<number, JournalRecord>();
  #bytes = 0;
  #writing = new Map<number, JournalRecord>();
  readonly #settledMeanwhile = new Set<number>();

  constructor(bounds: BacklogBounds) {
    this.#bounds = bounds;
  }

  /** Records, those on their way included. */
  get size(): number {
    return this.#waiting.size + this.#writing.size - this.#settledMeanwhile.size;
  }

  /** The lowest number that is not on disk, or `undefined`. */
  get first(): number | undefined {
    for (const number of this.#writing.keys()) return number;
    for (const number of this.#waiting.keys()) return number;
    return undefined;
  }

  get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  add(number: number, record: JournalRecord): void {
    this.#waiting.set(number, record);
    this.#bytes += sizeOf(record);
  }

  /** Some of the oldest, which are on their way from now on: as many as have so many bytes, but one at least. */
  take(maxBytes: number): readonly JournalEntry[] {
    let bytes = 0;
    for (const [number, record] of this.#waiting) {
      bytes += sizeOf(record);
      if (bytes > maxBytes && this.#writing.size > 0) break;
      this.#remove(number);
      this.#writing.set(number, record);
    }
    return entriesOf(this.#writing);
  }

  /** Those on their way have arrived. @returns which of them were settled meanwhile. */
  arrived(): readonly number[] {
    const settled = [...this.#settledMeanwhile];
    this.#settledMeanwhile.clear();
    this.#writing.clear();
    return settled;
  }

  /** Those on their way are back at the head of the line. */
  putBack(): void {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    this.#bytes = 0;
    for (const [number, record] of [...this.#writing, ...waiting]) {
      if (!this.#settledMeanwhile.has(number)) this.add(number, record);
    }
    this.arrived();
  }

  /** @returns whether it was here. */
  settle(number: number): boolean {
    if (this.#writing.has(number)) {
      this.#settledMeanwhile.add(number);
      return true;
    }
    return this.#remove(number);
  }

  /** Gives up the oldest until the bounds are kept. What is on its way counts, but stays. */
  shrink(): readonly JournalEntry[] {
    const given: JournalEntry[] = [];
    for (const [number, record] of this.#waiting) {
      if (this.#waiting.size <= this.#bounds.maxRecords && this.#bytes <= this.#bounds.maxBytes) break;
      this.#remove(number);
      given.push({ number, record });
    }
    return given;
  }

  /** Gives up all that are waiting and on their way. */
  clear(): readonly JournalEntry[] {
    this.putBack();
    const given = entriesOf(this.#waiting);
    this.#waiting.clear();
    this.#bytes = 0;
    return given;
  }

  #remove(number: number): boolean {
    const record = this.#waiting.get(number);
    if (record === undefined) return false;
    this.#bytes -= sizeOf(record);
    return this.#waiting.delete(number);
  }
}

function entriesOf(records: ReadonlyMap<number, JournalRecord>): readonly JournalEntry[] {
  return Array.from(records, ([number, record]) => ({ number, record }));
}
