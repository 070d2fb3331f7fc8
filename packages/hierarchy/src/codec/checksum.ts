import { crc32 } from 'node:zlib';
import { type BadBytes, bad } from './bad-bytes.js';
import { type Header, type HeaderRead, type Opened, type Place, writeHeader } from './header.js';

/** What a checksum adds to the bytes. */
export const CHECKSUM_BYTES = 4;

/**
 * Puts a body behind its header, and a CRC-32 behind both. It finds what happens by accident — torn and flipped bytes, and
 * bytes that got under another key — before a parser sees them. Against intent there is only the seal.
 */
export function wrapChecked(header: Omit<Header, 'bodyLength'>, body: Uint8Array, place: Place): Uint8Array {
  const bodyLength = body.length;
  const { bytes, headerLength } = writeHeader({ ...header, bodyLength }, bodyLength + CHECKSUM_BYTES);
  bytes.set(body, headerLength);
  const end = headerLength + bodyLength;
  bytes.writeUInt32BE(checksum(bytes.subarray(0, end), place), end);
  return bytes;
}

/** Checks what {@link wrapChecked} made. */
export function unwrapChecked(bytes: Buffer, { header, headerLength }: HeaderRead, place: Place): Opened | BadBytes {
  if (header.seal !== undefined) return bad('sealed', 'they are sealed, and there is no key ring');
  const end = bytes.length - CHECKSUM_BYTES;
  if (bytes.readUInt32BE(end) !== checksum(bytes.subarray(0, end), place)) {
    return bad('checksum', 'their checksum is wrong: damaged, or of another key');
  }
  return { ok: true, body: bytes.subarray(headerLength, end), sealedTags: [] };
}

/** The namespace's length keeps `a` + `bc` apart from `ab` + `c`. */
function checksum(bytes: Uint8Array, { namespace, key }: Place): number {
  return crc32(bytes, crc32(key, checksumOf(namespace)));
}

/** The namespace whose checksum was made last: it is nearly always the same few. */
let last = { namespace: '', checksum: crc32('0:') };

function checksumOf(namespace: string): number {
  if (last.namespace !== namespace) last = { namespace, checksum: crc32(`${namespace.length}:${namespace}`) };
  return last.checksum;
}
