import { createHierarchy, type Hierarchy, type HierarchyOptions } from '@tierwise/hierarchy';
import { journalOf } from './journal.js';
import { l2Of } from './l2.js';
import { type LoadConfigOptions, type LoadedConfig, loadConfig } from './load.js';
import type { TierwiseConfig } from './schema/index.js';
import { type ConfiguredLogger, watchersOf } from './telemetry.js';

/** Options that only code can give: objects and functions. They go before those of the same name in the configuration. */
export type CodeOptions = Partial<HierarchyOptions> & {
  /** What the hierarchy does and what goes wrong is logged here, as `telemetry.logging` says. Default: nowhere. */
  readonly logger?: ConfiguredLogger | undefined;
};

/**
 * Makes the hierarchy that a configuration describes, with its L2, its journal and its telemetry. Packages are imported only if they are
 * asked for. `close()` closes all of it.
 *
 * @param config default: what {@link loadConfig} finds.
 * @param code what only code can say, such as an L2 of your own, a logger, `clock`, or handlers of incidents.
 * @throws {@link ConfigError}; whatever `createHierarchy` throws.
 */
export async function createHierarchyFromConfig(
  config?: LoadedConfig | LoadConfigOptions,
  { logger, ...code }: CodeOptions = {},
): Promise<Hierarchy> {
  const loaded = config !== undefined && isLoaded(config) ? config : await loadConfig(config);
  const { options } = loaded;
  const backend = code.l2 === undefined ? await l2Of(options.l2) : { l2: code.l2, close: undefined };
  const journal = code.journal ?? (await journalOf(options.journal));
  const incidents = { enabled: true, ...options.incidents, ...code.incidents };
  const snapshot = { ttl: '1d', ...options.snapshot, ...code.snapshot } as const;
  const watchers = await watchersOf(options.telemetry, logger);
  const make = () =>
    createHierarchy(
      // Whatever is undefined was said by nobody.
      defined({
        ...hierarchyOptions(options),
        l2: backend.l2,
        journal,
        instrumentation: watchers.instrumentation,
        ...defined(code),
        incidents,
        snapshot,
      }) as unknown as HierarchyOptions,
    );
  const hierarchy = unless(watchers.giveUp, make);
  const unwatch = watchers.watch(hierarchy);
  const close = hierarchy.close.bind(hierarchy);
  let closing: Promise<void> | undefined;
  return Object.assign(hierarchy, {
    close: () => {
      closing ??= close().finally(async () => {
        unwatch();
        await backend.close?.();
      });
      return closing;
    },
  });
}

/** @param failed is called if it throws. */
function unless<T>(failed: () => void, make: () => T): T {
  try {
    return make();
  } catch (error) {
    failed();
    throw error;
  }
}

function isLoaded(config: LoadedConfig | LoadConfigOptions): config is LoadedConfig {
  return 'describe' in config;
}

/** What the hierarchy itself understands. */
function hierarchyOptions(options: TierwiseConfig): Record<string, unknown> {
  const { profile: _profile, l2: _l2, journal: _journal, telemetry: _telemetry, encryption, ...others } = options;
  return { ...others, encryption: encryption && { ...encryption, keys: encryption.keys?.map(keyOf) } };
}

/** `id:key` in its parts. */
function keyOf(key: string | { readonly id: string; readonly key: string }): {
  readonly id: string;
  readonly key: string;
} {
  if (typeof key !== 'string') return key;
  const colon = key.indexOf(':');
  return { id: key.slice(0, colon), key: key.slice(colon + 1) };
}

function defined(options: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
