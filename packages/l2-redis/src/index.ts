export type { RedisConnectionOptions, RedisL2Options } from './options.js';
export { redisL2 } from './redis-l2.js';
