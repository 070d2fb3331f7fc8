export type { BreakerState } from '../observed.js';
export type { BreakerOptions } from './breaker.js';
export { BreakerOpenError } from './breaker-open-error.js';
export { type HttpPool, httpPool } from './http-pool.js';
export type { HttpPoolOptions, OriginLimits } from './options.js';
export type { OriginStats } from './origin.js';
export type { FillContext, FillOptions, ResponseHierarchy } from './response-cache/hierarchy-type.js';
export { type ResponseCache, type ResponseCacheOptions, responseCache } from './response-cache/response-cache.js';
export type { RetryOptions } from './retry.js';
