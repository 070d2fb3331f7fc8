import { createHmac } from 'node:crypto';

/** What a hidden name is the name of. The same name gives different hidden ones as a key and as a tag. */
export type HiddenNameUse = 'key' | 'tag';

/**
 * Makes the function that hides names from whoever can read the L2: a keyed hash (HMAC-SHA-256), always the same for the
 * same name, and of no use without the key.
 *
 * @param key 32 bytes. May be one of the ring's: what hashes is derived from it. It must stay when the ring rotates, or
 * every entry is a miss.
 * @returns a function from a name to 43 characters of base64url. Two names do not meet.
 */
export function createNameHider(key: Uint8Array, use: HiddenNameUse): (name: string) => string {
  const derived = createHmac('sha256', key).update(`tierwise/hidden-names/1/${use}`).digest();
  return (name) => createHmac('sha256', derived).update(name, 'utf8').digest('base64url');
}
