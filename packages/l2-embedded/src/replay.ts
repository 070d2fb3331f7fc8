import {
  checkReplays,
  type L2Replay,
  type L2Replayed,
  type L2ReplayWrite,
  type L2Write,
  MAX_LIFE_MS,
} from '@tierwise/l2';
import { partsOf } from './batches.js';
import { isUnnotedSince } from './deletions.js';
import { deleteEntry, isThere, storeEntry } from './entries.js';
import { evict } from './expiry.js';
import { storeKey } from './key-codec.js';
import { revoke } from './lease-table.js';
import { numberAt } from './moments.js';
import { NAME } from './options.js';
import { decodeRecordOf, type EntryKind } from './record.js';
import type { Space } from './space.js';
import { BYTES_A_STEP, checkedSpace, EVICTIONS_A_STEP, KEYS_A_STEP, type Steps } from './steps.js';
import type { Transaction } from './transaction.js';

/** Replay: what could not be written when it should have been is stored, unless something happened since. */
export function replayIn(steps: Steps): L2Replay {
  return {
    moment: () => steps.node.moments.last(),

    async replay(namespace, entries, options) {
      const { sweeper } = steps.enter(options);
      const space = checkedSpace(namespace);
      checkReplays(NAME, entries);
      const { maxBytes } = steps.node.options;
      let isOverCap = false;
      const parts = partsOf(entries, KEYS_A_STEP, (entry) => entry.bytes.byteLength, BYTES_A_STEP);
      const replayed = await steps.inSteps('replay', parts, options, (txn, part) => {
        const firstVersion = txn.counters.lastNumber + 1;
        const answers = part.map((entry) => replayEntry(txn, space, entry, maxBytes));
        isOverCap = !evict(txn, maxBytes, EVICTIONS_A_STEP, firstVersion);
        return answers;
      });
      if (isOverCap) sweeper.hurry();
      else if (entries.length > 0) sweeper.expect(shortestLife(entries));
      return replayed;
    },
  };
}

/** The life of the entry that goes first, in milliseconds. */
export function shortestLife(entries: readonly Pick<L2Write, 'keepMs'>[]): number {
  return entries.reduce((least, { keepMs }) => Math.min(least, keepMs), MAX_LIFE_MS);
}

function replayEntry(txn: Transaction, space: Space, write: L2ReplayWrite, maxBytes: number): L2Replayed {
  const key = storeKey(space.prefix, write.key);
  revoke(txn, key);
  const since = numberAt(write.since, txn.tables.life(), txn.counters.lastNumber);
  const entry = entryOf(txn, space, write.key, key);
  const canTell = since !== undefined && entry !== 'damaged';
  const isNewer = canTell && entry !== undefined && entry.version > since;
  if (isNewer && entry.kind === 'write') return { status: 'kept' };
  if (!canTell || isNewer || !isUnnotedSince(txn, key, since)) {
    if (entry !== undefined) deleteEntry(txn, space, write.key);
    return { status: 'dropped' };
  }
  return { status: 'stored', version: storeEntry(txn, space, write, 'write', maxBytes) };
}

function entryOf(
  txn: Transaction,
  space: Space,
  name: string,
  key: Buffer,
): { readonly version: number; readonly kind: EntryKind } | 'damaged' | undefined {
  const bytes = txn.tables.entries.getBinary(key);
  if (bytes === undefined) return undefined;
  const record = decodeRecordOf(bytes, space.namespace, name);
  if (!isThere(record, txn.now)) return undefined;
  return 'damage' in record ? 'damaged' : record;
}
