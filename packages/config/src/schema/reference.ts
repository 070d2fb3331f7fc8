import * as z from 'zod';
import { configSchema } from './index.js';
import { OPTIONS, type OptionMeta } from './option.js';

/** An option: where it stands, and what is known of it. */
export interface OptionInfo extends OptionMeta {
  /** Such as `l1.maxEntries`. */
  readonly path: string;
  /** Its environment variable, which follows from the path. */
  readonly variable: string;
}

/** All options, in the order of the schema. */
export const OPTION_LIST: readonly OptionInfo[] = [...optionsIn(configSchema, [])];

const BY_PATH = new Map(OPTION_LIST.map((option) => [option.path, option]));

/** The option of a path, or what an element of it belongs to. */
export function optionAt(path: string): OptionInfo | undefined {
  return BY_PATH.get(path);
}

/** The names that there are below a path. */
export function namesAt(path: string): string[] {
  const start = path === '' ? '' : `${path}.`;
  const names = OPTION_LIST.filter((option) => option.path.startsWith(start)).map((option) =>
    option.path.slice(start.length).split('.', 1).join(),
  );
  return [...new Set(names)];
}

function* optionsIn(schema: z.ZodType, path: readonly string[]): Iterable<OptionInfo> {
  const inner = schema instanceof z.ZodOptional ? (schema.unwrap() as z.ZodType) : schema;
  const meta = OPTIONS.get(inner);
  if (meta !== undefined) yield { path: path.join('.'), variable: variableOf(path), ...meta };
  const parts = inner instanceof z.ZodUnion && meta?.kind !== 'number' ? (inner.options as z.ZodType[]) : [inner];
  for (const part of parts) {
    if (!(part instanceof z.ZodObject)) continue;
    for (const [name, each] of Object.entries(part.shape)) yield* optionsIn(each as z.ZodType, [...path, name]);
  }
}

/** `l1.maxEntries` → `TIERWISE_L1_MAX_ENTRIES`. */
function variableOf(path: readonly string[]): string {
  const words = path.map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter}`));
  return `TIERWISE_${words.join('_').toUpperCase()}`;
}
