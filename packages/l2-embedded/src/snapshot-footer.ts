/**
 * What a snapshot of a store ends with, behind the copy of LMDB's file, all numbers little-endian:
 *
 * ```
 *  0  4  magic 'TWES'
 *  4  1  format, 1
 *  5  3  zero
 *  8  8  when it was taken     (double: milliseconds of the store's clock)
 * 16  8  length of the copy    (double)
 * 24 36  identity of the store
 * 60 32  SHA-256 of all before it
 * ```
 */
export interface Footer {
  readonly takenAt: number;
  readonly length: number;
  /** The store's identity. */
  readonly life: string;
}

const MAGIC = Buffer.from('TWES');
const FORMAT = 1;
const LIFE_BYTES = 36;
const HASH_BYTES = 32;
/** What the hash goes over as well. */
export const FACTS_BYTES = 24 + LIFE_BYTES;
export const FOOTER_BYTES = FACTS_BYTES + HASH_BYTES;

/** The footer without its hash. */
export function encodeFacts({ takenAt, length, life }: Footer): Buffer {
  const bytes = Buffer.alloc(FACTS_BYTES);
  MAGIC.copy(bytes);
  bytes[4] = FORMAT;
  bytes.writeDoubleLE(takenAt, 8);
  bytes.writeDoubleLE(length, 16);
  bytes.write(life, 24, LIFE_BYTES, 'latin1');
  return bytes;
}

/** @param fileLength of the whole file, whose last bytes these are. */
export function decodeFooter(bytes: Buffer, fileLength: number): Footer | 'foreign' | 'newer' {
  if (bytes.length < FOOTER_BYTES || !bytes.subarray(0, 4).equals(MAGIC)) return 'foreign';
  if (bytes[4] !== FORMAT) return 'newer';
  const length = bytes.readDoubleLE(16);
  if (length + FOOTER_BYTES !== fileLength) return 'foreign';
  return { takenAt: bytes.readDoubleLE(8), length, life: bytes.toString('latin1', 24, FACTS_BYTES) };
}
