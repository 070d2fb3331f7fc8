import type { L2Moment } from '@tierwise/l2';

/**
 * What a node has heard of the store's order of events: the identity of the store, and the highest of its numbers. It is kept in
 * memory, so that it can be told while the disk fails.
 */
export class Moments {
  #life: string | undefined;
  #number = 0;

  /** To be told when the store is opened. */
  begin(life: string): void {
    this.#life = life;
  }

  /** To be told of numbers that are committed. */
  hear(number: number): void {
    if (number > this.#number) this.#number = number;
  }

  /** The last moment that was heard of; `''` before the store was open. */
  last(): L2Moment {
    return this.#life === undefined ? '' : `${this.#life}.${this.#number}`;
  }
}

/** The number of a moment of this store, which has handed out numbers up to `last`; `undefined` where it cannot tell. */
export function numberAt(moment: L2Moment, life: string, last: number): number | undefined {
  if (typeof moment !== 'string' || !moment.startsWith(`${life}.`)) return undefined;
  const digits = moment.slice(life.length + 1);
  return /^\d{1,16}$/.test(digits) && Number(digits) <= last ? Number(digits) : undefined;
}
