import { types } from 'node:util';
import { errorClassOf, type Kind, kindOf, TYPED_ARRAYS } from './builtin.js';
import { UnserializableError } from './errors.js';
import { type GraphNode, Tag } from './graph.js';
import { isPlainString, MAX_DEPTH } from './plain.js';

/** Spells a value out as a graph. Reads everything exactly once. @throws {@link UnserializableError} */
export function toGraph(value: unknown): GraphNode {
  const writer = new GraphWriter();
  try {
    return writer.node(value);
  } catch (error) {
    if (error instanceof UnserializableError) throw error;
    throw new UnserializableError(writer.path(), 'threw when it was read', { cause: error });
  }
}

/** A field's name, an element's index, or what spells out any other access. Text is made of them only for an error. */
type Step = string | number | (() => string);

const MAX_PATH_STEPS = 50;

class GraphWriter {
  readonly #numbers = new Map<object, number>();
  /** How to get from the value to the node at hand. It stays as it is when something throws. */
  readonly #steps: Step[] = [];

  path(): string {
    const steps = this.#steps.slice(0, MAX_PATH_STEPS).map(accessor);
    return `value${steps.join('')}${this.#steps.length > MAX_PATH_STEPS ? '…' : ''}`;
  }

  node(value: unknown): GraphNode {
    switch (typeof value) {
      case 'string':
        return isPlainString(value) ? value : [Tag.utf16, Buffer.from(value, 'utf16le')];
      case 'number':
        return Object.is(value, -0) ? [Tag.negativeZero] : value;
      case 'function':
        return this.#refuse(`is a function${value.name === '' ? '' : ` (${value.name})`}`);
      case 'symbol':
        return this.#refuse('is a symbol');
      case 'object':
        return value === null ? null : this.#objectOrReference(value);
      default:
        return value;
    }
  }

  #refuse(problem: string): never {
    throw new UnserializableError(this.path(), problem);
  }

  #step(step: Step, value: unknown): GraphNode {
    this.#steps.push(step);
    const node = this.node(value);
    this.#steps.pop();
    return node;
  }

  /** Reads after stepping, so that the path of an accessor that throws is its own. */
  #field(object: object, key: string): GraphNode {
    this.#steps.push(key);
    const node = this.node(Reflect.get(object, key));
    this.#steps.pop();
    return node;
  }

  #objectOrReference(value: object): GraphNode {
    const number = this.#numbers.get(value);
    if (number !== undefined) return [Tag.reference, number];
    if (this.#steps.length >= MAX_DEPTH) this.#refuse(`is nested more than ${MAX_DEPTH} levels deep`);
    this.#numbers.set(value, this.#numbers.size);
    const kind = kindOf(value);
    if (kind === undefined) return this.#refuse(`is ${describe(value)}`);
    return this.#object(kind, value);
  }

  #object(kind: Kind, value: object): GraphNode {
    switch (kind) {
      case 'array':
        return this.#array(value as unknown[]);
      case 'object':
        return this.#fields(Tag.object, value);
      case 'null-object':
        return this.#fields(Tag.nullObject, value);
      case 'map':
        return this.#map(value as Map<unknown, unknown>);
      case 'set':
        return this.#set(value as Set<unknown>);
      case 'error':
        return this.#error(value as Error);
      case 'buffer':
        return [Tag.buffer, this.#bytes(value as Uint8Array)];
      case 'typed-array':
        return this.#typedArray(value as Uint8Array);
      case 'data-view':
        this.#refuseExtras(value);
        return [Tag.dataView, this.#bytes(value as DataView)];
      case 'array-buffer':
        this.#refuseExtras(value);
        return [Tag.arrayBuffer, this.#bytes(new Uint8Array(value as ArrayBuffer))];
      case 'date':
        this.#refuseExtras(value);
        return [Tag.date, (value as Date).getTime()];
      case 'regexp': {
        this.#refuseExtras(value);
        const { source, flags, lastIndex } = value as RegExp;
        return [Tag.regexp, this.node(source), flags, lastIndex];
      }
    }
  }

  #array(array: readonly unknown[]): GraphNode {
    this.#refuseSymbols(array);
    const indices = Object.keys(array);
    const last = indices.at(-1);
    if (last !== undefined && !isIndex(last))
      this.#refuse(`is an array with the extra property ${JSON.stringify(last)}`);
    if (indices.length === array.length) {
      const node: unknown[] = [Tag.array];
      for (let i = 0; i < array.length; i += 1) node.push(this.#step(i, array[i]));
      return node;
    }
    const node: unknown[] = [Tag.sparseArray, array.length];
    for (const index of indices.map(Number)) node.push(index, this.#step(index, array[index]));
    return node;
  }

  #fields(tag: number, object: object): GraphNode {
    this.#refuseSymbols(object);
    const node: unknown[] = [tag];
    for (const key of Object.keys(object)) node.push(this.node(key), this.#field(object, key));
    return node;
  }

  #map(map: ReadonlyMap<unknown, unknown>): GraphNode {
    this.#refuseExtras(map);
    const node: unknown[] = [Tag.map];
    let i = 0;
    for (const [key, value] of map) {
      const index = i;
      node.push(this.#step(() => `.keys()[${index}]`, key));
      const step = () => (typeof key === 'string' ? `.get(${JSON.stringify(key)})` : `.values()[${index}]`);
      node.push(this.#step(step, value));
      i += 1;
    }
    return node;
  }

  #set(set: ReadonlySet<unknown>): GraphNode {
    this.#refuseExtras(set);
    const node: unknown[] = [Tag.set];
    for (const element of set) {
      const index = node.length - 1;
      node.push(this.#step(() => `.values()[${index}]`, element));
    }
    return node;
  }

  #error(error: Error): GraphNode {
    this.#refuseSymbols(error);
    const node: unknown[] = [Tag.error, errorClassOf(error)];
    const enumerable = new Set(Object.keys(error));
    for (const key of new Set(['message', 'stack', 'cause', 'errors', ...enumerable])) {
      if (Object.hasOwn(error, key)) node.push(this.node(key), enumerable.has(key), this.#field(error, key));
    }
    return node;
  }

  #typedArray(array: Uint8Array): GraphNode {
    const name = array[Symbol.toStringTag] as (typeof TYPED_ARRAYS)[number];
    const number = TYPED_ARRAYS.indexOf(name);
    if (number === -1) this.#refuse(`is a ${name}`);
    return [Tag.typedArray, number, this.#bytes(array)];
  }

  #bytes(view: ArrayBufferView): Buffer {
    const { buffer, byteOffset, byteLength } = view;
    if (types.isSharedArrayBuffer(buffer)) this.#refuse('is memory shared between threads (SharedArrayBuffer)');
    return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
  }

  #refuseExtras(value: object): void {
    this.#refuseSymbols(value);
    const [key] = Object.keys(value);
    if (key !== undefined) this.#refuse(`is ${describe(value)} with the extra property ${JSON.stringify(key)}`);
  }

  #refuseSymbols(value: object): void {
    for (const symbol of Object.getOwnPropertySymbols(value)) {
      if (Object.prototype.propertyIsEnumerable.call(value, symbol))
        this.#refuse(`has the symbol key ${String(symbol)}`);
    }
  }
}

function isIndex(key: string): boolean {
  const index = Number(key);
  return Number.isInteger(index) && index >= 0 && index < 2 ** 32 - 1 && String(index) === key;
}

function accessor(step: Step): string {
  if (typeof step === 'function') return step();
  if (typeof step === 'string' && /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(step)) return `.${step}`;
  return `[${JSON.stringify(step)}]`;
}

/** Says what an object is, without trusting it. */
function describe(value: object): string {
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'an object with a prototype of its own';
}
