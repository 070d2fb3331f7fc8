export type { L1ErrorCode } from './errors.js';
export { L1InvalidError } from './errors.js';
export type { L1Held, L1SetOptions, L1Stats } from './l1.js';
export { L1 } from './l1.js';
export type { L1Bounds, L1Clock, L1Options, L1Policy, L1RemovalCause, L1Timers } from './options.js';
export { DEFAULT_MAX_BYTES, DEFAULT_MAX_ENTRIES, MAX_ENTRIES } from './options.js';
export type { Linked } from './recency.js';
export type { L1Entry, L1SetResult, L1StoreOptions, L1StoreStats } from './store.js';
export { L1Store } from './store.js';
