import { brotliDecompressSync, deflateRawSync, inflateRawSync } from 'node:zlib';

/** Compressions by their number on the wire: append only. */
export const COMPRESSION = {
  none: 0,
  deflateRaw: 1,
  brotli: 2,
  /** Reserved: `node:zlib` has it from Node 22.15 only, and every supported Node must be able to read what any writes. */
  zstd: 3,
} as const;

/** Payloads shorter than this, in bytes, are stored as they are. */
export const DEFAULT_THRESHOLD = 1024;

/** A compressed payload has to be smaller than this share of the plain one, or it is not worth a reader's time. */
const PAYS_BELOW = 0.9;

export interface Compressed {
  readonly compression: number;
  readonly bytes: Uint8Array;
}

/** Compresses a payload if that pays. */
export function compress(payload: Uint8Array, threshold: number): Compressed {
  if (payload.length < threshold) return { compression: COMPRESSION.none, bytes: payload };
  const bytes = deflateRawSync(payload, { level: 1 });
  if (bytes.length >= payload.length * PAYS_BELOW) return { compression: COMPRESSION.none, bytes: payload };
  return { compression: COMPRESSION.deflateRaw, bytes };
}

/** Whether this build can undo a compression. */
export function canDecompress(compression: number): boolean {
  return (
    compression === COMPRESSION.none || compression === COMPRESSION.deflateRaw || compression === COMPRESSION.brotli
  );
}

/**
 * Undoes {@link compress}, into memory of its own. Never makes more than `length` bytes, whatever the input expands to.
 *
 * @throws when the input is damaged, or does not expand to `length` bytes.
 */
export function decompress({ compression, bytes }: Compressed, length: number): Uint8Array {
  const plain = expand(compression, bytes, length);
  if (plain.length !== length) throw new RangeError(`they expand to ${plain.length} instead of ${length} bytes`);
  return plain.buffer.byteLength === length && plain !== bytes ? plain : new Uint8Array(plain);
}

function expand(compression: number, bytes: Uint8Array, length: number): Uint8Array {
  switch (compression) {
    case COMPRESSION.deflateRaw:
      return inflateRawSync(bytes, { maxOutputLength: Math.max(length, 1) });
    case COMPRESSION.brotli:
      return brotliDecompressSync(bytes, { maxOutputLength: Math.max(length, 1) });
    default:
      return bytes;
  }
}
