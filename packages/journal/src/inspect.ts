import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { JournalEntry } from '@tierwise/hierarchy';
import { codeOf } from './errors.js';
import { parseName, type SegmentName } from './format.js';
import { covers, merge } from './ranges.js';
import { readSegment, type SegmentContent, tornEnd } from './segment.js';

/** A segment as somebody sees it who only looks. */
export interface InspectedSegment {
  readonly name: string;
  readonly bytes: number;
  readonly content: SegmentContent;
}

export interface InspectedLog {
  readonly segments: readonly InspectedSegment[];
  readonly isSettled: (entry: JournalEntry) => boolean;
}

/** How often, and after how many milliseconds each, a torn end is looked at again: it may be just being written. */
const LOOKS = 10;
const LOOK_MS = 50;

/** Reads a log without a lock and without a change: it may be in use. Rejects with an error of the system. */
export async function inspectLog(directory: string): Promise<InspectedLog> {
  const segments: InspectedSegment[] = [];
  for (const name of (await readdir(directory)).sort()) {
    const parsed = parseName(name);
    const segment = parsed && (await inspectSegment(directory, name, parsed));
    if (segment !== undefined) segments.push(segment);
  }
  const settled = merge(segments.flatMap(({ content }) => (content.status === 'read' ? content.settled : [])));
  return { segments, isSettled: ({ number }) => covers(settled, number) };
}

/** `undefined`: it was removed meanwhile. */
async function inspectSegment(
  directory: string,
  name: string,
  parsed: SegmentName,
): Promise<InspectedSegment | undefined> {
  try {
    let bytes = await readFile(join(directory, name));
    let content = await readSegment(parsed, bytes);
    for (let look = 1; look < LOOKS && isTorn(content, bytes.length); look += 1) {
      await pause(LOOK_MS);
      const before = bytes;
      bytes = await readFile(join(directory, name));
      if (before.equals(bytes)) break;
      content = await readSegment(parsed, bytes);
    }
    return { name, bytes: bytes.length, content };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function isTorn(content: SegmentContent, bytes: number): boolean {
  return content.status !== 'read' || tornEnd(content.damages, bytes) !== undefined;
}
