export { type Clock, systemClock } from './clock.js';
export {
  PoolClosedError,
  PoolConnectError,
  PoolError,
  type PoolErrorCode,
  PoolExhaustedError,
  PoolMisuseError,
  PoolOptionError,
  PoolTimeoutError,
} from './errors.js';
export { type DestroyReason, type PoolErrorKind, type PoolEvent, PoolEvents, type PoolListener } from './events.js';
export { TimeHistogram, type TimeSummary } from './histogram.js';
export type { CreateContext, PoolLimits, PoolOptions } from './options.js';
export { type AcquireOptions, ConnectionPool, type ReleaseOptions } from './pool.js';
export { PoolCounters, type PoolStats } from './pool-stats.js';
