import { type BadBytes, bad } from './bad-bytes.js';
import {
  checkTagCount,
  type Header,
  type HeaderRead,
  NONCE_BYTES,
  namesLength,
  type Opened,
  type Place,
  readNames,
  writeHeader,
  writeNames,
} from './header.js';
import type { EncryptionKey, Ring } from './keys.js';

/** What Poly1305 adds to what is sealed, in bytes. */
const SEAL_BYTES = 16;

type Sodium = typeof import('libsodium-wrappers').default;

/** Random bytes, `length` of them, from a cryptographically secure source. */
export type RandomBytes = (length: number) => Uint8Array;

/** So many bytes are drawn at once: 64 nonces. */
const STOCK_BYTES = 64 * NONCE_BYTES;

/** Random bytes from a stock: to draw 24 of them takes longer than to seal a small value. Each is given away once. */
export function inStock(draw: RandomBytes): RandomBytes {
  let stock: Uint8Array = new Uint8Array();
  let at = 0;
  return (length) => {
    if (at + length > stock.length) {
      stock = draw(Math.max(length, STOCK_BYTES));
      at = 0;
    }
    at += length;
    return stock.subarray(at - length, at);
  };
}

/**
 * XChaCha20-Poly1305 (IETF) of libsodium. Its nonce of 24 bytes is long enough to be drawn at random for every value, on any
 * number of nodes, without coordination.
 */
export class Sealer {
  readonly #keys: ReadonlyMap<string, Uint8Array>;
  readonly #writeKey: EncryptionKey;
  readonly #randomBytes: RandomBytes;
  #sodium: Sodium | undefined;
  #loading: Promise<void> | undefined;

  /** @param keys a checked ring: the first key seals, all of them open. */
  constructor(keys: Ring, randomBytes: RandomBytes) {
    this.#keys = new Map(keys.map(({ id, key }) => [id, key]));
    this.#writeKey = keys[0];
    this.#randomBytes = randomBytes;
  }

  /** Loads libsodium, which is WebAssembly, once. */
  ready(): Promise<void> {
    this.#loading ??= import('libsodium-wrappers').then(async ({ default: sodium }) => {
      await sodium.ready;
      this.#sodium = sodium;
    });
    return this.#loading;
  }

  /**
   * Puts a sealed body behind its header. Sealed along with it, as associated data, are the header and the place, so that
   * none of them can be changed or exchanged.
   */
  wrap(
    header: Omit<Header, 'bodyLength'>,
    body: Uint8Array,
    tags: readonly string[] | undefined,
    place: Place,
  ): Uint8Array {
    const inner = tags === undefined ? body : withTags(tags, body);
    const seal = { keyId: this.#writeKey.id, nonce: this.#randomBytes(NONCE_BYTES), hasTags: tags !== undefined };
    const bodyLength = inner.length + SEAL_BYTES;
    const { bytes, headerLength } = writeHeader({ ...header, bodyLength, seal }, bodyLength);
    const associated = associate(bytes.subarray(0, headerLength), place);
    bytes.set(
      this.#loaded().crypto_aead_xchacha20poly1305_ietf_encrypt(
        inner,
        associated,
        null,
        seal.nonce,
        this.#writeKey.key,
      ),
      headerLength,
    );
    return bytes;
  }

  /** Opens what {@link wrap} made with any key of the ring. */
  unwrap(bytes: Buffer, { header, headerLength }: HeaderRead, place: Place): Opened | BadBytes {
    const { seal } = header;
    if (seal === undefined) return bad('unsealed', 'they are not sealed, although there is a key ring');
    const key = this.#keys.get(seal.keyId);
    if (key === undefined) return bad('unknown-key', `the ring has no key ${JSON.stringify(seal.keyId)}`);
    const sodium = this.#loaded();
    const associated = associate(bytes.subarray(0, headerLength), place);
    const sealed = bytes.subarray(headerLength);
    let inner: Uint8Array;
    try {
      inner = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, sealed, associated, seal.nonce, key);
    } catch {
      return bad('undecryptable', `they do not open with the key ${JSON.stringify(seal.keyId)} at this place`);
    }
    return seal.hasTags ? splitTags(inner) : { ok: true, body: inner, sealedTags: [] };
  }

  #loaded(): Sodium {
    if (this.#sodium === undefined) throw new Error('libsodium is not loaded: await ready() first');
    return this.#sodium;
  }
}

/** The header, then namespace and key with their lengths, so that no two places look alike. */
function associate(header: Uint8Array, { namespace, key }: Place): Uint8Array {
  const names = [namespace, key];
  const bytes = Buffer.allocUnsafe(header.length + namesLength(names));
  bytes.set(header);
  writeNames(bytes, header.length, names);
  return bytes;
}

function withTags(tags: readonly string[], body: Uint8Array): Uint8Array {
  checkTagCount(tags);
  const start = 2 + namesLength(tags);
  const bytes = Buffer.allocUnsafe(start + body.length);
  bytes.writeUInt16BE(tags.length);
  writeNames(bytes, 2, tags);
  bytes.set(body, start);
  return bytes;
}

function splitTags(inner: Uint8Array): Opened | BadBytes {
  const bytes = Buffer.from(inner.buffer, inner.byteOffset, inner.byteLength);
  const tags = bytes.length < 2 ? undefined : readNames(bytes, 2, bytes.readUInt16BE());
  if (tags === undefined) return bad('malformed', 'their sealed tags run past the end');
  return { ok: true, body: bytes.subarray(tags.end), sealedTags: tags.names };
}
