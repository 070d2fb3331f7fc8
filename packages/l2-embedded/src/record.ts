import { createHash } from 'node:crypto';

/**
 * An entry as it lies in LMDB, all numbers little-endian:
 *
 * ```
 *  0  2  magic 'TE'
 *  2  1  format, 1
 *  3  1  kind: 1 written, 2 filled, 0 unknown (of versions that did not tell)
 *  4  8  version      (double, as are the times below: milliseconds of the store's clock)
 * 12  8  writtenAt
 * 20  8  staleAt
 * 28  8  goneAt
 * 36  4  length of the namespace in bytes
 * 40  4  length of the key in bytes
 * 44  4  length of the value in bytes
 * 48     namespace, key, value
 * ```
 *
 * LMDB never shows a torn write, so there is no checksum; what is checked is whether the bytes are a record at all,
 * whole, and the record that was asked for.
 */
export interface EntryRecord {
  /** Whether it was loaded (a fill) or written, by a replay or a commit too. */
  readonly kind: EntryKind;
  readonly version: number;
  readonly writtenAt: number;
  readonly staleAt: number;
  readonly goneAt: number;
  readonly namespace: string;
  readonly key: string;
  readonly bytes: Uint8Array;
}

export type EntryKind = (typeof KINDS)[number];

/** Bytes that are no record, or not the one that belongs there. */
export interface DamagedRecord {
  readonly damage: string;
  /** Stands in for the version: the same for the same bytes, so that a lease can be asked for "not this". */
  readonly version: number;
}

const MAGIC = 0x4554;
const FORMAT = 1;
const KINDS = ['unknown', 'write', 'fill'] as const;
const HEADER_BYTES = 48;

export function encodeRecord(record: EntryRecord): Buffer {
  const namespaceBytes = Buffer.byteLength(record.namespace);
  const keyBytes = Buffer.byteLength(record.key);
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + namespaceBytes + keyBytes + record.bytes.byteLength);
  buffer.writeUInt16LE(MAGIC, 0);
  buffer[2] = FORMAT;
  buffer[3] = KINDS.indexOf(record.kind);
  buffer.writeDoubleLE(record.version, 4);
  buffer.writeDoubleLE(record.writtenAt, 12);
  buffer.writeDoubleLE(record.staleAt, 20);
  buffer.writeDoubleLE(record.goneAt, 28);
  buffer.writeUInt32LE(namespaceBytes, 36);
  buffer.writeUInt32LE(keyBytes, 40);
  buffer.writeUInt32LE(record.bytes.byteLength, 44);
  buffer.write(record.namespace, HEADER_BYTES);
  buffer.write(record.key, HEADER_BYTES + namespaceBytes);
  buffer.set(record.bytes, HEADER_BYTES + namespaceBytes + keyBytes);
  return buffer;
}

/** Reads a record. The value is a view of `buffer`, which must not be reused. */
export function decodeRecord(buffer: Buffer): EntryRecord | DamagedRecord {
  const damage = findDamage(buffer);
  if (damage !== undefined) return damagedRecord(buffer, damage);
  const namespaceEnd = HEADER_BYTES + buffer.readUInt32LE(36);
  const keyEnd = namespaceEnd + buffer.readUInt32LE(40);
  return {
    kind: KINDS[buffer[3] ?? 0] ?? 'unknown',
    version: buffer.readDoubleLE(4),
    writtenAt: buffer.readDoubleLE(12),
    staleAt: buffer.readDoubleLE(20),
    goneAt: buffer.readDoubleLE(28),
    namespace: buffer.toString('utf8', HEADER_BYTES, namespaceEnd),
    key: buffer.toString('utf8', namespaceEnd, keyEnd),
    bytes: buffer.subarray(keyEnd),
  };
}

/** As {@link decodeRecord}, for a record that must be the one of this namespace and key. */
export function decodeRecordOf(buffer: Buffer, namespace: string, key: string): EntryRecord | DamagedRecord {
  const record = decodeRecord(buffer);
  if ('damage' in record || (record.namespace === namespace && record.key === key)) return record;
  return damagedRecord(buffer, 'the record belongs to another key');
}

function findDamage(buffer: Buffer): string | undefined {
  if (buffer.length < HEADER_BYTES) return `${buffer.length} bytes are too short for a record`;
  if (buffer.readUInt16LE(0) !== MAGIC) return 'the bytes are not a record of this backend';
  if (buffer[2] !== FORMAT) return `the record has the unknown format ${buffer[2]}`;
  const length = HEADER_BYTES + buffer.readUInt32LE(36) + buffer.readUInt32LE(40) + buffer.readUInt32LE(44);
  if (buffer.length !== length) return `the record should have ${length} bytes, but has ${buffer.length}`;
  const version = buffer.readDoubleLE(4);
  if (!Number.isSafeInteger(version) || version < 1) return 'the version is no version';
  const times = [buffer.readDoubleLE(12), buffer.readDoubleLE(20), buffer.readDoubleLE(28)];
  if (!times.every((time) => Number.isSafeInteger(time) && time >= 0)) return 'the times are no times';
  return undefined;
}

function damagedRecord(buffer: Buffer, damage: string): DamagedRecord {
  return { damage, version: createHash('sha256').update(buffer).digest().readUIntBE(0, 6) + 1 };
}
