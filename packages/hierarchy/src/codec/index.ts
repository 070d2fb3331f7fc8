export type { BadBytes } from './bad-bytes.js';
export { type Codec, createCodec } from './codec.js';
export { EncryptionKeyError, UnserializableError } from './errors.js';
export { freezeShareable } from './freeze.js';
export type { Place } from './header.js';
export { type EncryptionKey, parseKey } from './keys.js';
export { createNameHider } from './names.js';
