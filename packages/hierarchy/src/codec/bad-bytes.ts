/** Why bytes that an L2 returned are a miss. */
export type BadBytesReason =
  /** They end too early. */
  | 'truncated'
  /** They are not Tierwise's. */
  | 'foreign'
  /** They use something that this version does not know. */
  | 'newer-format'
  /** Their header contradicts itself. */
  | 'malformed'
  /** They were damaged, or belong to another key. */
  | 'checksum'
  /** They are not sealed, although this codec has a key ring: anyone could have written them. */
  | 'unsealed'
  /** They are sealed, and this codec has no key ring. */
  | 'sealed'
  /** They are sealed with a key that is not in the ring. */
  | 'unknown-key'
  /** The seal is broken: damaged, tampered with, moved from another key, or made with another key of the same id. */
  | 'undecryptable'
  /** What is inside is not what was put there. */
  | 'undecodable';

export interface BadBytes {
  readonly ok: false;
  readonly reason: BadBytesReason;
  /** For reports. Says what is wrong with "them", the bytes; holds nothing of the value. */
  readonly detail: string;
}

export function bad(reason: BadBytesReason, detail: string): BadBytes {
  return { ok: false, reason, detail };
}
