import { join } from 'node:path';
import type { JournalEntry, JournalRecord } from '@tierwise/hierarchy';
import { parseName, type SegmentName } from './format.js';
import type { LogParts } from './log.js';
import { covers, merge, type Range } from './ranges.js';
import { readSegment, type SegmentContent, tornEnd } from './segment.js';

/** A segment on disk, as the log remembers it. */
export interface Segment {
  readonly name: string;
  readonly path: string;
  /** By the machine's wall clock. */
  readonly createdAt: number;
  /** The least number that it may hold. */
  readonly first: number;
  /** The highest number that it holds, or 0. */
  last: number;
  bytes: number;
  readonly unsettled: Set<number>;
  /** Whether it says of any record that it is settled. */
  hasNotes: boolean;
}

export interface LoadedLog {
  readonly segments: readonly Segment[];
  /** What is not settled, oldest first. */
  readonly entries: readonly JournalEntry[];
  readonly lastNumber: number;
}

interface ReadFile {
  readonly name: string;
  readonly path: string;
  readonly parsed: SegmentName;
  readonly bytes: number;
  readonly content: SegmentContent & { readonly status: 'read' };
}

type LoadParts = Pick<LogParts, 'disk' | 'clock' | 'tell'>;

/** Reads all segments of a directory. A torn end is cut; all other damage is told and stays, until its segment goes. */
export async function loadLog(directory: string, parts: LoadParts): Promise<LoadedLog> {
  const files: ReadFile[] = [];
  const records = new Map<number, JournalRecord>();
  const notes: Range[] = [];
  let lastNumber = 0;
  for (const name of [...(await parts.disk.list(directory))].sort()) {
    const parsed = parseName(name);
    if (parsed === undefined) continue;
    lastNumber = Math.max(lastNumber, parsed.first);
    const file = await readFile(name, join(directory, name), parsed, parts);
    if (file === undefined) continue;
    files.push(file);
    for (const range of file.content.settled) notes.push(range);
    for (const { number, record } of file.content.entries) {
      if (!records.has(number)) records.set(number, record);
    }
  }
  const settled = merge(notes);
  const segments = files.map((file) => toSegment(file, settled, parts.clock.now()));
  const entries = [...records]
    .filter(([number]) => !covers(settled, number))
    .sort(([a], [b]) => a - b)
    .map(([number, record]) => ({ number, record: ownCopy(record) }));
  return {
    segments,
    entries,
    lastNumber: segments.reduce((last, segment) => Math.max(last, segment.last), lastNumber),
  };
}

async function readFile(
  name: string,
  path: string,
  parsed: SegmentName,
  { disk, tell }: LoadParts,
): Promise<ReadFile | undefined> {
  const damaged = (offset: number, bytes: number, detail: string) =>
    tell({ type: 'damaged', file: path, offset, bytes, detail });
  let bytes: Buffer;
  try {
    bytes = await disk.read(path);
  } catch (error) {
    damaged(0, 0, `it cannot be read, and is left alone: ${error}`);
    return undefined;
  }
  const content = await readSegment(parsed, bytes);
  if (content.status === 'newer') {
    damaged(0, bytes.length, `its format is version ${content.version}, of a newer Tierwise: it is left alone`);
  } else if (content.status === 'foreign') {
    damaged(0, bytes.length, 'nothing in it can be read: it is left alone');
  } else if (content.status === 'begun') {
    await disk.remove(path).catch(() => {});
  }
  if (content.status !== 'read') return undefined;
  const torn = tornEnd(content.damages, bytes.length);
  for (const damage of content.damages) {
    damaged(
      damage.offset,
      damage.bytes,
      damage === torn ? `the end is torn and was cut: ${damage.detail}` : damage.detail,
    );
  }
  if (torn === undefined) return { name, path, parsed, content, bytes: bytes.length };
  await disk.truncate(path, torn.offset).catch(() => {});
  return { name, path, parsed, content, bytes: torn.offset };
}

function toSegment({ name, path, parsed, bytes, content }: ReadFile, settled: readonly Range[], now: number): Segment {
  const numbers = content.entries.map((entry) => entry.number);
  return {
    name,
    path,
    bytes,
    first: parsed.first,
    last: numbers.reduce((last, number) => Math.max(last, number), 0),
    createdAt: content.createdAt ?? now,
    unsettled: new Set(numbers.filter((number) => !covers(settled, number))),
    hasNotes: content.settled.length > 0,
  };
}

/** So that one small value does not keep a whole segment in memory. */
function ownCopy(record: JournalRecord): JournalRecord {
  return record.op === 'set' ? { ...record, bytes: Uint8Array.from(record.bytes) } : record;
}
