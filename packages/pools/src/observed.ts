/**
 * What every kind of pool tells and answers: the base, and those for SQL, Redis and HTTP. The one place of these types, so that whoever
 * watches pools (metrics, logs, health) need not know one from another.
 */

/**
 * Why a connection left its pool. `idle`: not used for `idleTimeout`. `lifetime`: as old as it may become. `invalid`: failed its validation when it
 * was to be borrowed. `unhealthy`: failed a health check. `lost`: ended by itself (its socket closed). `discarded`: given back as unfit. `closed`:
 * the pool was drained or closed. `abandoned`: still borrowed when the pool closed, ended under its borrower.
 */
export type DestroyReason =
  | 'idle'
  | 'lifetime'
  | 'invalid'
  | 'unhealthy'
  | 'lost'
  | 'discarded'
  | 'closed'
  | 'abandoned';

/**
 * What went wrong. `connect`: no connection could be made. `timeout`, `exhausted`, `aborted`, `closed`, `breaker`: why a borrower got none; `timeout`
 * is an answer that did not come in time, too. `validation`, `health`: a check failed or threw. `lost`: a connection ended by itself. `destroy`:
 * ending one failed or took too long.
 */
export type PoolErrorKind =
  | 'connect'
  | 'timeout'
  | 'exhausted'
  | 'aborted'
  | 'closed'
  | 'breaker'
  | 'validation'
  | 'health'
  | 'lost'
  | 'destroy';

/** `closed`: the server is asked. `open`: it is not. `half-open`: one request is under way to find out. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** What every kind of pool tells. `pool` is what its {@link PoolStats} are called. */
export type PoolEvent =
  /** A connection was made; `ms` is how long that took. */
  | { readonly type: 'created'; readonly pool: string; readonly ms: number }
  /** A connection left the pool. */
  | { readonly type: 'destroyed'; readonly pool: string; readonly reason: DestroyReason }
  /** A connection was borrowed. `hit`: one was ready. `waitMs`: how long the borrower waited. */
  | { readonly type: 'acquired'; readonly pool: string; readonly hit: boolean; readonly waitMs: number }
  /** A connection was given back after `holdMs`. */
  | { readonly type: 'released'; readonly pool: string; readonly holdMs: number }
  | { readonly type: 'error'; readonly pool: string; readonly kind: PoolErrorKind; readonly error: unknown }
  /** The circuit breaker turned. Of the pools here, those for HTTP have one for each origin. */
  | { readonly type: 'breaker'; readonly pool: string; readonly state: BreakerState }
  /** `draining`: nothing new is lent. `closed`: every connection has ended. Told by the pool as a whole, under its own name. */
  | { readonly type: 'draining' | 'closed'; readonly pool: string };

/** Hears what a pool tells. Called synchronously; what it throws is ignored. */
export type PoolListener = (event: PoolEvent) => void;

/** A distribution of times, in milliseconds. Quantiles are exact to 7 %. */
export interface TimeSummary {
  readonly count: number;
  /** The sum of all times. */
  readonly total: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** What every kind of pool says about itself. Counts are since the pool was made. */
export interface PoolStats {
  readonly pool: string;
  /** Connections that count against `max`: idle, borrowed, being made, being checked and being ended. */
  readonly size: number;
  readonly idle: number;
  readonly borrowed: number;
  /** Callers that wait for a connection. */
  readonly waiting: number;
  /** Connections that are being made. */
  readonly connecting: number;
  /** Connections under validation or a health check. */
  readonly checking: number;
  /** Connections that are being ended. */
  readonly ending: number;
  /** Borrowed at once, since one was idle. */
  readonly hits: number;
  /** Borrowed after a wait: for a connection to be made, validated or given back. */
  readonly misses: number;
  readonly created: number;
  readonly destroyed: Readonly<Record<DestroyReason, number>>;
  readonly errors: Readonly<Record<PoolErrorKind, number>>;
  /** How long borrowers waited for what they got, hits included. */
  readonly wait: TimeSummary;
  /** How long connections were borrowed, counted when given back. */
  readonly hold: TimeSummary;
}

/** Any pool here, for whoever watches it. */
export interface ObservedPool {
  /** Adds a listener; the function returned removes it. */
  on(listener: PoolListener): () => void;
  /** {@link PoolStats}, or several of them by name: of shared and exclusive connections, or of each origin. See {@link poolStats}. */
  stats(): object;
}

/** The statistics of any pool, one for each part that has connections of its own. */
export function poolStats(pool: ObservedPool): readonly PoolStats[] {
  const stats = pool.stats();
  return isPoolStats(stats) ? [stats] : Object.values(stats).filter(isPoolStats);
}

function isPoolStats(value: unknown): value is PoolStats {
  return typeof value === 'object' && value !== null && 'pool' in value && typeof value.pool === 'string';
}
