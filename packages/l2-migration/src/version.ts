import { type L2Read, L2UnavailableError } from '@tierwise/l2';
import type { Side } from './phase.js';

/**
 * A version as the hierarchy sees it: the store's own, doubled, and which store it is of. Versions of two stores are different numbers,
 * and one that was read here must never be taken for one of there.
 */
export function toOuter(backend: string, side: Side, version: number): number {
  const outer = version * 2 + (side === 'to' ? 1 : 0);
  if (Number.isSafeInteger(outer)) return outer;
  throw new L2UnavailableError(backend, `versions of the store '${side}' are too large for a migration (${version})`);
}

/** A store's own version, if it is one of that store. */
export function versionOf(side: Side, outer: number | undefined): number | undefined {
  return outer === undefined || sideOf(outer) !== side ? undefined : (outer - (side === 'to' ? 1 : 0)) / 2;
}

export function sideOf(outer: number): Side {
  return outer % 2 === 1 ? 'to' : 'from';
}

/** What a store answered, as the hierarchy is to see it. */
export function toOuterRead<T extends L2Read>(backend: string, side: Side, read: T): T {
  return read === undefined ? read : { ...read, version: toOuter(backend, side, read.version) };
}
