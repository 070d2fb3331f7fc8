import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, extname, isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parse as parseToml, TomlError } from 'smol-toml';
import { withoutPasswords } from './mask.js';
import { importOptional } from './optional.js';
import { ConfigError } from './problems.js';

/** What a configuration file is called, wherever it is. */
const FILE_NAMES = [
  'tierwise.config.ts',
  'tierwise.config.js',
  'tierwise.config.json',
  'tierwise.config.toml',
] as const;

/** A file that was read. */
export interface ReadFile {
  /** As an absolute path. */
  readonly path: string;
  /** For messages. */
  readonly name: string;
  readonly values: unknown;
}

/**
 * Reads the configuration file of a directory, or one that is named.
 *
 * @returns `undefined` where there is none and none was named.
 * @throws {@link ConfigError}
 */
export async function readConfigFile(directory: string, named: string | undefined): Promise<ReadFile | undefined> {
  const path = named === undefined ? found(directory) : isAbsolute(named) ? named : resolve(directory, named);
  if (path === undefined) return undefined;
  const name = named ?? basename(path);
  if (!existsSync(path)) throw fails(name, 'does not exist');
  const values = await valuesIn(path, name);
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw fails(name, 'must give an object of options');
  }
  // For editors.
  const { $schema: _, ...options } = values as Record<string, unknown>;
  return { path, name, values: options };
}

function found(directory: string): string | undefined {
  const there = FILE_NAMES.filter((name) => existsSync(join(directory, name)));
  if (there.length > 1) throw fails(there.join(' and '), 'stand beside each other: keep one, or name one');
  return there[0] && join(directory, there[0]);
}

async function valuesIn(path: string, name: string): Promise<unknown> {
  switch (extname(path)) {
    case '.json':
      return fromJson(await textIn(path, name), name);
    case '.toml':
      return fromToml(await textIn(path, name), name);
    case '.js':
    case '.mjs':
    case '.ts':
    case '.mts':
      return fromModule(path, name);
    default:
      throw fails(name, 'must end in .ts, .js, .json or .toml');
  }
}

async function textIn(path: string, name: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw fails(name, `cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`);
  }
}

/** Says where, but not what: what is there may be a secret. */
function fromJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    const position = / at position (\d+)/.exec(String(error))?.[1];
    const line = position === undefined ? undefined : text.slice(0, Number(position)).split('\n').length;
    throw fails(name, `is no JSON${line === undefined ? '' : `, from line ${line} on`}`);
  }
}

function fromToml(text: string, name: string): unknown {
  try {
    return parseToml(text);
  } catch (error) {
    throw fails(name, `is no TOML${error instanceof TomlError ? `, from line ${error.line} on` : ''}`);
  }
}

/** A module's default export: an object, or a function that answers with one. */
async function fromModule(path: string, name: string): Promise<unknown> {
  let given: unknown;
  try {
    given = await importModule(path, name);
    if (typeof given === 'function') given = await given();
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw fails(name, `throws: ${error instanceof Error ? error.message : String(error)}`);
  }
  return given;
}

interface Jiti {
  createJiti(from: string, options: object): { import(path: string, options: { default: true }): Promise<unknown> };
}

async function importModule(path: string, name: string): Promise<unknown> {
  const isTypeScript = /\.m?ts$/.test(path);
  if (!isTypeScript || canStripTypes()) {
    const module: { default?: unknown } = await import(pathToFileURL(path).href);
    return module.default;
  }
  const why = `this Node does not read ${name} by itself (Node 22.18 does)`;
  const { createJiti } = await importOptional<Jiti>('jiti', why, '');
  return createJiti(import.meta.url, { fsCache: false }).import(path, { default: true });
}

function canStripTypes(): boolean {
  return Boolean((process.features as { typescript?: unknown }).typescript);
}

function fails(name: string, how: string): ConfigError {
  const message = `${name} ${withoutPasswords(how)}`;
  return new ConfigError([{ code: 'file', option: '', source: undefined, suggestion: undefined, message }]);
}
