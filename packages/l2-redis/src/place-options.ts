import type { Cluster, RedisOptions } from 'ioredis';
import type { Address, AddressMap } from './cluster-slots.js';
import { invalid } from './invalid.js';

/** A Redis Cluster. */
export interface RedisClusterOptions {
  /** Some of its servers, to ask for the others. One is enough as long as it runs. */
  readonly nodes: readonly Address[];
  /** Where servers really listen, by the `host:port` that the cluster knows them by: for tunnels and port mappings. */
  readonly natMap?: AddressMap | undefined;
}

/** A master that Sentinels watch over. */
export interface RedisSentinelOptions {
  /** The Sentinels; those that they know of are added. */
  readonly sentinels: readonly Address[];
  /** What they call the master. */
  readonly name: string;
  /** For the Sentinels themselves. Those for Redis stand in `redis`. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: NonNullable<RedisOptions['sentinelTLS']> | undefined;
  /** Where servers really listen, by the `host:port` that the Sentinels know them by. */
  readonly natMap?: NonNullable<RedisOptions['natMap']> | undefined;
}

/** What invalidations this node remembers, to do them again after a failover. */
export interface ReissueOptions {
  /** How many keys, and how many sets of tags, at most. The oldest are forgotten first. 0 for none. Default: 10,000. */
  readonly count?: number | undefined;
  /** For how long, in milliseconds: longer than a failover takes. Default: 120,000. */
  readonly ageMs?: number | undefined;
}

/** For how many replicas a write waits. */
export interface WaitReplicasOptions {
  /** So many replicas must have it. */
  readonly count: number;
  /** Within so many milliseconds; the call is rejected otherwise. */
  readonly timeoutMs: number;
}

/** What the places of `cluster` are, as used. */
export interface ClusterSettings {
  readonly nodes: readonly Address[];
  readonly natMap: AddressMap | undefined;
}

/** Checks `cluster`. */
export function clusterSettings(options: RedisClusterOptions): ClusterSettings {
  checkAddresses('cluster.nodes', options.nodes);
  checkNames('cluster', options, ['nodes', 'natMap']);
  return { nodes: options.nodes, natMap: options.natMap };
}

/** Checks `sentinel`. */
export function checkSentinel(options: RedisSentinelOptions): void {
  checkAddresses('sentinel.sentinels', options.sentinels);
  checkNames('sentinel', options, ['sentinels', 'name', 'username', 'password', 'tls', 'natMap']);
  if (typeof options.name !== 'string' || options.name === '') throw invalid('sentinel.name must name the master');
}

/**
 * Where a user's own Cluster client finds its cluster, and how it connects to servers: what connections of ours need, since those
 * of ioredis' Cluster send again what was given up.
 */
export function placeOf(client: Cluster): { cluster: ClusterSettings; redis: RedisOptions } {
  const { options } = client;
  const met = client.nodes().map((node) => ({ host: node.options.host ?? '', port: node.options.port ?? 0 }));
  const { startupNodes } = client as unknown as { startupNodes: readonly (string | number | Partial<Address>)[] };
  const nodes = [...met, ...startupNodes.map(toAddress)];
  const keyPrefix = options.keyPrefix ?? '';
  return {
    cluster: { nodes, natMap: (options.natMap as AddressMap | null | undefined) ?? undefined },
    redis: { ...(options.redisOptions as RedisOptions | undefined), keyPrefix: String(keyPrefix) },
  };
}

function toAddress(node: string | number | Partial<Address>): Address {
  if (typeof node === 'number') return { host: '127.0.0.1', port: node };
  if (typeof node !== 'string') return { host: node.host ?? '127.0.0.1', port: Number(node.port ?? 6379) };
  if (/^\d+$/.test(node)) return { host: '127.0.0.1', port: Number(node) };
  const { hostname, port } = new URL(node.includes('://') ? node : `redis://${node}`);
  return { host: hostname, port: Number(port || 6379) };
}

function checkAddresses(what: string, addresses: readonly Address[]): void {
  const isAddress = (each: Address): boolean =>
    typeof each?.host === 'string' && Number.isInteger(each.port) && each.port > 0 && each.port < 65_536;
  if (!Array.isArray(addresses) || addresses.length === 0 || !addresses.every(isAddress)) {
    throw invalid(`${what} must be a list of { host, port }`);
  }
}

function checkNames(what: string, options: object, known: readonly string[]): void {
  const stranger = Object.keys(options).find((name) => !known.includes(name));
  if (stranger !== undefined) throw invalid(`there is no option ${what}.${stranger}`);
}
