import { nearestName } from '@tierwise/hierarchy';
import type { z } from 'zod';
import { shown } from './mask.js';
import { demandsOf } from './schema/demands.js';
import { configSchema, type TierwiseConfig } from './schema/index.js';
import { namesAt, optionAt } from './schema/reference.js';

/**
 * - `unknown`: there is no such option, variable or profile.
 * - `invalid`: the value is not what it must be.
 * - `missing`: it is required.
 * - `file`: a file cannot be read, or is not what its name says.
 * - `package`: what is configured needs a package that is not installed.
 */
export type ConfigProblemCode = 'unknown' | 'invalid' | 'missing' | 'file' | 'package';

/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  readonly code: ConfigProblemCode;
  /** The option's path, such as `l1.maxEntries`; empty where it is about a source as a whole. */
  readonly option: string;
  /** Where the value came from: a variable, a file, `code` or `profile …`. */
  readonly source: string | undefined;
  /** What was probably meant. */
  readonly suggestion: string | undefined;
  /** Never has a secret in it. */
  readonly message: string;
}

/** The configuration cannot be used. Says everything that is wrong with it at once. */
export class ConfigError extends Error {
  /** Stable, for programs. */
  readonly code = 'ERR_TIERWISE_CONFIG';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ message, source }) => `- ${message}${source === undefined ? '' : ` (${source})`}`);
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
    super(`the configuration has ${count}:\n${lines.join('\n')}`);
    this.name = new.target.name;
    this.problems = problems;
  }
}

/** So many names are not listed any more. */
const MANY = 12;

export type SourceOf = (path: string) => string | undefined;

/** A problem with a name that does not exist. */
export function unknownName(
  what: string,
  name: string,
  names: readonly string[],
  source: string | undefined,
): ConfigProblem {
  const suggestion = nearestName(name, names);
  const hint = suggestion === undefined ? '' : `; did you mean ${suggestion}?`;
  return { code: 'unknown', option: name, source, suggestion, message: `there is no ${what} ${name}${hint}` };
}

/** Everything that is wrong with options, which came from so many places. */
export function problemsIn(config: object, sourceOf: SourceOf): ConfigProblem[] {
  const parsed = configSchema.safeParse(config);
  const issues = parsed.success ? [] : parsed.error.issues.flatMap((issue) => innermost(issue, config));
  const problems = issues.flatMap((issue) => problemsOf(issue, config, sourceOf));
  const told = new Set(problems.map(({ option }) => option));
  for (const { path, message } of demandsOf(config as TierwiseConfig)) {
    if (told.has(path)) continue;
    const code = message.startsWith('is required') ? 'missing' : 'invalid';
    problems.push({ code, option: path, source: sourceOf(path), suggestion: undefined, message: `${path} ${message}` });
  }
  return problems;
}

/** What is wrong within an object that could also have been `false`, or short for a part of itself. */
function innermost(issue: z.core.$ZodIssue, config: object): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union' || !isObject(valueAt(config, issue.path))) return [issue];
  if (optionAt(issue.path.join('.'))?.kind === undefined) return [issue];
  const ofObject = issue.errors.at(-1) ?? [];
  return ofObject.flatMap((each) => innermost({ ...each, path: [...issue.path, ...each.path] }, config));
}

function problemsOf(issue: z.core.$ZodIssue, config: object, sourceOf: SourceOf): ConfigProblem[] {
  const at = issue.path.map(String);
  // Within a list it is the list's value that is wrong.
  if (issue.code === 'unrecognized_keys' && !isWithinValue(at)) {
    return issue.keys.map((key) => unknownOption([...at, key].join('.'), at.join('.'), key, sourceOf));
  }
  const path = optionOf(at) ?? at.join('.');
  const option = optionAt(path);
  const value = valueAt(config, path.split('.'));
  const allowed = option?.allowed ?? 'an object of options';
  const message = `${path} must be ${allowed}, not ${shown(value, option?.secret)}`;
  return [{ code: 'invalid', option: path, source: sourceOf(path), suggestion: undefined, message }];
}

function unknownOption(path: string, parent: string, key: string, sourceOf: SourceOf): ConfigProblem {
  const names = namesAt(parent);
  const nearest = nearestName(key, names);
  const suggestion = nearest === undefined ? undefined : [parent, nearest].filter((part) => part !== '').join('.');
  const all = names.length > MANY ? '' : `; there are ${names.join(', ')}`;
  const hint = suggestion === undefined ? all : `; did you mean ${suggestion}?`;
  return {
    code: 'unknown',
    option: path,
    source: sourceOf(path),
    suggestion,
    message: `there is no option ${path}${hint}`,
  };
}

function isWithinValue(at: readonly string[]): boolean {
  const kind = optionAt(optionOf(at) ?? '')?.kind;
  return kind !== undefined && kind !== 'off' && kind !== 'short';
}

/** The option that a place belongs to, which may be within a list. */
function optionOf(at: readonly string[]): string | undefined {
  for (let length = at.length; length > 0; length -= 1) {
    const path = at.slice(0, length).join('.');
    const option = optionAt(path);
    // What has parts of its own is no value.
    if (option !== undefined) return length < at.length && ['off', 'short'].includes(option.kind) ? undefined : path;
  }
  return undefined;
}

function valueAt(config: object, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, name) => (value as Record<PropertyKey, unknown> | undefined)?.[name], config);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
