import { createHash, randomBytes } from 'node:crypto';

/**
 * A segment is a file `<first>-<marker>.twj`: the least number that it may hold, in 16 digits, and its marker in hex. It
 * begins with a header of 64 bytes (all numbers little-endian), which frames follow:
 *
 * ```
 *  0  8  magic 'TWJOURNL'
 *  8  2  version, 1
 * 10  6  zero
 * 16  8  marker: random bytes, this segment's own
 * 24  8  when it was begun, milliseconds of the machine's wall clock (double)
 * 32 32  SHA-256 of the 32 bytes before
 * ```
 *
 * The first 64 bytes stay what they are in every later version, so that any version can tell what it cannot read.
 *
 * The marker begins each frame. Reading on behind damaged bytes means to look for the next one; nobody who chooses keys or
 * values can know it, so nothing within a value is ever taken for a frame. It is in the name as well, so that a damaged
 * header costs no record.
 */
const MAGIC = Buffer.from('TWJOURNL');
export const VERSION = 1;
export const HEADER_BYTES = 64;
export const MARKER_BYTES = 8;

const NAME = /^(\d{16})-([0-9a-f]{16})\.twj$/;

/** What a segment's name says. */
export interface SegmentName {
  readonly first: number;
  readonly marker: Buffer;
}

export function segmentName({ first, marker }: SegmentName): string {
  return `${String(first).padStart(16, '0')}-${marker.toString('hex')}.twj`;
}

/** `undefined`: the file is not ours. */
export function parseName(name: string): SegmentName | undefined {
  const [, first, marker] = NAME.exec(name) ?? [];
  return first === undefined || marker === undefined
    ? undefined
    : { first: Number(first), marker: Buffer.from(marker, 'hex') };
}

export function newMarker(): Buffer {
  return randomBytes(MARKER_BYTES);
}

export interface SegmentHeader {
  readonly version: number;
  readonly marker: Buffer;
  readonly createdAt: number;
}

export function encodeHeader({ version, marker, createdAt }: SegmentHeader): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header, 0);
  header.writeUInt16LE(version, 8);
  marker.copy(header, 16);
  header.writeDoubleLE(createdAt, 24);
  sha256(header.subarray(0, 32)).copy(header, 32);
  return header;
}

/** `undefined`: there is no whole header. Of a newer version, all but the version may mean something else. */
export function decodeHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, 8).equals(MAGIC)) return undefined;
  if (!sha256(bytes.subarray(0, 32)).equals(bytes.subarray(32, HEADER_BYTES))) return undefined;
  return {
    version: bytes.readUInt16LE(8),
    marker: bytes.subarray(16, 24),
    createdAt: bytes.readDoubleLE(24),
  };
}

export function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
