/** A value that would not come back from a tier as it went in. Thrown before anything is stored. */
export class UnserializableError extends Error {
  /** Stable, for programs. */
  readonly code = 'ERR_TIERWISE_UNSERIALIZABLE';
  /** Where in the value, such as `value.items[3].fn`. */
  readonly path: string;

  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(
      `${path} ${problem}. A cached value may consist of primitives, plain objects, arrays, Date, Map, Set, Buffer, ` +
        'typed arrays, ArrayBuffer, DataView, RegExp and built-in errors: convert the rest before caching it',
      options,
    );
    this.name = 'UnserializableError';
    this.path = path;
  }
}

/** Bytes that passed every check of the envelope and still are no value: written by something else, or by a defect. */
export class UndecodableError extends Error {
  /** Stable, for programs. */
  readonly code = 'ERR_TIERWISE_UNDECODABLE';

  constructor(problem: string, options?: ErrorOptions) {
    super(`The payload cannot be decoded: ${problem}. Treat it as a miss; a new write replaces it`, options);
    this.name = 'UndecodableError';
  }
}

/** An encryption key or key ring that cannot be used. The message never contains key material. */
export class EncryptionKeyError extends Error {
  /** Stable, for programs. */
  readonly code = 'ERR_TIERWISE_ENCRYPTION_KEY';

  constructor(problem: string) {
    super(
      `${problem}. A key is 32 random bytes, given as a Uint8Array, as 64 hexadecimal digits or as base64/base64url; ` +
        'make one with: node -p "crypto.randomBytes(32).toString(\'base64\')"',
    );
    this.name = 'EncryptionKeyError';
  }
}
