import type { Side } from './phase.js';

/** Counts of this process, since it began. */
export interface MigrationReport {
  /** Keys that were looked at in both stores. */
  readonly compared: number;
  /** The same bytes in both. */
  readonly equal: number;
  /** Other bytes in the one than in the other, on a second look too. */
  readonly different: number;
  /** In `to` alone, which is what a key is like that was set when it had moved. */
  readonly missingInFrom: number;
  /** In `from` alone, which is what a key is like that was set before it moved, or loaded before values moved. */
  readonly missingInTo: number;
  /** Orders (writes, deletions, invalidations) that failed in the old store. The calls were rejected, and are made up for by the hierarchy. */
  readonly failedInFrom: number;
  /** The same for the new store. */
  readonly failedInTo: number;
  /** Keys that were found in the old store, and in the new one. */
  readonly readFrom: number;
  readonly readTo: number;
  /** Of them, those that the key's own store did not have, and the other one had. */
  readonly fellBack: number;
}

/** What the report is made of. */
export class Tally {
  readonly failed: Record<Side, number> = { from: 0, to: 0 };
  readonly read: Record<Side, number> = { from: 0, to: 0 };
  readonly onFailure: (side: Side, error: unknown) => void;
  fellBack = 0;
  compared = 0;
  equal = 0;
  different = 0;
  readonly missing: Record<Side, number> = { from: 0, to: 0 };

  constructor(onFailure: (side: Side, error: unknown) => void) {
    this.onFailure = onFailure;
  }

  /** Counts an order to a store if it fails. */
  async order<T>(side: Side, order: Promise<T>): Promise<T> {
    try {
      return await order;
    } catch (error) {
      this.failed[side] += 1;
      this.onFailure(side, error);
      throw error;
    }
  }

  report(): MigrationReport {
    const { compared, equal, different, missing, failed, read, fellBack } = this;
    return {
      ...{ compared, equal, different, missingInFrom: missing.from, missingInTo: missing.to },
      ...{ failedInFrom: failed.from, failedInTo: failed.to },
      ...{ readFrom: read.from, readTo: read.to, fellBack },
    };
  }
}
