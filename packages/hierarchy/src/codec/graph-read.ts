import { ERRORS, TYPED_ARRAYS } from './builtin.js';
import { UndecodableError } from './errors.js';
import { type GraphNode, Tag } from './graph.js';

/** Rebuilds the value that a graph spells out. Trusts nothing. @throws on anything that `toGraph` does not write */
export function fromGraph(node: GraphNode): unknown {
  return new GraphReader().value(node);
}

type TypedArrayClass = new (buffer: ArrayBuffer) => object;

class GraphReader {
  /** The objects by number. Each enters before its children are read, so that they can refer to it. */
  readonly #objects: object[] = [];

  value(node: GraphNode): unknown {
    if (!Array.isArray(node)) {
      if (typeof node === 'object' && node !== null) throw malformed('an object without a tag');
      return node;
    }
    switch (node[0]) {
      case Tag.reference:
        return this.#reference(node[1]);
      case Tag.negativeZero:
        return -0;
      case Tag.utf16:
        return asBytes(node[1]).toString('utf16le');
      case Tag.array:
        return this.#array(node);
      case Tag.sparseArray:
        return this.#sparseArray(node);
      case Tag.object:
        return this.#fields({}, node);
      case Tag.nullObject:
        return this.#fields(Object.create(null), node);
      case Tag.map:
        return this.#map(node);
      case Tag.set:
        return this.#set(node);
      case Tag.error:
        return this.#error(node);
      case Tag.date:
        return this.#enter(new Date(node[1] as number));
      case Tag.buffer:
        return this.#enter(asBytes(node[1]));
      case Tag.arrayBuffer:
        return this.#enter(asArrayBuffer(node[1]));
      case Tag.dataView:
        return this.#enter(new DataView(asArrayBuffer(node[1])));
      case Tag.typedArray:
        return this.#typedArray(node);
      case Tag.regexp: {
        const regexp = new RegExp(asString(this.value(node[1])), asString(node[2]));
        regexp.lastIndex = node[3] as number;
        return this.#enter(regexp);
      }
      default:
        throw malformed('an unknown tag');
    }
  }

  #enter<T extends object>(object: T): T {
    this.#objects.push(object);
    return object;
  }

  #reference(number: unknown): object {
    const object = this.#objects[number as number];
    if (object === undefined) throw malformed('a reference to nothing');
    return object;
  }

  #array(node: readonly unknown[]): unknown[] {
    const array: unknown[] = this.#enter([]);
    for (let i = 1; i < node.length; i += 1) array.push(this.value(node[i]));
    return array;
  }

  #sparseArray(node: readonly unknown[]): unknown[] {
    const array: unknown[] = this.#enter([]);
    array.length = node[1] as number;
    for (let i = 2; i < node.length; i += 2) {
      const index = node[i];
      if (typeof index !== 'number' || !(index >= 0 && index < array.length)) throw malformed('an index out of range');
      array[index] = this.value(node[i + 1]);
    }
    return array;
  }

  #fields(object: object, node: readonly unknown[]): object {
    this.#enter(object);
    for (let i = 1; i < node.length; i += 2) {
      const key = asString(this.value(node[i]));
      const value = this.value(node[i + 1]);
      if (key === '__proto__') define(object, key, true, value);
      else (object as Record<string, unknown>)[key] = value;
    }
    return object;
  }

  #map(node: readonly unknown[]): Map<unknown, unknown> {
    const map = this.#enter(new Map());
    for (let i = 1; i < node.length; i += 2) {
      const key = this.value(node[i]);
      map.set(key, this.value(node[i + 1]));
    }
    return map;
  }

  #set(node: readonly unknown[]): Set<unknown> {
    const set = this.#enter(new Set());
    for (let i = 1; i < node.length; i += 1) set.add(this.value(node[i]));
    return set;
  }

  #error(node: readonly unknown[]): Error {
    const known = ERRORS.get(node[1] as string);
    if (known === undefined) throw malformed('an unknown class of errors');
    const error = this.#enter(known.make());
    for (const key of ['stack', 'errors']) Reflect.deleteProperty(error, key);
    for (let i = 2; i < node.length; i += 3) {
      const key = asString(this.value(node[i]));
      define(error, key, node[i + 1] === true, this.value(node[i + 2]));
    }
    return error;
  }

  #typedArray(node: readonly unknown[]): object {
    const name = TYPED_ARRAYS[node[1] as number];
    const Class: unknown = name === undefined ? undefined : Reflect.get(globalThis, name);
    if (typeof Class !== 'function') throw malformed('a typed array that this version of Node does not know');
    return this.#enter(new (Class as TypedArrayClass)(asArrayBuffer(node[2])));
  }
}

function define(object: object, key: string, enumerable: boolean, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable, writable: true, configurable: true });
}

function asString(value: unknown): string {
  if (typeof value !== 'string') throw malformed('something else than a string');
  return value;
}

function asBytes(value: unknown): Buffer {
  if (!Buffer.isBuffer(value)) throw malformed('something else than bytes');
  return value;
}

/** Bytes as a buffer of their own, aligned for any view. */
function asArrayBuffer(value: unknown): ArrayBuffer {
  const bytes = asBytes(value);
  const copy = new ArrayBuffer(bytes.byteLength);
  new Uint8Array(copy).set(bytes);
  return copy;
}

function malformed(what: string): UndecodableError {
  return new UndecodableError(`its graph has ${what}`);
}
