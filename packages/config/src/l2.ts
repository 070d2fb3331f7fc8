import type { HierarchyOptions } from '@tierwise/hierarchy';
import { importOptional } from './optional.js';
import { usedL2 } from './schema/demands.js';
import type { TierwiseConfig } from './schema/index.js';
import { inPlainNumbers } from './units.js';

type L2 = NonNullable<HierarchyOptions['l2']>;
type L2Config = NonNullable<TierwiseConfig['l2']>;
type RedisConfig = NonNullable<L2Config['redis']>;

interface RedisPackage {
  redisL2(options: object): L2;
}
interface EmbeddedPackage {
  embeddedL2(options: object): L2;
}
interface PoolPackage {
  redisPool(options: object): { close(): Promise<void> };
}
interface ClientPackage {
  Redis: new (...options: unknown[]) => unknown;
}

/** A second tier, and how to close what was made for it, after it. */
export interface Backend {
  readonly l2: L2 | undefined;
  readonly close: (() => Promise<void>) | undefined;
}

/** The second tier that is configured. */
export async function l2Of(config: L2Config | undefined): Promise<Backend> {
  const used = usedL2(config);
  if (used === 'redis') return redisOf(config?.redis ?? {});
  if (used !== 'embedded') return { l2: undefined, close: undefined };
  const { embeddedL2 } = await importOptional<EmbeddedPackage>(
    '@tierwise/l2-embedded',
    'l2.embedded is configured',
    'l2.embedded',
  );
  return { l2: embeddedL2(inPlainNumbers('l2.embedded', config?.embedded ?? {})), close: undefined };
}

async function redisOf(config: RedisConfig): Promise<Backend> {
  const { redisL2 } = await importOptional<RedisPackage>('@tierwise/l2-redis', 'l2.redis is configured', 'l2.redis');
  const { url, sentinel, cluster, reissue, waitReplicas, pool } = config;
  const behaviour = behaviourOf(config);
  const own = {
    ...behaviour,
    ...(reissue === false && { reissue: false }),
    ...(reissue && { reissue: reissueOf(reissue) }),
    ...(waitReplicas && { waitReplicas: waitOf(waitReplicas) }),
  };
  const connection = connectionOf(config);
  if (pool !== undefined) return pooled(redisL2, own, pool, config, connection);
  const place = {
    url,
    sentinel: sentinelOf(sentinel),
    cluster: cluster && { nodes: cluster.nodes?.map(addressOf), natMap: natMapOf(cluster.natMap) },
  };
  return { l2: redisL2({ ...own, ...place, redis: connection }), close: undefined };
}

/** A pool's connections are its own: how they find Redis is said to them, and not to the L2. */
async function pooled(
  redisL2: RedisPackage['redisL2'],
  own: object,
  pool: NonNullable<RedisConfig['pool']>,
  { url, sentinel, tracking }: RedisConfig,
  connection: object,
): Promise<Backend> {
  const why = 'l2.redis.pool is configured';
  const { redisPool } = await importOptional<PoolPackage>('@tierwise/pools/redis', why, 'l2.redis.pool');
  const { Redis } = await importOptional<ClientPackage>('ioredis', why, 'l2.redis.pool');
  const found = sentinelOf(sentinel);
  const place = found && {
    sentinels: found.sentinels,
    name: found.name,
    sentinelUsername: found.username,
    sentinelPassword: found.password,
    natMap: found.natMap,
  };
  const connections = redisPool({
    ...inPlainNumbers('l2.redis.pool', pool),
    client: (options: object) => {
      const all = { ...options, ...connection, ...place, ...(tracking === true && { protocol: 2 }) };
      return url === undefined ? new Redis(all) : new Redis(url, all);
    },
  });
  return { l2: redisL2({ ...own, pool: connections }), close: () => connections.close() };
}

/** Options that `redisL2` has as well, as it takes them. */
function behaviourOf(config: RedisConfig): object {
  const { commandTimeout, connectTimeout, minReconnectDelay, maxReconnectDelay, heartbeatInterval, tracking } = config;
  const given = { commandTimeout, connectTimeout, minReconnectDelay, maxReconnectDelay, heartbeatInterval, tracking };
  return inPlainNumbers('l2.redis', withoutUndefined(given));
}

/** Options of connections, as ioredis takes them. */
function connectionOf({ host, port, username, password, db, tls, keyPrefix }: RedisConfig): object {
  return withoutUndefined({ host, port, username, password, db, keyPrefix, tls: tls === true ? {} : undefined });
}

function reissueOf({ age, ...others }: Exclude<RedisConfig['reissue'], false | undefined>): object {
  return { ...others, ...(age !== undefined && { ageMs: inPlainNumbers('l2.redis.reissue', { age })['age'] }) };
}

function waitOf({ count = 1, timeout = 100 }: NonNullable<RedisConfig['waitReplicas']>): object {
  return { count, timeoutMs: inPlainNumbers('l2.redis.waitReplicas', { timeout })['timeout'] };
}

function sentinelOf(sentinel: RedisConfig['sentinel']) {
  if (sentinel === undefined) return undefined;
  const { sentinels, name, username, password, natMap } = sentinel;
  return withoutUndefined({
    sentinels: sentinels?.map(addressOf),
    name,
    username,
    password,
    natMap: natMapOf(natMap),
  }) as {
    readonly sentinels?: unknown;
    readonly name?: string;
    readonly username?: string;
    readonly password?: string;
    readonly natMap?: object;
  };
}

type Address = { readonly host: string; readonly port: number };

function addressOf(address: string | Address): Address {
  if (typeof address !== 'string') return address;
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(colon + 1)) };
}

function natMapOf(natMap: Readonly<Record<string, string | Address>> | undefined): Record<string, Address> | undefined {
  return natMap && Object.fromEntries(Object.entries(natMap).map(([from, to]) => [from, addressOf(to)]));
}

function withoutUndefined(options: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
