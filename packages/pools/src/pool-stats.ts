import { TimeHistogram } from './histogram.js';
import type { DestroyReason, PoolErrorKind, PoolStats } from './observed.js';

export type { PoolStats } from './observed.js';

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
    breaker: 0,
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
