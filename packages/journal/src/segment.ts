import type { JournalEntry } from '@tierwise/hierarchy';
import { decodeHeader, HEADER_BYTES, type SegmentName, VERSION } from './format.js';
import { type Damage, FRAME_BYTES, scanFrames } from './frame.js';
import { decodeRanges, type Range } from './ranges.js';
import { decodeRecord, KIND } from './record.js';

/** What is in a segment's file. */
export type SegmentContent =
  | {
      readonly status: 'read';
      /** `undefined`: the header is damaged, and nothing else says it. */
      readonly createdAt: number | undefined;
      readonly entries: readonly JournalEntry[];
      /** Numbers that are settled, of this segment and others. */
      readonly settled: readonly Range[];
      readonly damages: readonly Damage[];
    }
  /** A newer version of the format: none of our business. */
  | { readonly status: 'newer'; readonly version: number }
  /** Too short for a header: whoever began it died before anything was in it. */
  | { readonly status: 'begun' }
  /** Neither header nor frame: somebody else's, or lost altogether. */
  | { readonly status: 'foreign' };

/** After so many bytes, others have their turn: some milliseconds. */
const BYTES_A_TURN = 1 << 20;

/** Reads a segment: every frame that is whole, whatever is around it. Values are views of `bytes`. */
export async function readSegment(name: SegmentName, bytes: Buffer): Promise<SegmentContent> {
  const header = decodeHeader(bytes);
  if (header !== undefined && header.version > VERSION) return { status: 'newer', version: header.version };
  const entries: JournalEntry[] = [];
  const settled: Range[] = [];
  const damages: Damage[] = [];
  let frames = 0;
  let turnEnds = BYTES_A_TURN;
  for (const found of scanFrames(bytes, header?.marker ?? name.marker, header === undefined ? 0 : HEADER_BYTES)) {
    if (found.offset > turnEnds) {
      turnEnds = found.offset + BYTES_A_TURN;
      await new Promise(setImmediate);
    }
    if ('detail' in found) {
      damages.push(header === undefined && found.offset === 0 ? { ...found, detail: 'the header is damaged' } : found);
      continue;
    }
    frames += 1;
    const { kind, number, body, offset } = found;
    const ranges = kind === KIND.settled ? decodeRanges(body) : undefined;
    const record = kind === KIND.settled ? undefined : decodeRecord(kind, body);
    if (ranges !== undefined) for (const range of ranges) settled.push(range);
    else if (record !== undefined) entries.push({ number, record });
    else
      damages.push({ offset, bytes: FRAME_BYTES + body.length, detail: `a frame of kind ${kind} is not understood` });
  }
  if (header === undefined && frames === 0) return { status: bytes.length < HEADER_BYTES ? 'begun' : 'foreign' };
  return { status: 'read', createdAt: header?.createdAt ?? entries[0]?.record.at, entries, settled, damages };
}

/** The damage that reaches the end of the file, if there is one: where a writer died, most likely. */
export function tornEnd(damages: readonly Damage[], bytes: number): Damage | undefined {
  const last = damages.at(-1);
  return last !== undefined && last.offset + last.bytes === bytes ? last : undefined;
}
