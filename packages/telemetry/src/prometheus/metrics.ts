import type { Hierarchy, HierarchyEventOf, HierarchyStats, IncidentKind } from '@tierwise/hierarchy';
import { register as globalRegistry, type Registry } from 'prom-client';
import { checkOptions } from '../check-options.js';
import { cacheFamilies } from './cache-families.js';
import { DEFINITION_FAMILIES } from './definition-families.js';
import { register } from './family.js';
import { HIERARCHY_FAMILIES, type HierarchyView, LEGACY_FAMILIES } from './hierarchy-families.js';
import { BoundedNames } from './names.js';
import { nameOf, POOL_FAMILIES, type PoolView, partsOf, type WatchedPool } from './pool-families.js';
import { errorName, Timings } from './timings.js';

/** Options of {@link prometheusMetrics}. */
export interface MetricsOptions {
  /** Where the metrics are registered. Default: prom-client's global registry. */
  readonly registry?: Registry;
  /** How many hierarchies are told apart; all that are watched later are `other` together. Default 50. */
  readonly maxHierarchies?: number;
  /** How many namespaces have series of their own; all later ones are `other` together. Default 50. */
  readonly maxNamespaces?: number;
  /** The same for definitions. Default 100. */
  readonly maxDefinitions?: number;
  /** The same for pools, each origin of an HTTP pool counted. Default 50. */
  readonly maxPools?: number;
  /** Adds `resync_cache_hits`, `_misses`, `_evictions` and `_size`, as an older metrics format called L1's. Default `false`. */
  readonly legacyNames?: boolean;
  /** Upper bounds of the buckets of loads and reads, in seconds. Default: 0.001 to 60. */
  readonly loadBuckets?: readonly number[];
  /** Upper bounds of the buckets of commands to L2, in seconds. Default: 0.0002 to 5. */
  readonly l2Buckets?: readonly number[];
}

const OPTIONS = [
  'registry',
  'maxHierarchies',
  'maxNamespaces',
  'maxDefinitions',
  'maxPools',
  'legacyNames',
  'loadBuckets',
  'l2Buckets',
] as const;

/** What exports figures to Prometheus. */
export interface Metrics {
  /**
   * Exports a hierarchy's figures from now on.
   *
   * @param name what it is called in the label `hierarchy`. Default: its namespace. Two of one name in one process are added up.
   * @returns how to end that.
   */
  watch(hierarchy: Hierarchy, name?: string): () => void;
  /** Exports a pool's figures from now on. @returns how to end that. */
  watchPool(pool: WatchedPool): () => void;
  /** Ends all that was begun, and takes the metrics out of the registry. */
  close(): void;
}

/** All kinds, so that each has its series from the beginning: an alert on something that has never been there sees nothing. */
const INCIDENT_KINDS = Object.keys({
  'l2-down': true,
  'l2-slow': true,
  'l2-read-only': true,
  'l2-full': true,
  'feed-lost': true,
  'journal-failing': true,
  'bytes-undecodable': true,
  'bytes-undecryptable': true,
  'memory-pressure': true,
  'load-failing': true,
  'evictions-high': true,
} satisfies Record<IncidentKind, true>) as readonly IncidentKind[];

/** A hierarchy that is watched. */
interface Watched {
  readonly name: string;
  readonly begun: Record<IncidentKind, number>;
  readonly stop: () => void;
}

/**
 * Exports figures of hierarchies and pools to Prometheus. Counters and gauges are read from `stats()` when they are scraped; only how long
 * things take is noted as it happens, for loads and for what goes to L2. An L1 hit costs nothing more.
 *
 * Labels are names of hierarchies, namespaces, definitions and pools (bounded), and words of Tierwise; never keys or tags.
 */
export function prometheusMetrics(options: MetricsOptions = {}): Metrics {
  checkOptions('prometheusMetrics()', options, OPTIONS);
  const { registry = globalRegistry, legacyNames = false } = options;
  const { maxHierarchies = 50, maxNamespaces = 50, maxDefinitions = 100, maxPools = 50 } = options;
  const hierarchies = new BoundedNames('maxHierarchies', maxHierarchies);
  const namespaces = new BoundedNames('maxNamespaces', maxNamespaces);
  const definitions = new BoundedNames('maxDefinitions', maxDefinitions);
  const poolNames = new BoundedNames('maxPools', maxPools);
  const watched = new Map<Hierarchy, Watched>();
  const pools = new Set<WatchedPool>();
  const before = new Set(registry.getMetricsAsArray().map(({ name }) => name));
  const { loadBuckets, l2Buckets } = options;
  const timings = new Timings({
    registry,
    nameOf: (hierarchy) => watched.get(hierarchy)?.name,
    loadBuckets,
    l2Buckets,
  });

  const viewsOf = once((): readonly HierarchyView[] =>
    [...watched].map(([hierarchy, { name, begun }]) => {
      const { open } = hierarchy.incidents();
      const openOf = (kind: IncidentKind) => open.filter((incident) => incident.kind === kind).length;
      const incidents = recordOf(INCIDENT_KINDS, (kind) => ({ open: openOf(kind), begun: begun[kind] }));
      return { hierarchy: name, stats: hierarchy.stats(), incidents };
    }),
  );
  const namedBy = <F>(names: BoundedNames, select: (stats: HierarchyStats) => Readonly<Record<string, F>>) =>
    function* (): Iterable<{ hierarchy: string; named: (readonly [name: string, figures: F])[] }> {
      for (const { hierarchy, stats } of viewsOf()) {
        yield { hierarchy, named: Object.entries(select(stats)).map(([name, figures]) => [names.of(name), figures]) };
      }
    };
  const poolViews = once((): readonly PoolView[] =>
    [...pools].flatMap(partsOf).map((figures) => ({ pool: poolNames.of(nameOf(figures)), figures })),
  );

  const spaces = namedBy(namespaces, ({ namespaces: all }) => all);
  for (const family of cacheFamilies('tierwise_', 'namespace')) register(registry, family, spaces);
  const defined = namedBy(definitions, ({ definitions: all }) => all);
  for (const family of cacheFamilies('tierwise_definition_', 'definition')) register(registry, family, defined);
  for (const family of DEFINITION_FAMILIES) register(registry, family, defined);
  for (const family of HIERARCHY_FAMILIES) register(registry, family, viewsOf);
  for (const family of legacyNames ? LEGACY_FAMILIES : []) register(registry, family, viewsOf);
  for (const family of POOL_FAMILIES) register(registry, family, poolViews);
  const names = registry.getMetricsAsArray().flatMap(({ name }) => (before.has(name) ? [] : [name]));

  const onLoad =
    (name: string) =>
    ({ namespace, outcome, ms, error }: HierarchyEventOf<'load'>) => {
      const timedOut = outcome === 'failed' && errorName(error) === 'LoadTimeoutError';
      timings.loaded(name, namespaces.of(namespace), timedOut ? 'timeout' : outcome, ms);
    };

  return {
    watch(hierarchy, wanted = hierarchy.name) {
      const name = hierarchies.of(wanted);
      watched.get(hierarchy)?.stop();
      const begun = recordOf(INCIDENT_KINDS, () => 0);
      const unsubscribe = [
        hierarchy.on('load', onLoad(name)),
        hierarchy.on('incident', ({ phase, incident }) => {
          if (phase === 'begin') begun[incident.kind] += 1;
        }),
      ];
      const stop = () => {
        for (const each of unsubscribe) each();
        if (watched.get(hierarchy)?.stop === stop) watched.delete(hierarchy);
      };
      watched.set(hierarchy, { name, begun, stop });
      return stop;
    },
    watchPool(pool) {
      pools.add(pool);
      return () => pools.delete(pool);
    },
    close() {
      for (const { stop } of [...watched.values()]) stop();
      pools.clear();
      timings.close();
      for (const name of names) registry.removeSingleMetric(name);
    },
  };
}

/** Makes `read` run once for all metrics of a scrape: they are read within one turn, and show one moment. */
function once<T>(read: () => T): () => T {
  let value: { readonly of: T } | undefined;
  return () => {
    if (value === undefined) {
      value = { of: read() };
      queueMicrotask(() => {
        value = undefined;
      });
    }
    return value.of;
  };
}

function recordOf<K extends string, V>(keys: readonly K[], make: (key: K) => V): Record<K, V> {
  return Object.fromEntries(keys.map((key) => [key, make(key)])) as Record<K, V>;
}
