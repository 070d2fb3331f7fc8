export type { PooledClientOptions, RedisConnection } from './client.js';
export {
  type NodeOf,
  type PooledClusterOptions,
  type RedisClusterConnection,
  type RedisClusterPool,
  type RedisClusterPoolOptions,
  type RedisClusterPoolStats,
  type RedisNodeConnection,
  redisClusterPool,
} from './cluster-pool.js';
export { type RedisPool, type RedisPoolOptions, type RedisPoolStats, redisPool } from './redis-pool.js';
export { redisPoolSettings } from './settings.js';
export type { RedisLane } from './shared.js';
