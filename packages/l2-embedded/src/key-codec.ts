import { createHash } from 'node:crypto';

/**
 * Names → LMDB keys, so that two different (namespace, name) pairs never meet.
 *
 * ```
 * key       := namespace name
 * namespace := <length 0..200> <UTF-8>      | 254 <SHA-256 of the UTF-8>
 * name      := 0 <UTF-8, up to 1,400 bytes> | 1 <SHA-256 of the UTF-8>
 * ```
 *
 * The namespace part says where it ends, so no choice of characters lets one pair look like another, and all keys of a
 * namespace share a prefix. LMDB throws above 1,978 bytes and crashes the process afterwards, so that long names are
 * hashed; a record holds its full names, so that a reader can tell whether it is the one that was asked for.
 */

const MAX_PLAIN_NAMESPACE_BYTES = 200;
const HASHED_NAMESPACE = 254;
const MAX_PLAIN_NAME_BYTES = 1400;
const PLAIN_NAME = 0;
const HASHED_NAME = 1;

/** The longest key that {@link storeKey} makes, in bytes. A row of the expiry index adds 9. */
export const MAX_STORE_KEY_BYTES = 1 + MAX_PLAIN_NAMESPACE_BYTES + 1 + MAX_PLAIN_NAME_BYTES;

/** The prefix that all keys of a namespace, and no others, begin with. */
export function namespacePrefix(namespace: string): Buffer {
  const bytes = Buffer.from(namespace);
  return bytes.length <= MAX_PLAIN_NAMESPACE_BYTES
    ? Buffer.concat([Buffer.of(bytes.length), bytes])
    : Buffer.concat([Buffer.of(HASHED_NAMESPACE), sha256(bytes)]);
}

/** The key of a name (an entry's key, a tag) behind its namespace's prefix. */
export function storeKey(prefix: Buffer, name: string): Buffer {
  const length = Buffer.byteLength(name);
  if (length > MAX_PLAIN_NAME_BYTES) return Buffer.concat([prefix, Buffer.of(HASHED_NAME), sha256(Buffer.from(name))]);
  const key = Buffer.allocUnsafe(prefix.length + 1 + length);
  prefix.copy(key);
  key[prefix.length] = PLAIN_NAME;
  key.write(name, prefix.length + 1);
  return key;
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
