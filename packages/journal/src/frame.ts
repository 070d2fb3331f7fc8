import { MARKER_BYTES, sha256 } from './format.js';

/**
 * A frame, all numbers little-endian:
 *
 * ```
 *  0  8  the segment's marker
 *  8  4  length of the body in bytes
 * 12  8  the record's number; 0 for a note of what is settled
 * 20  1  kind
 * 21  3  zero
 * 24 32  SHA-256 of the 24 bytes before and the body
 * 56     body
 * ```
 */
export interface Frame {
  readonly kind: number;
  readonly number: number;
  readonly body: Buffer;
  readonly offset: number;
}

/** Bytes between frames that are none. */
export interface Damage {
  readonly offset: number;
  readonly bytes: number;
  readonly detail: string;
}

export const FRAME_BYTES = 56;
const SUM_AT = 24;

export function encodeFrame(marker: Buffer, kind: number, number: number, body: readonly Uint8Array[]): Buffer {
  const head = Buffer.alloc(FRAME_BYTES);
  marker.copy(head, 0);
  head.writeUInt32LE(
    body.reduce((bytes, part) => bytes + part.byteLength, 0),
    MARKER_BYTES,
  );
  head.writeBigUInt64LE(BigInt(number), 12);
  head[20] = kind;
  sha256(head.subarray(0, SUM_AT), ...body).copy(head, SUM_AT);
  return Buffer.concat([head, ...body]);
}

/**
 * All frames from an offset to the end, and the damage between them. Behind damage it goes on at the next marker
 * where a whole frame is.
 */
export function* scanFrames(bytes: Buffer, marker: Buffer, from: number): Generator<Frame | Damage> {
  let offset = from;
  while (offset < bytes.length) {
    const frame = frameAt(bytes, marker, offset);
    if (typeof frame !== 'string') {
      yield frame;
      offset += FRAME_BYTES + frame.body.length;
      continue;
    }
    let next = bytes.indexOf(marker, offset + 1);
    while (next !== -1 && typeof frameAt(bytes, marker, next) === 'string') next = bytes.indexOf(marker, next + 1);
    const end = next === -1 ? bytes.length : next;
    yield { offset, bytes: end - offset, detail: frame };
    offset = end;
  }
}

/** The frame at an offset, or why there is none. */
function frameAt(bytes: Buffer, marker: Buffer, offset: number): Frame | string {
  if (!bytes.subarray(offset, offset + MARKER_BYTES).equals(marker)) return 'no frame begins here';
  if (bytes.length < offset + FRAME_BYTES) return 'the frame is cut off';
  const end = offset + FRAME_BYTES + bytes.readUInt32LE(offset + MARKER_BYTES);
  if (end > bytes.length) return 'the frame is cut off, or its length is damaged';
  const body = bytes.subarray(offset + FRAME_BYTES, end);
  const sum = bytes.subarray(offset + SUM_AT, offset + FRAME_BYTES);
  if (!sha256(bytes.subarray(offset, offset + SUM_AT), body).equals(sum)) return 'the checksum is wrong';
  return { offset, body, kind: bytes[offset + 20] ?? 0, number: Number(bytes.readBigUInt64LE(offset + 12)) };
}
