import { createHash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * The bytes of a snapshot, all numbers little-endian; docs/snapshots.md is their specification.
 *
 * ```
 * file    := header record{count} end
 * header  := 'TWSN' <format 1> <flags 1> <namespace's length 2> <taken at 8> <count 4> <namespace> <CRC-32 of all that 4>
 * record  := <body's length 4> <CRC-32 of the body 4> <body>
 * end     := FF FF FF FF <SHA-256 of the header and the first 8 bytes of each record 32>
 * body    := <fresh 8> <keep 8> <l1 8> <age 8> <namespace's length 2> <id's length 2> <name's length 4> <value's length 4>
 *            <namespace> <id> <name> <value>
 * ```
 *
 * The SHA-256 goes over the checksums of the records, not over their bodies: whether a file is whole is known without reading all of it,
 * and damage within one record costs that record alone.
 */
export interface SnapshotHeader {
  /** Milliseconds of the wall clock of the machine that took it. */
  readonly takenAt: number;
  readonly count: number;
  /** The hierarchy's. */
  readonly namespace: string;
  /** The hierarchy had an L2, so that there are no values: L2 has them. */
  readonly overL2: boolean;
  /** Keys and values are sealed. */
  readonly sealed: boolean;
  /** Names are hidden: each record has its key sealed. */
  readonly hidden: boolean;
}

/** An entry of L1, as it was when the snapshot was taken. */
export interface SnapshotRecord {
  readonly namespace: string;
  /** The key, as it is called within Tierwise: itself, or its keyed hash. */
  readonly id: string;
  /** The user's key, packed and sealed, where names are hidden; else empty. */
  readonly name: Uint8Array;
  /** The packed value, where there was no L2; else empty. */
  readonly value: Uint8Array;
  /** For how long it was still fresh, would still be kept, and would still be answered by L1, in milliseconds. */
  readonly freshMs: number;
  readonly keepMs: number;
  readonly l1Ms: number;
  readonly ageMs: number;
}

const FORMAT = 1;
const MAGIC = Buffer.from('TWSN');
/** What all headers begin with: how long the rest is, is known from it. */
export const HEADER_START_BYTES = 20;
const CHECKSUM_BYTES = 4;
export const FRAME_BYTES = 8;
const END_MARK = 0xff_ff_ff_ff;
const HASH_BYTES = 32;
/** After the four bytes that stand where a record's length would. */
export const END_REST_BYTES = 4 + HASH_BYTES - FRAME_BYTES;
const BODY_START_BYTES = 44;
/** More than any record can have: an L2 takes 64 MiB for a value, and names are far shorter. */
const MAX_BODY_BYTES = 80 * 1024 * 1024;
const OVER_L2 = 1;
const SEALED = 2;
const HIDDEN = 4;

export function encodeHeader(header: SnapshotHeader): Buffer {
  const namespace = Buffer.from(header.namespace);
  const bytes = Buffer.alloc(HEADER_START_BYTES + namespace.length + CHECKSUM_BYTES);
  MAGIC.copy(bytes);
  bytes[4] = FORMAT;
  bytes[5] = (header.overL2 ? OVER_L2 : 0) | (header.sealed ? SEALED : 0) | (header.hidden ? HIDDEN : 0);
  bytes.writeUInt16LE(namespace.length, 6);
  bytes.writeDoubleLE(header.takenAt, 8);
  bytes.writeUInt32LE(header.count, 16);
  namespace.copy(bytes, HEADER_START_BYTES);
  const end = bytes.length - CHECKSUM_BYTES;
  bytes.writeUInt32LE(crc32(bytes.subarray(0, end)), end);
  return bytes;
}

/** How long the whole header is, from its beginning; or why it is none. */
export function headerLength(start: Buffer): number | 'foreign' | 'newer' {
  if (start.length < HEADER_START_BYTES || !start.subarray(0, 4).equals(MAGIC)) return 'foreign';
  if (start[4] !== FORMAT) return 'newer';
  return HEADER_START_BYTES + start.readUInt16LE(6) + CHECKSUM_BYTES;
}

/** @returns `undefined` for one that is damaged. */
export function decodeHeader(bytes: Buffer): SnapshotHeader | undefined {
  const end = bytes.length - CHECKSUM_BYTES;
  if (bytes.readUInt32LE(end) !== crc32(bytes.subarray(0, end))) return undefined;
  const flags = bytes[5] ?? 0;
  return {
    takenAt: bytes.readDoubleLE(8),
    count: bytes.readUInt32LE(16),
    namespace: bytes.toString('utf8', HEADER_START_BYTES, end),
    overL2: (flags & OVER_L2) !== 0,
    sealed: (flags & SEALED) !== 0,
    hidden: (flags & HIDDEN) !== 0,
  };
}

/** A record with its frame in front. */
export function encodeRecord(record: SnapshotRecord): Buffer {
  const namespace = Buffer.from(record.namespace);
  const id = Buffer.from(record.id);
  const { name, value } = record;
  const bodyBytes = BODY_START_BYTES + namespace.length + id.length + name.length + value.length;
  const bytes = Buffer.allocUnsafe(FRAME_BYTES + bodyBytes);
  let at = FRAME_BYTES;
  for (const ms of [record.freshMs, record.keepMs, record.l1Ms, record.ageMs]) at = bytes.writeDoubleLE(ms, at);
  at = bytes.writeUInt16LE(namespace.length, at);
  at = bytes.writeUInt16LE(id.length, at);
  at = bytes.writeUInt32LE(name.length, at);
  at = bytes.writeUInt32LE(value.length, at);
  for (const part of [namespace, id, name, value]) {
    bytes.set(part, at);
    at += part.length;
  }
  bytes.writeUInt32LE(bodyBytes, 0);
  bytes.writeUInt32LE(crc32(bytes.subarray(FRAME_BYTES)), 4);
  return bytes;
}

/** How long the body behind a frame is; `'end'` where the records end; `undefined` for what is neither. */
export function bodyLength(frame: Buffer): number | 'end' | undefined {
  const length = frame.readUInt32LE(0);
  if (length === END_MARK) return 'end';
  return length >= BODY_START_BYTES && length <= MAX_BODY_BYTES ? length : undefined;
}

/** @returns `undefined` for one that is damaged. */
export function decodeBody(frame: Buffer, body: Buffer): SnapshotRecord | undefined {
  if (frame.readUInt32LE(4) !== crc32(body)) return undefined;
  const [namespaceBytes, idBytes] = [body.readUInt16LE(32), body.readUInt16LE(34)];
  const [nameBytes, valueBytes] = [body.readUInt32LE(36), body.readUInt32LE(40)];
  const idAt = BODY_START_BYTES + namespaceBytes;
  const nameAt = idAt + idBytes;
  const valueAt = nameAt + nameBytes;
  if (valueAt + valueBytes !== body.length) return undefined;
  return {
    freshMs: body.readDoubleLE(0),
    keepMs: body.readDoubleLE(8),
    l1Ms: body.readDoubleLE(16),
    ageMs: body.readDoubleLE(24),
    namespace: body.toString('utf8', BODY_START_BYTES, idAt),
    id: body.toString('utf8', idAt, nameAt),
    name: body.subarray(nameAt, valueAt),
    value: body.subarray(valueAt),
  };
}

/** The checksum of a whole file: of its header, and of the frames of its records. */
export class FileChecksum {
  readonly #hash: Hash = createHash('sha256');

  add(headerOrFrame: Buffer): void {
    this.#hash.update(headerOrFrame);
  }

  /** What a file ends with. */
  end(): Buffer {
    const mark = Buffer.alloc(4);
    mark.writeUInt32LE(END_MARK, 0);
    return Buffer.concat([mark, this.#hash.digest()]);
  }
}
