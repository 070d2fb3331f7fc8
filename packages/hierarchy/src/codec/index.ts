export type { BadBytes, BadBytesReason } from './bad-bytes.js';
export { type Codec, type CodecOptions, createCodec, type PackMeta, type Unpacked } from './codec.js';
export { EncryptionKeyError, UndecodableError, UnserializableError } from './errors.js';
export { freezeShareable } from './freeze.js';
export type { Place } from './header.js';
export { type EncryptionKey, parseKey } from './keys.js';
export { createNameHider, type HiddenNameUse } from './names.js';
