/** A cache of numbered keys, of which only what it keeps is simulated. */
export interface Policy {
  /** Asks for a key, and offers it where it is missing. @returns whether it was there. */
  access(key: number): boolean;
}

/**
 * @param capacity how many keys it may keep.
 * @param keys all keys are below this number.
 */
export type MakePolicy = (capacity: number, keys: number) => Policy;
