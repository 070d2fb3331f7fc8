import type { TierwiseConfig } from './schema/index.js';

export { type CodeOptions, createHierarchyFromConfig } from './create.js';
export { type Environment, RETIRED as RETIRED_VARIABLES } from './environment.js';
export { type ConfigEntry, type LoadConfigOptions, type LoadedConfig, loadConfig } from './load.js';
export { ConfigError, type ConfigProblem, type ConfigProblemCode } from './problems.js';
export { PROFILES } from './profiles.js';
export { PROFILE_NAMES, type ProfileName, type TierwiseConfig } from './schema/index.js';
export { configJsonSchema } from './schema/json-schema.js';
export type { OptionKind, OptionMeta } from './schema/option.js';
export { OPTION_LIST, type OptionInfo } from './schema/reference.js';
export type { ConfiguredLogger } from './telemetry.js';

/** For `tierwise.config.ts`: nothing but its argument's type. */
export function defineConfig(config: TierwiseConfig): TierwiseConfig {
  return config;
}
