import { inspect } from 'node:util';
import { describeOptions } from './describe.js';
import { type Environment, FILE_VARIABLE, readEnvironment } from './environment.js';
import { type ReadFile, readConfigFile } from './file.js';
import { type Layer, layerOf, merged, toObject } from './layers.js';
import { ConfigError, problemsIn } from './problems.js';
import { PROFILES } from './profiles.js';
import { PROFILE_NAMES, type ProfileName, type TierwiseConfig } from './schema/index.js';

/** Options of {@link loadConfig}. */
export interface LoadConfigOptions {
  /** Options in code. Files and the environment go before them, so that who operates a service has the last word. */
  readonly code?: TierwiseConfig | undefined;
  /** The configuration file. Default: what the variable `TIERWISE_CONFIG` names, or `tierwise.config.{ts,js,json,toml}` in `cwd`. `false`: none. */
  readonly file?: string | false | undefined;
  /** Where files are looked for. Default: the process' working directory. */
  readonly cwd?: string | undefined;
  /** Default: `process.env`. `false`: none. */
  readonly environment?: Environment | false | undefined;
  /** Variables that look like Tierwise's and are somebody else's: as if they were not set. */
  readonly ignoreVariables?: readonly string[] | undefined;
}

/** An option as it is in force. */
export interface ConfigEntry {
  /** Its path, such as `l1.maxEntries`. */
  readonly option: string;
  /** Its value; what is secret in it is hidden. */
  readonly value: unknown;
  /** A variable, a file, `code`, `profile …`, or `default`. */
  readonly source: string;
}

/** A configuration that was put together and checked. Printed or turned into JSON, it hides its secrets. */
export interface LoadedConfig {
  /** The options in force, without defaults that nobody has set. **With their secrets.** */
  readonly options: TierwiseConfig;
  /** The profile whose defaults count. */
  readonly profile: ProfileName | undefined;
  /** The file that was read, as an absolute path. */
  readonly file: string | undefined;
  /** What was found and has no effect, with the reason. */
  readonly notes: readonly string[];
  /** Every option in force and where it came from, defaults included, secrets hidden. */
  readonly entries: readonly ConfigEntry[];
  /** {@link LoadedConfig.entries} and {@link LoadedConfig.notes} as a table, for logs and consoles. */
  describe(): string;
}

/**
 * Puts the configuration together: defaults, then those of the profile, then code, then the file, then the environment (there the variables
 * of the older system, then `TIERWISE_*`). What comes later goes before, option by option.
 *
 * @throws {@link ConfigError} with everything that is wrong.
 */
export async function loadConfig(options: LoadConfigOptions = {}): Promise<LoadedConfig> {
  const { code = {}, cwd = process.cwd(), environment = process.env, ignoreVariables = [] } = options;
  const variables = environment === false ? {} : without(environment, ignoreVariables);
  const named = options.file ?? (variables[FILE_VARIABLE] || undefined);
  const file = named === false ? undefined : await readConfigFile(cwd, named);
  const { legacy, own, problems, notes } = readEnvironment(variables);
  const said = merged([layerOf(code, 'code'), file ? layerOf(file.values, file.name) : new Map(), legacy, own]);
  const profile = said.get('profile')?.value;
  const isProfile = (PROFILE_NAMES as readonly unknown[]).includes(profile);
  const base = isProfile ? layerOf(PROFILES[profile as ProfileName].values, `profile ${profile}`) : new Map();
  const layer = merged([base, said]);
  const all = [...problems, ...problemsIn(toObject(layer), (path) => sourceOf(layer, path))];
  if (all.length > 0) throw new ConfigError(all);
  return new Loaded(layer, isProfile ? (profile as ProfileName) : undefined, file, notes);
}

function without(environment: Environment, names: readonly string[]): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !names.includes(name)));
}

/** The source of an option, or of a part of it. */
function sourceOf(layer: Layer, path: string): string | undefined {
  return (
    layer.get(path)?.source ??
    [...layer].find(([each]) => each.startsWith(`${path}.`) || path.startsWith(`${each}.`))?.[1].source
  );
}

class Loaded implements LoadedConfig {
  readonly profile: ProfileName | undefined;
  readonly file: string | undefined;
  readonly notes: readonly string[];
  readonly #layer: Layer;

  constructor(layer: Layer, profile: ProfileName | undefined, file: ReadFile | undefined, notes: readonly string[]) {
    this.#layer = layer;
    this.profile = profile;
    this.file = file?.path;
    this.notes = notes;
  }

  get options(): TierwiseConfig {
    return toObject(this.#layer) as TierwiseConfig;
  }

  get entries(): readonly ConfigEntry[] {
    return describeOptions(this.#layer);
  }

  describe(): string {
    const rows = this.entries.map(({ option, value, source }) => [option, display(value), source] as const);
    const widths = [0, 1].map((column) => Math.max(0, ...rows.map((row) => row[column as 0 | 1].length)));
    const lines = rows.map(([option, value, source]) =>
      `${option.padEnd(widths[0] ?? 0)}  ${value.padEnd(widths[1] ?? 0)}  ${source}`.trimEnd(),
    );
    return [...lines, ...this.notes.map((note) => `note: ${note}`)].join('\n');
  }

  toJSON(): unknown {
    return { profile: this.profile, file: this.file, notes: this.notes, entries: this.entries };
  }

  [inspect.custom](): string {
    return this.describe();
  }
}

function display(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
