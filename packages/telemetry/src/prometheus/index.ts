export { type Metrics, type MetricsOptions, prometheusMetrics } from './metrics.js';
export type { WatchedPool } from './pool-families.js';
