/**
 * Freezes a freshly decoded value for good, if freezing can: primitives, plain objects and arrays, cycles included. Then one
 * value can be handed to every reader. All or nothing: when it returns `false`, nothing was frozen.
 *
 * @returns `false` when the value holds something that `Object.freeze` does not protect, such as a Map, Date or Buffer.
 */
export function freezeShareable(value: unknown): boolean {
  if (inheritsAnything()) return freezeGraph(value);
  const look = { left: MOST };
  const shareable = isShareableTree(value, look, 0);
  if (look.left < 0) return freezeGraph(value);
  if (shareable) freezeTree(value);
  return shareable;
}

/** So many parts, and so deep, are taken for a tree, which needs no memory of what was met. More of either may be a cycle. */
const MOST = 10_000;
const DEEPEST = 64;

const EMPTY = Object.freeze({});

/** Whether somebody gave all objects something that is enumerated like their own: that is neither to be looked at nor frozen. */
export function inheritsAnything(): boolean {
  for (const _ in EMPTY) return true;
  return false;
}

function isShareableTree(value: unknown, look: { left: number }, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return typeof value !== 'function';
  look.left = depth > DEEPEST ? -1 : look.left - 1;
  if (look.left < 0) return false;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) if (!isShareableTree(value[i], look, depth + 1)) return false;
    return true;
  }
  if (!isPlainObject(value)) return false;
  for (const name in value) {
    if (!isShareableTree((value as Record<string, unknown>)[name], look, depth + 1)) return false;
  }
  return true;
}

function freezeTree(value: unknown): void {
  // What is met a second time is frozen already.
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  if (Array.isArray(value)) for (let i = 0; i < value.length; i += 1) freezeTree(value[i]);
  else for (const name in value) freezeTree((value as Record<string, unknown>)[name]);
}

function freezeGraph(value: unknown): boolean {
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
  if (!Array.isArray(value) && !isPlainObject(value)) return false;
  met.add(value);
  return true;
}

function isPlainObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
