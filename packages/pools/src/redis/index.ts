export type { PooledClientOptions, RedisConnection } from './client.js';
export { type RedisPool, type RedisPoolOptions, type RedisPoolStats, redisPool } from './redis-pool.js';
export { redisPoolSettings } from './settings.js';
export type { RedisLane } from './shared.js';
