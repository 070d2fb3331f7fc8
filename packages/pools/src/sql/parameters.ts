import { createHash, type Hash } from 'node:crypto';

/**
 * A statement and its parameters as text of bounded length, by which they are told apart: by type and value (1 is not '1'), and objects by what `pg` sends for
 * them. That something is an object says nothing: two whose state is private may look the same from outside and be sent differently.
 *
 * Throws a `TypeError` for what no parameter can be.
 */
export function digestOf(text: string, values: readonly unknown[]): string {
  const hash = createHash('sha256');
  part(hash, 's', text);
  for (const value of values) add(hash, value);
  return hash.digest('base64url');
}

function add(hash: Hash, value: unknown): void {
  if (value === null || value === undefined) {
    part(hash, '0', '');
  } else if (typeof value === 'object') {
    addObject(hash, value);
  } else if (typeof value === 'function' || typeof value === 'symbol') {
    throw new TypeError(`no parameter is a ${typeof value}`);
  } else {
    part(hash, typeof value, String(value));
  }
}

function addObject(hash: Hash, value: object): void {
  if (ArrayBuffer.isView(value)) {
    part(hash, 'b', Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  } else if (value instanceof Date) {
    part(hash, 'd', String(value.getTime()));
  } else if (Array.isArray(value)) {
    part(hash, 'a', String(value.length));
    for (const each of value) add(hash, each);
  } else if ('toPostgres' in value && typeof value.toPostgres === 'function') {
    add(
      hash,
      value.toPostgres((it: unknown) => digestOf('', [it])),
    );
  } else {
    part(hash, 'j', JSON.stringify(value) ?? '');
  }
}

/** With its length, so that no sequence of parts is another one. */
function part(hash: Hash, type: string, content: string | Uint8Array): void {
  hash.update(`${type}${Buffer.byteLength(content)}:`).update(content);
}
