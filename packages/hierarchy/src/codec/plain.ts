import { types } from 'node:util';
import { inheritsAnything } from './freeze.js';

/** How many levels of nesting a value may have: the recursion of any reader has to fit its stack. */
export const MAX_DEPTH = 1_000;

/**
 * Whether msgpackr alone brings a value back exactly as it is: a tree of primitives, plain objects, arrays, dates and
 * buffers. In doubt `false`: then the graph encoding takes over, which is slower, complete, and knows what to refuse and
 * where.
 */
export function isPlain(value: unknown): boolean {
  try {
    return !inheritsAnything() && isPlainNode(value, 0, new Seen());
  } catch {
    return false; // an accessor or a proxy threw: the graph encoding will meet it again and say where
  }
}

/** So many objects are compared one by one, which is faster than a Set of few. */
const FEW = 24;

/** The objects met so far. */
class Seen {
  readonly #few: object[] = [];
  #many: Set<object> | undefined;

  /** @returns whether it was not there yet. */
  add(object: object): boolean {
    if (this.#many !== undefined) {
      const before = this.#many.size;
      return this.#many.add(object).size > before;
    }
    if (this.#few.includes(object)) return false;
    this.#few.push(object);
    if (this.#few.length > FEW) this.#many = new Set(this.#few);
    return true;
  }
}

/**
 * Whether msgpackr brings a string back. It turns lone surrogates into U+FFFD, and one of its two readers takes a leading
 * U+FEFF for a byte order mark and drops it.
 */
export function isPlainString(value: string): boolean {
  return value.charCodeAt(0) !== 0xfeff && value.isWellFormed();
}

function isPlainNode(value: unknown, depth: number, seen: Seen): boolean {
  switch (typeof value) {
    case 'string':
      return isPlainString(value);
    case 'number':
      return !Object.is(value, -0);
    case 'boolean':
    case 'bigint':
    case 'undefined':
      return true;
    case 'object':
      return value === null || isPlainObject(value, depth, seen);
    default:
      return false;
  }
}

function isPlainObject(value: object, depth: number, seen: Seen): boolean {
  if (!seen.add(value) || depth >= MAX_DEPTH) return false;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype) return hasPlainFields(value as Record<string, unknown>, depth, seen);
  if (prototype === Array.prototype) return Array.isArray(value) && hasPlainElements(value, depth, seen);
  if (prototype === Date.prototype) return types.isDate(value) && Object.keys(value).length === 0;
  return prototype === Buffer.prototype && Buffer.isBuffer(value) && types.isArrayBuffer(value.buffer);
}

function hasPlainFields(object: Record<string, unknown>, depth: number, seen: Seen): boolean {
  if (Object.getOwnPropertySymbols(object).length > 0) return false;
  // Nothing is inherited that this would meet: `isPlain` has seen to that.
  for (const key in object) {
    if (key === '__proto__' || !isPlainString(key) || !isPlainNode(object[key], depth + 1, seen)) return false;
  }
  return true;
}

function hasPlainElements(array: readonly unknown[], depth: number, seen: Seen): boolean {
  for (let i = 0; i < array.length; i += 1) if (!isPlainNode(array[i], depth + 1, seen)) return false;
  return Object.keys(array).length === array.length; // neither holes nor extra properties
}
