import { namesAt, optionAt } from './schema/reference.js';

/** A value of an option, and where it came from. */
interface Sourced {
  readonly value: unknown;
  readonly source: string;
}

/** Options by their path. */
export type Layer = Map<string, Sourced>;

/** Which part a duration alone is short for. */
const SHORT_FOR: ReadonlyMap<string, string> = new Map([
  ['loadTimeout', 'loadTimeout.hard'],
  ['loadBackoff', 'loadBackoff.first'],
]);

/** The option that a path means. */
export function atLength(path: string): string {
  return SHORT_FOR.get(path) ?? path;
}

/** The options of an object, each by its path. What is no option is kept as well, to be told as such. */
export function layerOf(values: unknown, source: string): Layer {
  const layer: Layer = new Map();
  const visit = (value: unknown, path: readonly string[]) => {
    if (value === undefined) return;
    const name = path.join('.');
    // An empty one says nothing, unless its name does not exist.
    const isMisspelt = () => Object.keys(value as object).length === 0 && namesAt(name).length === 0;
    if (isPlain(value) && !isWhole(name) && !isMisspelt()) {
      for (const [key, each] of Object.entries(value)) visit(each, [...path, key]);
    } else {
      layer.set(atLength(name), { value, source });
    }
  };
  visit(values, []);
  return layer;
}

/** The last layer's word counts. `false` for a group ends what earlier ones said of its parts, and a part ends their `false`. */
export function merged(layers: readonly Layer[]): Layer {
  const result: Layer = new Map();
  for (const layer of layers) {
    for (const [path, sourced] of layer) {
      for (const other of [...result.keys()]) {
        if (other.startsWith(`${path}.`) || path.startsWith(`${other}.`)) result.delete(other);
      }
      result.set(path, sourced);
    }
  }
  return result;
}

/** The object that a layer makes. Without prototypes, so that no name means anything by itself. */
export function toObject(layer: Layer): Record<string, unknown> {
  const root: Record<string, unknown> = Object.create(null);
  for (const [path, { value }] of layer) {
    const names = path.split('.');
    const last = names.pop() ?? '';
    let at = root;
    for (const name of names) {
      at[name] ??= Object.create(null);
      at = at[name] as Record<string, unknown>;
    }
    at[last] = value;
  }
  return root;
}

/** Whether an object there is one value. */
function isWhole(path: string): boolean {
  return optionAt(path)?.kind === 'map';
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
