import type { L2Write } from '@tierwise/l2';
import type { Policy } from './policy.js';
import type { Space } from './space.js';
import { groundInL1 } from './transaction-l1.js';
import { groundInL2 } from './transaction-l2.js';

/**
 * Where the values of transactions are: in L2, or, without one, in L1. What both have in common is that a value's *identity* tells
 * whether it is still the one that was read.
 */
export interface Ground {
  /**
   * Reads all keys as of one moment: those that were read before, to see whether they still are what they were, and new ones.
   *
   * @returns per key what is there now. Nothing is told of values that have changed since: then `changed` names their keys.
   */
  look(before: ReadonlyMap<string, Look>, keys: readonly string[]): Promise<Looks>;

  /**
   * Changes everything if everything that was read is as it was, else nothing.
   *
   * @returns the keys that are not as they were; none where it was done.
   */
  commit(read: ReadonlyMap<string, Look>, changes: ReadonlyMap<string, Change>): Promise<readonly string[]>;
}

/** What a transaction has read of a key. */
export interface Look {
  /** The same as long as nobody changed the key; `undefined`: there is nothing. */
  readonly identity: unknown;
  /** Hands the value out, in the form that all reads do. `undefined`: there is none, or none that is fresh. */
  readonly value: () => unknown;
  /** Whether the value was invalidated since, by a tag or as a whole, as far as this node knows. Looked at after {@link Ground.look}. */
  readonly isDead: () => boolean;
  /** The tags of the value, as L2 knows them. */
  readonly tags: readonly string[];
}

export type Looks =
  | { readonly changed: readonly string[] }
  | { readonly changed?: undefined; readonly looks: ReadonlyMap<string, Look> };

/** What a transaction does to a key; `undefined` removes it. */
export type Change = { readonly id: string; readonly value: NewValue | undefined };

/** A value on its way, encoded when it was set. */
export interface NewValue {
  readonly payload: Uint8Array;
  readonly life: Pick<L2Write, 'freshMs' | 'keepMs'>;
  readonly policy: Policy;
  readonly userTags: readonly string[];
}

/** @param policy for what reads fill L1 with. */
export function groundOf(space: Space, policy: Policy): Ground {
  return space.core.guard === undefined ? groundInL1(space) : groundInL2(space, space.core.guard, policy);
}

/** The keys that died since they were read. */
export function deadOf(read: ReadonlyMap<string, Look>): string[] {
  return [...read].flatMap(([key, look]) => (look.isDead() ? [key] : []));
}
