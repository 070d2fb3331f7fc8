import type { DestroyReason, PoolErrorKind } from './events.js';
import { TimeHistogram, type TimeSummary } from './histogram.js';

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

/** The counters behind {@link PoolStats}, for any kind of pool. */
export class PoolCounters {
  hits = 0;
  misses = 0;
  created = 0;
  readonly wait = new TimeHistogram();
  readonly hold = new TimeHistogram();
  readonly destroyed: Record<DestroyReason, number> = {
    idle: 0,
    lifetime: 0,
    invalid: 0,
    unhealthy: 0,
    lost: 0,
    discarded: 0,
    closed: 0,
    abandoned: 0,
  };
  readonly errors: Record<PoolErrorKind, number> = {
    connect: 0,
    timeout: 0,
    exhausted: 0,
    aborted: 0,
    closed: 0,
    validation: 0,
    health: 0,
    lost: 0,
    destroy: 0,
  };

  /** The part of {@link PoolStats} that is counted; the rest is the pool's state. */
  snapshot(): Pick<PoolStats, 'hits' | 'misses' | 'created' | 'destroyed' | 'errors' | 'wait' | 'hold'> {
    return {
      hits: this.hits,
      misses: this.misses,
      created: this.created,
      destroyed: { ...this.destroyed },
      errors: { ...this.errors },
      wait: this.wait.summary(),
      hold: this.hold.summary(),
    };
  }
}
