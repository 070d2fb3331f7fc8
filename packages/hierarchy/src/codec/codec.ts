import { randomBytes as secureRandomBytes } from 'node:crypto';
import { type BadBytes, bad } from './bad-bytes.js';
import { CHECKSUM_BYTES, unwrapChecked, wrapChecked } from './checksum.js';
import { canDecompress, compress, DEFAULT_THRESHOLD, decompress } from './compress.js';
import { decode, encode, MAX_PAYLOAD_BYTES } from './encode.js';
import { UnserializableError } from './errors.js';
import { ENCODING, type Place, readHeader } from './header.js';
import { checkRing, type EncryptionKey } from './keys.js';
import { inStock, type RandomBytes, Sealer } from './seal.js';

/** What an L2 takes for one entry, in bytes. */
const MAX_PACKED_BYTES = 64 * 1024 * 1024;

export interface CodecOptions {
  /** `false`: never compress. Default: payloads of 1,024 bytes or more, when it makes them at least 10 % smaller. */
  readonly compression?: { readonly threshold: number } | false | undefined;
  /** Seals everything with the first key and opens with all of them. Values that are not sealed are then refused. */
  readonly encryption?: { readonly keys: readonly EncryptionKey[] } | undefined;
  /** Where nonces come from. Default: `crypto.randomBytes`. For tests. */
  readonly randomBytes?: RandomBytes | undefined;
  readonly meter?: CodecMeter | undefined;
}

/** Hears what values weigh when they are packed and unpacked, in bytes. */
interface CodecMeter {
  readonly written: WayMeter;
  readonly read: WayMeter;
}

interface WayMeter {
  add(encoded: number, compressed: number, packed: number, isSealed: boolean): void;
}

/** What travels with a payload. */
export interface PackMeta extends Place {
  /** A safe integer, 0 or more. */
  readonly generation: number;
  readonly tags: readonly string[];
  /** Tags that only readers with a key of the ring may see. Refused without encryption. */
  readonly sealedTags?: readonly string[] | undefined;
}

export type Unpacked =
  | {
      readonly ok: true;
      /** For {@link Codec.decode}. Often a window on the bytes that were unpacked, so whoever keeps it makes a copy. */
      readonly payload: Uint8Array;
      readonly generation: number;
      readonly tags: readonly string[];
      /** Empty where there are none. */
      readonly sealedTags: readonly string[];
    }
  | BadBytes;

/** Bytes in, bytes out: values ↔ payloads (what L1 keeps and accounts) ↔ packed bytes (what L2 keeps). No I/O. */
export interface Codec {
  /** To be awaited before the first `pack` or `unpack`. Loads libsodium, if there is encryption. */
  ready(): Promise<void>;
  /** Turns a value into a payload that shares no memory with it. @throws {@link UnserializableError} */
  encode(value: unknown): Uint8Array;
  /** Turns a payload into a new value that shares no memory with it. @throws {@link UndecodableError} */
  decode(payload: Uint8Array): unknown;
  /**
   * The bytes may be a window on memory that others use as well: whoever keeps them for long makes a copy.
   *
   * @throws {@link UnserializableError} when payload and tags together are more than an L2 takes: 64 MiB
   */
  pack(payload: Uint8Array, meta: PackMeta): Uint8Array;
  /** Checks everything before it believes anything. Never throws: bad bytes are a miss. */
  unpack(bytes: Uint8Array, where: Place): Unpacked;
}

/** Makes a codec. @throws {@link EncryptionKeyError} */
export function createCodec(options: CodecOptions = {}): Codec {
  const threshold =
    options.compression === false ? Number.POSITIVE_INFINITY : (options.compression?.threshold ?? DEFAULT_THRESHOLD);
  const sealer =
    options.encryption &&
    new Sealer(checkRing(options.encryption.keys), options.randomBytes ?? inStock(secureRandomBytes));
  return new PayloadCodec(threshold, sealer, options.meter);
}

class PayloadCodec implements Codec {
  readonly #threshold: number;
  readonly #sealer: Sealer | undefined;
  readonly #meter: CodecMeter | undefined;

  constructor(threshold: number, sealer: Sealer | undefined, meter: CodecMeter | undefined) {
    this.#threshold = threshold;
    this.#sealer = sealer;
    this.#meter = meter;
  }

  readonly encode = encode;
  readonly decode = decode;

  async ready(): Promise<void> {
    await this.#sealer?.ready();
  }

  pack(payload: Uint8Array, meta: PackMeta): Uint8Array {
    if (meta.sealedTags !== undefined && this.#sealer === undefined) {
      throw new TypeError('Tags cannot be sealed without a key ring');
    }
    const { compression, bytes: body } = compress(payload, this.#threshold);
    const header = {
      encoding: ENCODING.messagePack,
      compression,
      generation: meta.generation,
      tags: meta.tags,
      payloadLength: payload.length,
    };
    const packed = this.#sealer?.wrap(header, body, meta.sealedTags, meta) ?? wrapChecked(header, body, meta);
    if (packed.length > MAX_PACKED_BYTES) {
      throw new UnserializableError(
        'value',
        `takes ${packed.length} bytes with its tags, and ${MAX_PACKED_BYTES} are the limit`,
      );
    }
    this.#meter?.written.add(payload.length, body.length, packed.length, this.#sealer !== undefined);
    return packed;
  }

  unpack(bytes: Uint8Array, where: Place): Unpacked {
    try {
      const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return this.#unpack(buffer, where);
    } catch (error) {
      return bad('undecodable', error instanceof Error ? error.message : String(error));
    }
  }

  #unpack(bytes: Buffer, where: Place): Unpacked {
    const read = readHeader(bytes, CHECKSUM_BYTES);
    if (!read.ok) return read;
    const { header } = read;
    if (header.encoding !== ENCODING.messagePack) {
      return bad('newer-format', `they have the unknown encoding ${header.encoding}`);
    }
    if (!canDecompress(header.compression)) {
      return bad('newer-format', `they have the unknown compression ${header.compression}`);
    }
    if (header.payloadLength > MAX_PAYLOAD_BYTES) {
      return bad('malformed', `they claim to expand to ${header.payloadLength} bytes`);
    }
    const opened = this.#sealer?.unwrap(bytes, read, where) ?? unwrapChecked(bytes, read, where);
    if (!opened.ok) return opened;
    const payload = decompress({ compression: header.compression, bytes: opened.body }, header.payloadLength);
    const { generation, tags } = header;
    this.#meter?.read.add(payload.length, opened.body.length, bytes.length, header.seal !== undefined);
    return { ok: true, payload, generation, tags, sealedTags: opened.sealedTags };
  }
}
