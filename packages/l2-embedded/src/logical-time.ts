import type { L2Mark, L2MarkMode, L2Marks } from '@tierwise/l2';
import { MARK } from './expiry-index.js';
import { storeKey } from './key-codec.js';
import type { Space } from './space.js';
import type { Tables } from './tables.js';
import type { Transaction } from './transaction.js';

/**
 * A namespace's counter and its own marks: three doubles under its prefix. Never removed, so that nothing short of the
 * loss of the whole directory makes a node forget.
 */
interface Generation {
  readonly generation: number;
  readonly mark: L2Mark;
}

/** A tag's mark: three doubles under its store key. */
interface StoredMark extends L2Mark {
  readonly goneAt: number;
}

/**
 * What `marks` answers, if a snapshot can: when the counter exists and is not behind the caller, and no mark has to be
 * made or kept for longer. That takes no lock.
 */
export function marksOfSnapshot(
  tables: Tables,
  now: number,
  space: Space,
  tags: readonly string[],
  known: number,
): L2Marks | undefined {
  const current = readGeneration(tables, space);
  if (current === undefined || current.generation < known) return undefined;
  return answer(tables, now, space, tags, current);
}

/** Reads the counter and marks; makes the counter if it is missing, and with `ensureMs` the marks. */
export function marks(
  txn: Transaction,
  space: Space,
  tags: readonly string[],
  known: number,
  ensureMs: number | undefined,
): L2Marks {
  const current = ensureGeneration(txn, space, known);
  if (ensureMs !== undefined) {
    for (const tag of tags) keepMark(txn, storeKey(space.prefix, tag), current.generation, txn.now + ensureMs);
  }
  return answer(txn.tables, txn.now, space, tags, current);
}

/** Advances the counter and raises the marks that exist. */
export function advance(
  txn: Transaction,
  space: Space,
  tags: readonly string[] | null,
  mode: L2MarkMode,
  known: number,
): number {
  const current = ensureGeneration(txn, space, known);
  const generation = current.generation + 1;
  const mark = tags === null ? { ...current.mark, [mode]: generation } : current.mark;
  writeGeneration(txn, space, { generation, mark });
  for (const tag of tags ?? []) {
    const key = storeKey(space.prefix, tag);
    const known = readMark(txn.tables, txn.now, key);
    if (known !== undefined) txn.tables.marks.put(key, encodeMark({ ...known, [mode]: generation }));
  }
  txn.marked({ namespace: space.namespace, tags, mode, generation });
  return generation;
}

/** Makes all that was written so far stale, in every namespace, and advances all counters beyond what anyone can know. */
export function outdateGenerations(txn: Transaction): void {
  for (const { key, value } of [...txn.tables.generations.getRange({})]) {
    const generation = txn.nextNumber();
    txn.tables.generations.put(key, doubles(generation, value.readDoubleLE(8), generation));
  }
}

/** When a stored mark is gone. */
export function markGoneAt(bytes: Buffer): number {
  return decodeMark(bytes).goneAt;
}

function answer(tables: Tables, now: number, space: Space, tags: readonly string[], current: Generation): L2Marks {
  return {
    generation: current.generation,
    namespace: current.mark,
    tags: tags.map((tag) => {
      const mark = readMark(tables, now, storeKey(space.prefix, tag));
      return mark && { dead: mark.dead, stale: mark.stale };
    }),
  };
}

function ensureGeneration(txn: Transaction, space: Space, known: number): Generation {
  const current = readGeneration(txn.tables, space);
  if (current !== undefined && current.generation >= known) return current;
  const generation = current === undefined ? Math.max(known + 1, txn.nextNumber()) : known;
  // A lost counter: not knowing what was invalidated is treated as dead.
  const mark = current?.mark ?? { dead: generation, stale: generation };
  writeGeneration(txn, space, { generation, mark });
  return { generation, mark };
}

function keepMark(txn: Transaction, key: Buffer, generation: number, goneAt: number): void {
  const mark = readMark(txn.tables, txn.now, key);
  if (mark !== undefined && mark.goneAt >= goneAt) return;
  txn.tables.marks.put(key, encodeMark({ ...(mark ?? { dead: generation, stale: generation }), goneAt }));
  // One that is kept for longer keeps its row; the sweeper moves it.
  if (mark === undefined) txn.tables.expiry.put(MARK, goneAt, key);
}

function readGeneration(tables: Tables, space: Space): Generation | undefined {
  const bytes = tables.generations.getBinary(space.prefix);
  if (bytes === undefined) return undefined;
  return { generation: bytes.readDoubleLE(0), mark: { dead: bytes.readDoubleLE(8), stale: bytes.readDoubleLE(16) } };
}

function writeGeneration(txn: Transaction, space: Space, { generation, mark }: Generation): void {
  txn.remember(generation);
  txn.tables.generations.put(space.prefix, doubles(generation, mark.dead, mark.stale));
}

function readMark(tables: Tables, now: number, key: Buffer): StoredMark | undefined {
  const bytes = tables.marks.getBinary(key);
  if (bytes === undefined) return undefined;
  const mark = decodeMark(bytes);
  return mark.goneAt > now ? mark : undefined;
}

function encodeMark(mark: StoredMark): Buffer {
  return doubles(mark.goneAt, mark.dead, mark.stale);
}

function decodeMark(bytes: Buffer): StoredMark {
  return { goneAt: bytes.readDoubleLE(0), dead: bytes.readDoubleLE(8), stale: bytes.readDoubleLE(16) };
}

function doubles(...numbers: number[]): Buffer {
  const bytes = Buffer.allocUnsafe(numbers.length * 8);
  numbers.forEach((number, index) => {
    bytes.writeDoubleLE(number, index * 8);
  });
  return bytes;
}
