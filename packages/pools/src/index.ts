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
export { PoolEvents } from './events.js';
export { TimeHistogram } from './histogram.js';
export {
  type BreakerState,
  type DestroyReason,
  type ObservedPool,
  type PoolErrorKind,
  type PoolEvent,
  type PoolListener,
  type PoolStats,
  poolStats,
  type TimeSummary,
} from './observed.js';
export type { AcquireOptions, CreateContext, PoolLimits, PoolOptions } from './options.js';
export { ConnectionPool, type ReleaseOptions } from './pool.js';
export { PoolCounters } from './pool-stats.js';
