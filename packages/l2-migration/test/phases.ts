import type { L2 } from '@tierwise/l2';
import { type MigratingL2, migrateL2 } from '../src/index.js';
import type { MigrateL2Options } from '../src/options.js';
import type { MigrationPhase } from '../src/phase.js';
import { encodeRecord } from '../src/record.js';
import { RecordStore } from '../src/record-store.js';

/** An L2 that is opened by nobody but a test. */
export async function opened<T extends L2>(l2: T, origin = 'operator'): Promise<T> {
  await l2.open({ origin, onNews: () => {}, onFeedState: () => {} });
  return l2;
}

/** Puts the record of a phase where nodes will find it. */
export async function putRecord(
  from: L2,
  phase: MigrationPhase,
  percentage: number,
  epoch = 7,
  id = 'default',
): Promise<void> {
  const { namespace } = new RecordStore({ from, to: from }, id);
  const bytes = encodeRecord({ epoch, run: 'run', phase, percentage });
  const [written] = await from.write(namespace, [{ key: 'record', bytes, freshMs: 600_000, keepMs: 600_000 }]);
  if (written?.status !== 'stored') throw new Error('the record was not stored');
}

/** A migration with times short enough for tests. */
export function quick(from: L2, to: L2, more: Partial<MigrateL2Options> = {}): MigratingL2 {
  return migrateL2({ from, to, trustFor: 600, callTimeout: 5_000, compareShare: 0, ...more });
}
