import { type BadBytes, bad } from './bad-bytes.js';

/**
 * The envelope's fixed part and what follows it up to the body. `docs/format.md` is its specification; change both together,
 * and add a golden file.
 */

/** `\x89TWV`: no text and no MessagePack map, list or string begins like that. */
const MAGIC = 0x89_54_57_56;
const FORMAT_VERSION = 1;
const FIXED_BYTES = 30;
export const NONCE_BYTES = 24;
const MAX_TAGS = 0xffff;

const SEALED = 0b0000_0001;
const SEALED_TAGS = 0b0000_0010;
const KNOWN_FLAGS = SEALED | SEALED_TAGS;

export interface Header {
  /** How the value became a payload: {@link ENCODING}. */
  readonly encoding: number;
  /** How the payload was compressed: `COMPRESSION` of compress.ts. */
  readonly compression: number;
  /** The generation that the value's node knew when its load or write began. */
  readonly generation: number;
  readonly tags: readonly string[];
  /** The payload's length in bytes before compression. */
  readonly payloadLength: number;
  /** The length of what follows the header: the stored body, without the checksum. */
  readonly bodyLength: number;
  /** Present when the body is sealed. */
  readonly seal?: HeaderSeal | undefined;
}

interface HeaderSeal {
  readonly keyId: string;
  readonly nonce: Uint8Array;
  /** Whether the sealed part begins with a list of tags. */
  readonly hasTags: boolean;
}

/** Encodings by their number on the wire: append only. */
export const ENCODING = { messagePack: 1 } as const;

/** Where a value is stored. Bound to its bytes, so that they are a miss anywhere else. */
export interface Place {
  readonly namespace: string;
  readonly key: string;
}

/** A body that passed its check, checksum or seal. */
export interface Opened {
  readonly ok: true;
  readonly body: Uint8Array;
  readonly sealedTags: readonly string[];
}

/** What has been read of a header. */
export interface HeaderRead {
  readonly ok: true;
  readonly header: Header;
  readonly headerLength: number;
}

/** The header's bytes, with `extra` uninitialised ones after it for the body to be put in place. */
export function writeHeader(header: Header, extra: number): { readonly bytes: Buffer; readonly headerLength: number } {
  const { seal, tags } = header;
  checkTagCount(tags);
  const keyIdLength = seal === undefined ? 0 : Buffer.byteLength(seal.keyId);
  const sealLength = seal === undefined ? 0 : 1 + keyIdLength + NONCE_BYTES;
  const headerLength = FIXED_BYTES + namesLength(tags) + sealLength;

  // Of Node's pool, if it is small: most go out and are forgotten. Whoever keeps it makes a copy.
  const bytes = Buffer.allocUnsafe(headerLength + extra);
  bytes.writeUInt32BE(MAGIC, 0);
  bytes[4] = FORMAT_VERSION;
  bytes[5] = (seal === undefined ? 0 : SEALED) | (seal?.hasTags === true ? SEALED_TAGS : 0);
  bytes[6] = header.encoding;
  bytes[7] = header.compression;
  bytes.writeUInt32BE(Math.floor(header.generation / 2 ** 32), 8);
  bytes.writeUInt32BE(header.generation % 2 ** 32, 12);
  bytes.writeUInt32BE(header.payloadLength, 16);
  bytes.writeUInt32BE(header.bodyLength, 20);
  bytes.writeUInt32BE(headerLength, 24);
  bytes.writeUInt16BE(tags.length, 28);
  const at = writeNames(bytes, FIXED_BYTES, tags);
  if (seal !== undefined) {
    bytes[at] = keyIdLength;
    bytes.write(seal.keyId, at + 1);
    bytes.set(seal.nonce, at + 1 + keyIdLength);
  }
  return { bytes, headerLength };
}

/** Reads a header, and checks that the bytes are as long as it says, with a checksum of `checksumBytes` when not sealed. */
export function readHeader(bytes: Buffer, checksumBytes: number): HeaderRead | BadBytes {
  const beginning = Math.min(bytes.length, 4);
  for (let i = 0; i < beginning; i += 1) {
    if (bytes[i] !== ((MAGIC >>> (24 - 8 * i)) & 0xff)) return bad('foreign', 'they do not begin with the magic bytes');
  }
  const version = bytes[4];
  if (version === undefined) return bad('truncated', `there are only ${bytes.length} bytes`);
  if (version > FORMAT_VERSION) return bad('newer-format', `they are of format version ${version}`);
  if (version === 0) return bad('malformed', 'they are of format version 0');
  if (bytes.length < FIXED_BYTES) return bad('truncated', `there are only ${bytes.length} bytes`);

  const flags = bytes.readUInt8(5);
  if ((flags & ~KNOWN_FLAGS) !== 0) return bad('newer-format', `they have the unknown flags ${flags}`);
  const sealed = (flags & SEALED) !== 0;
  const bodyLength = bytes.readUInt32BE(20);
  const headerLength = bytes.readUInt32BE(24);
  const expected = headerLength + bodyLength + (sealed ? 0 : checksumBytes);
  if (bytes.length < expected) return bad('truncated', `there are ${bytes.length} of ${expected} bytes`);
  if (bytes.length > expected) return bad('malformed', `there are ${bytes.length} instead of ${expected} bytes`);

  const generation = bytes.readUInt32BE(8) * 2 ** 32 + bytes.readUInt32BE(12);
  if (!Number.isSafeInteger(generation)) return bad('malformed', 'their generation is out of range');
  if (!sealed && (flags & SEALED_TAGS) !== 0) return bad('malformed', 'they have sealed tags but no seal');

  const names = readNames(bytes, FIXED_BYTES, bytes.readUInt16BE(28), headerLength);
  if (names === undefined) return bad('malformed', 'their tags run past the header');
  let at = names.end;
  let seal: HeaderSeal | undefined;
  if (sealed) {
    const keyIdEnd = at + 1 + (bytes[at] ?? 0);
    if (keyIdEnd + NONCE_BYTES > headerLength) return bad('malformed', 'their key id runs past the header');
    seal = {
      keyId: bytes.toString('utf8', at + 1, keyIdEnd),
      nonce: bytes.subarray(keyIdEnd, keyIdEnd + NONCE_BYTES),
      hasTags: (flags & SEALED_TAGS) !== 0,
    };
    at = keyIdEnd + NONCE_BYTES;
  }
  if (at !== headerLength) return bad('malformed', 'their header is longer than what it holds');
  const header = {
    encoding: bytes.readUInt8(6),
    compression: bytes.readUInt8(7),
    generation,
    tags: names.names,
    payloadLength: bytes.readUInt32BE(16),
    bodyLength,
    seal,
  };
  return { ok: true, header, headerLength };
}

export function checkTagCount(tags: readonly string[]): void {
  if (tags.length > MAX_TAGS) throw new RangeError(`A value may have up to ${MAX_TAGS} tags, not ${tags.length}`);
}

/** How many bytes {@link writeNames} takes. */
export function namesLength(names: readonly string[]): number {
  let length = 0;
  for (const name of names) length += 4 + Buffer.byteLength(name);
  return length;
}

/** Writes names as length (32 bits) and UTF-8, one after another. @returns where they end */
export function writeNames(bytes: Buffer, start: number, names: readonly string[]): number {
  let at = start;
  for (const name of names) {
    const length = bytes.write(name, at + 4);
    bytes.writeUInt32BE(length, at);
    at += 4 + length;
  }
  return at;
}

const NO_NAMES: readonly string[] = [];

/** Reads what {@link writeNames} wrote; `undefined` when it runs past `limit`. */
export function readNames(
  bytes: Buffer,
  start: number,
  count: number,
  limit = bytes.length,
): { readonly names: readonly string[]; readonly end: number } | undefined {
  if (count === 0) return { names: NO_NAMES, end: start };
  const names: string[] = [];
  let at = start;
  for (let i = 0; i < count; i += 1) {
    if (at + 4 > limit) return undefined;
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > limit) return undefined;
    names.push(bytes.toString('utf8', at + 4, end));
    at = end;
  }
  return { names, end: at };
}
