export type { Address, AddressMap } from './cluster-slots.js';
export type { RedisConnectionOptions, RedisL2Options } from './options.js';
export type {
  RedisClusterOptions,
  RedisSentinelOptions,
  ReissueOptions,
  WaitReplicasOptions,
} from './place-options.js';
export type { RedisL2Lane, RedisL2Pool } from './pool-options.js';
export { redisL2 } from './redis-l2.js';
