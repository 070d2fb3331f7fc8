import { types } from 'node:util';

/** What a supported object is; `undefined` for everything else, class instances above all. */
export type Kind =
  | 'object'
  | 'null-object'
  | 'array'
  | 'date'
  | 'map'
  | 'set'
  | 'buffer'
  | 'typed-array'
  | 'array-buffer'
  | 'data-view'
  | 'regexp'
  | 'error';

/**
 * Typed arrays by their number on the wire: append only. `Float16Array` is absent on Node before 24; a value that has one is
 * then undecodable there, so a miss.
 */
export const TYPED_ARRAYS = [
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'Float16Array',
] as const;

/** The built-in errors by name, each with a way to make an empty one. */
export const ERRORS: ReadonlyMap<string, { readonly prototype: Error; readonly make: () => Error }> = new Map(
  Object.entries({
    Error: { prototype: Error.prototype, make: () => new Error() },
    EvalError: { prototype: EvalError.prototype, make: () => new EvalError() },
    RangeError: { prototype: RangeError.prototype, make: () => new RangeError() },
    ReferenceError: { prototype: ReferenceError.prototype, make: () => new ReferenceError() },
    SyntaxError: { prototype: SyntaxError.prototype, make: () => new SyntaxError() },
    TypeError: { prototype: TypeError.prototype, make: () => new TypeError() },
    URIError: { prototype: URIError.prototype, make: () => new URIError() },
    AggregateError: { prototype: AggregateError.prototype, make: () => new AggregateError([]) },
  }),
);

/**
 * Goes by what V8 says an object is, and by the length of its prototype chain to tell a built-in from a subclass, so that
 * objects of another realm (`vm`, test runners) are recognised as well.
 */
export function kindOf(value: object): Kind | undefined {
  const ancestors = countAncestors(value);
  if (Array.isArray(value)) return ancestors === 2 ? 'array' : undefined;
  if (types.isDate(value)) return ancestors === 2 ? 'date' : undefined;
  if (types.isMap(value)) return ancestors === 2 ? 'map' : undefined;
  if (types.isSet(value)) return ancestors === 2 ? 'set' : undefined;
  if (types.isRegExp(value)) return ancestors === 2 ? 'regexp' : undefined;
  if (types.isArrayBuffer(value)) return ancestors === 2 ? 'array-buffer' : undefined;
  if (types.isDataView(value)) return ancestors === 2 ? 'data-view' : undefined;
  if (types.isTypedArray(value)) {
    if (Object.getPrototypeOf(value) === Buffer.prototype) return 'buffer';
    return ancestors === 3 ? 'typed-array' : undefined;
  }
  if (types.isNativeError(value)) return errorClassOf(value) === undefined ? undefined : 'error';
  if (types.isBoxedPrimitive(value) || types.isArgumentsObject(value)) return undefined;
  if (ancestors === 0) return 'null-object';
  return ancestors === 1 && isRootPrototype(Object.getPrototypeOf(value)) ? 'object' : undefined;
}

/** The name of a built-in error's class, the `name` property aside. */
export function errorClassOf(error: Error): string | undefined {
  const prototype = Object.getPrototypeOf(error);
  for (const [name, known] of ERRORS) if (known.prototype === prototype) return name;
  return undefined;
}

function isRootPrototype(prototype: object): boolean {
  return prototype === Object.prototype || Object.hasOwn(prototype, 'isPrototypeOf');
}

function countAncestors(value: object): number {
  let count = 0;
  for (let at: object | null = Object.getPrototypeOf(value); at !== null && count < 5; count += 1) {
    at = Object.getPrototypeOf(at);
  }
  return count;
}
