export type { BatchLoadContext, BatchLoaded, BatchLoader } from './batch.js';
export type { BreakerState } from './breaker.js';
export type { ByteFigures, WayFigures } from './byte-meter.js';
export type { Cache, CacheEntry, InvalidateOptions, LoadManyOptions, WrapOptions } from './cache.js';
export { type Clock, systemClock } from './clock.js';
export { EncryptionKeyError, UnserializableError } from './codec/index.js';
export { withCorrelationId } from './correlation.js';
export type { AmountByTime, CostedLoad, CostOptions, CostStats, LoadCost } from './cost.js';
export type { Definition, DefinitionOptions } from './define.js';
export type { DefinitionStats } from './definition-stats.js';
export { type ByteSize, type Duration, parseByteSize, parseDuration } from './duration.js';
export {
  type ErrorPlace,
  HierarchyClosedError,
  InvalidDurationError,
  InvalidKeyError,
  InvalidOptionError,
  InvalidValueError,
  L2FailedError,
  LoadFailedError,
  LoadTimeoutError,
  SnapshotError,
  type SnapshotErrorReason,
  TierwiseError,
  type TierwiseErrorCode,
} from './errors.js';
export type { HierarchyEvent, HierarchyEventOf, HierarchyEventType, StaleReason } from './events.js';
export type { FeedStats } from './feed-meter.js';
export type { Health, HealthState, RecentFigures } from './health.js';
export type { HealthReason, HealthReasonCode } from './health-reasons.js';
export { createHierarchy, type Hierarchy } from './hierarchy.js';
export type { Incident, IncidentKind, IncidentList, IncidentPhase, IncidentSeverity } from './incident.js';
export type { IncidentHandler, IncidentOptions, MemoryOptions } from './incident-options.js';
export type { InvalidationMode } from './invalidate.js';
export type {
  Journal,
  JournalEntry,
  JournalHost,
  JournalRecord,
  JournalStats,
  JournalTrouble,
} from './journal.js';
export type { L1Advice } from './l1-advice.js';
export { L2SkippedError } from './l2-line.js';
export type { Loader } from './load.js';
export type { LoadContext, PreviousValue } from './load-context.js';
export { nearestName } from './nearest.js';
export type {
  EncryptionKey,
  EncryptionOptions,
  HierarchyOptions,
  L1Options,
  LeaseOptions,
  TuningOptions,
} from './options.js';
export type { BreakerChoice, OutageOptions } from './outage-options.js';
export type { OutboxStats } from './outbox.js';
export type { LoadOptions, LoadTimeoutOptions, PolicyOptions, ReadOptions, StoreOptions } from './policy.js';
export type { MeasureMemory, MemoryUse } from './pressure.js';
export {
  type Reconfigured,
  ReconfigureError,
  type ReconfigureOptions,
  type ReconfigureProblem,
  type Settings,
} from './reconfigure.js';
export type { ReplayCounts } from './replay.js';
export type { SnapshotTaken } from './snapshot.js';
export type { SnapshotOptions } from './snapshot-options.js';
export type { SnapshotRestored } from './snapshot-restore.js';
export type { CacheStats, HierarchyStats, TierStats } from './stats.js';
export {
  type FeedTrace,
  type Instrumentation,
  type L2Trace,
  type LoadTrace,
  type ReadTrace,
  type RecoveryTrace,
  TRACING_CHANNELS,
  type Trace,
  type TraceKind,
} from './tracing.js';
export type { Transaction, TransactionOptions } from './transaction.js';
export {
  TransactionClosedError,
  TransactionConflictError,
  TransactionUnsupportedError,
} from './transaction-errors.js';
export type { TtlReasons, TtlTuningOptions, TtlTuningStats } from './ttl-tuner.js';
export type { ValidationMode } from './validation.js';
