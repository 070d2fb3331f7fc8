import { EncryptionKeyError } from './errors.js';

const KEY_BYTES = 32;
const MAX_KEY_ID_BYTES = 64;

/** One key of a ring. */
export interface EncryptionKey {
  /** Names the key in stored values, in the clear: 1 to 64 bytes of UTF-8, such as `2026-11`. */
  readonly id: string;
  /** 32 bytes; see {@link parseKey}. */
  readonly key: Uint8Array;
}

/** A checked ring: the first key seals, all of them open. */
export type Ring = readonly [EncryptionKey, ...EncryptionKey[]];

/**
 * Turns a key as people write it down into its 32 bytes: a `Uint8Array` of 32 bytes (copied), 64 hexadecimal digits, or
 * base64 or base64url of 32 bytes.
 *
 * @throws {@link EncryptionKeyError} for anything else. The message does not contain the key.
 */
export function parseKey(key: string | Uint8Array): Uint8Array {
  if (key instanceof Uint8Array) {
    if (key.byteLength !== KEY_BYTES) throw new EncryptionKeyError(`The key has ${key.byteLength} bytes`);
    return new Uint8Array(key);
  }
  if (typeof key !== 'string') throw new EncryptionKeyError(`The key is of type ${key === null ? 'null' : typeof key}`);
  if (/^[\da-f]{64}$/i.test(key)) return new Uint8Array(Buffer.from(key, 'hex'));
  if (/^(?:[\w-]{43}|[A-Za-z\d+/]{43})=?$/.test(key)) return new Uint8Array(Buffer.from(key, 'base64'));
  throw new EncryptionKeyError(`The key is a string of ${key.length} characters that is not one`);
}

/** Copies a ring after checking it. @throws {@link EncryptionKeyError} */
export function checkRing(keys: readonly EncryptionKey[]): Ring {
  const ids = new Set<string>();
  const [first, ...rest] = keys.map(({ id, key }) => {
    if (typeof id !== 'string' || id === '' || !id.isWellFormed() || Buffer.byteLength(id) > MAX_KEY_ID_BYTES) {
      throw new EncryptionKeyError(`A key's id must be a string of 1 to ${MAX_KEY_ID_BYTES} bytes of UTF-8`);
    }
    if (ids.has(id)) throw new EncryptionKeyError(`Two keys of the ring have the id ${JSON.stringify(id)}`);
    ids.add(id);
    return { id, key: parseKey(key) };
  });
  if (first === undefined) throw new EncryptionKeyError('The ring is empty; without encryption, leave the option out');
  return [first, ...rest];
}
