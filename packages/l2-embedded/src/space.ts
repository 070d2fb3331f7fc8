import { namespacePrefix } from './key-codec.js';

/** A namespace, and the prefix that all its store keys begin with. */
export interface Space {
  readonly namespace: string;
  readonly prefix: Buffer;
}

export function spaceOf(namespace: string): Space {
  return { namespace, prefix: namespacePrefix(namespace) };
}
