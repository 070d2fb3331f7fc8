import type { TierwiseConfig } from './index.js';

/** Something that an option lacks, though it may be right by itself. */
export interface Demand {
  readonly path: string;
  readonly message: string;
}

type L2Config = NonNullable<TierwiseConfig['l2']>;
type RedisConfig = NonNullable<L2Config['redis']>;

/**
 * Which second tier is meant. Bounds of a pool or a store, which variables of the older system set for whatever there is, configure none.
 * Anything else does, if only to be told that it does not say where the store is.
 */
export function usedL2(l2: TierwiseConfig['l2']): 'redis' | 'embedded' | 'none' | 'several' {
  if (l2?.use !== undefined) return l2.use;
  const hasEmbedded = saysMore(l2?.embedded, ['maxBytes', 'sweepInterval']);
  if (saysMore(l2?.redis, ['pool'])) return hasEmbedded ? 'several' : 'redis';
  return hasEmbedded ? 'embedded' : 'none';
}

function saysMore(group: object | undefined, bounds: readonly string[]): boolean {
  return group !== undefined && Object.keys(group).some((name) => !bounds.includes(name));
}

function placesOf(redis: RedisConfig | undefined): string[] {
  return (['url', 'host', 'sentinel', 'cluster'] as const).filter((place) => redis?.[place] !== undefined);
}

/** What options demand of each other. Looks at options whose types may be wrong, which is told elsewhere. */
export function demandsOf(config: TierwiseConfig): Demand[] {
  const { namespace, l2, journal, snapshot, incidents } = config;
  const { high = 0.85, low } = incidents?.memory ?? {};
  const needsFile = snapshot?.onSigterm === true || snapshot?.restoreOnStart === true;
  const demands: [boolean, string, string][] = [
    [namespace === undefined, 'namespace', 'is required'],
    [
      journal !== false && journal?.enabled === true && journal.directory === undefined,
      'journal.directory',
      'is required where journal.enabled is true',
    ],
    [
      needsFile && snapshot?.file === undefined,
      'snapshot.file',
      'is required where snapshot.onSigterm or snapshot.restoreOnStart is true',
    ],
    [
      low !== undefined && low > high,
      'incidents.memory.low',
      `must not be above incidents.memory.high, which is ${high}`,
    ],
    ...demandsOnL2(l2),
  ];
  return demands.flatMap(([lacks, path, message]) => (lacks ? [{ path, message }] : []));
}

function demandsOnL2(l2: TierwiseConfig['l2']): [boolean, string, string][] {
  const used = usedL2(l2);
  const { redis, embedded } = l2 ?? {};
  const isRedis = used === 'redis';
  const places = placesOf(redis).map((place) => `l2.redis.${place}`);
  return [
    [used === 'several', 'l2.use', 'is required where both l2.redis and l2.embedded are configured'],
    [used === 'embedded' && embedded?.dir === undefined, 'l2.embedded.dir', 'is required for this L2'],
    [isRedis && places.length === 0, 'l2.redis', 'needs one of url, host, sentinel and cluster, to say where Redis is'],
    [isRedis && places.length > 1, 'l2.redis', `takes one of ${places.join(' and ')}: each says where Redis is`],
    ...(['sentinel.name', 'sentinel.sentinels', 'cluster.nodes'] as const).map((path): [boolean, string, string] => {
      const [place, part] = path.split('.') as ['sentinel' | 'cluster', string];
      const parts = redis?.[place] as Record<string, unknown> | undefined;
      return [isRedis && parts !== undefined && parts?.[part] === undefined, `l2.redis.${path}`, 'is required'];
    }),
    [
      isRedis && redis?.cluster !== undefined && redis.pool !== undefined,
      'l2.redis.pool',
      'does not go together with l2.redis.cluster, where each server has a connection of its own',
    ],
  ];
}
