/**
 * Freezes a freshly decoded value for good, if freezing can: primitives, plain objects and arrays, cycles included. Then one
 * value can be handed to every reader. All or nothing: when it returns `false`, nothing was frozen.
 *
 * @returns `false` when the value holds something that `Object.freeze` does not protect, such as a Map, Date or Buffer.
 */
export function freezeShareable(value: unknown): boolean {
  const met = new Set<object>();
  if (!collect(value, met)) return false;
  for (const object of met) Object.freeze(object);
  return true;
}

function collect(value: unknown, met: Set<object>): boolean {
  if (typeof value !== 'object' || value === null) return typeof value !== 'function';
  if (met.has(value)) return true;
  met.add(value);
  if (Array.isArray(value)) return value.every((element) => collect(element, met));
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key of Object.keys(value)) {
    if (!collect((value as Record<string, unknown>)[key], met)) return false;
  }
  return true;
}
