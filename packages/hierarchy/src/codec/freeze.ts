/**
 * Freezes a freshly decoded value for good, if freezing can: primitives, plain objects and arrays, cycles included. Then one
 * value can be handed to every reader. All or nothing: when it returns `false`, nothing was frozen.
 *
 * @returns `false` when the value holds something that `Object.freeze` does not protect, such as a Map, Date or Buffer.
 */
export function freezeShareable(value: unknown): boolean {
  const met = new Set<object>();
  if (!meet(value, met)) return false;
  // What is met on the way joins the iteration, so that no depth of nesting can exhaust the stack.
  for (const object of met) {
    for (const child of Array.isArray(object) ? object : Object.values(object)) {
      if (!meet(child, met)) return false;
    }
  }
  for (const object of met) Object.freeze(object);
  return true;
}

function meet(value: unknown, met: Set<object>): boolean {
  if (typeof value !== 'object' || value === null) return typeof value !== 'function';
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null && !Array.isArray(value)) return false;
  met.add(value);
  return true;
}
