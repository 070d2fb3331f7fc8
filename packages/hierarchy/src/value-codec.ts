import { ByteMeter } from './byte-meter.js';
import {
  type BadBytes,
  type Codec,
  createCodec,
  createNameHider,
  type EncryptionKey,
  freezeShareable,
  type Place,
  parseKey,
} from './codec/index.js';
import type { EncryptionOptions, ResolvedOptions } from './options.js';
import { checkSize } from './validation.js';

/** What is packed with a payload. */
export interface ValueMeta extends Place {
  readonly generation: number;
  /** As L2 knows them. */
  readonly tags: readonly string[];
  /** As the user named them. */
  readonly userTags: readonly string[];
}

export type OpenedValue =
  | {
      readonly ok: true;
      readonly payload: Uint8Array;
      readonly generation: number;
      readonly tags: readonly string[];
      readonly userTags: readonly string[];
    }
  | BadBytes;

/** The codec as a hierarchy uses it: with its options, and with names that may be hidden. */
export class ValueCodec {
  readonly meter = new ByteMeter();
  readonly #codec: Codec;
  readonly #options: Pick<ResolvedOptions, 'maxBytes' | 'rules'>;
  readonly #hideKey: ((name: string) => string) | undefined;
  readonly #hideTag: ((name: string) => string) | undefined;

  constructor(options: ResolvedOptions) {
    const { encryption, compressionThreshold } = options;
    this.#options = options;
    this.#codec = createCodec({
      compression: compressionThreshold === undefined ? false : { threshold: compressionThreshold },
      encryption: encryption && { keys: ring(encryption) },
      meter: this.meter,
    });
    if (encryption?.hideNames !== undefined) {
      const key = parseKey(encryption.hideNames.key);
      this.#hideKey = createNameHider(key, 'key');
      this.#hideTag = createNameHider(key, 'tag');
    }
  }

  ready(): Promise<void> {
    return this.#codec.ready();
  }

  /** Whether keys are called by their keyed hash. */
  get hidesNames(): boolean {
    return this.#hideKey !== undefined;
  }

  /** What a key is called from here on: itself, or its keyed hash. */
  hideKey(key: string): string {
    return this.#hideKey === undefined ? key : this.#hideKey(key);
  }

  hideTag(tag: string): string {
    return this.#hideTag === undefined ? tag : this.#hideTag(tag);
  }

  /** @throws {@link UnserializableError}; {@link InvalidValueError} where validation is strict, and L1 too small for it */
  encode(value: unknown): Uint8Array {
    const payload = this.#codec.encode(value);
    checkSize(payload.byteLength, this.#options.maxBytes, this.#options.rules);
    return payload;
  }

  decode(payload: Uint8Array): unknown {
    return this.#codec.decode(payload);
  }

  /** Deep-freezes a decoded value, if it is of a kind that freezing protects; else leaves it alone and answers `false`. */
  freeze(value: unknown): boolean {
    return freezeShareable(value);
  }

  pack(payload: Uint8Array, meta: ValueMeta): Uint8Array {
    const sealedTags = this.#hideTag !== undefined && meta.userTags.length > 0 ? meta.userTags : undefined;
    return this.#codec.pack(payload, { ...meta, sealedTags });
  }

  /** Never throws. */
  unpack(bytes: Uint8Array, where: Place): OpenedValue {
    const opened = this.#codec.unpack(bytes, where);
    if (!opened.ok) return opened;
    const { payload, generation, tags, sealedTags } = opened;
    return { ok: true, payload, generation, tags, userTags: this.#hideTag === undefined ? tags : sealedTags };
  }
}

function ring(encryption: EncryptionOptions): EncryptionKey[] {
  return encryption.keys.map(({ id, key }) => ({ id, key: parseKey(key) }));
}
