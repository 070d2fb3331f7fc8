import { PoolEvents } from './events.js';
import type { BreakerState, DestroyReason, PoolErrorKind, PoolListener } from './observed.js';
import { PoolCounters } from './pool-stats.js';

/** Counts what happens in a pool and tells it to the listeners: the two never differ. */
export class PoolRecord {
  readonly counters = new PoolCounters();
  readonly #events: PoolEvents;
  readonly #pool: string;

  /** @param events - to be shared by pools that are one to their listeners. */
  constructor(pool: string, events: PoolEvents = new PoolEvents()) {
    this.#pool = pool;
    this.#events = events;
  }

  on(listener: PoolListener): () => void {
    return this.#events.on(listener);
  }

  created(ms: number): void {
    this.counters.created++;
    this.#events.emit({ type: 'created', pool: this.#pool, ms });
  }

  destroyed(reason: DestroyReason): void {
    this.counters.destroyed[reason]++;
    this.#events.emit({ type: 'destroyed', pool: this.#pool, reason });
  }

  acquired(hit: boolean, waitMs: number): void {
    if (hit) this.counters.hits++;
    else this.counters.misses++;
    this.counters.wait.record(waitMs);
    // Borrowing and giving back are the hot path: no event is made that nobody hears.
    if (this.#events.heard) this.#events.emit({ type: 'acquired', pool: this.#pool, hit, waitMs });
  }

  released(holdMs: number): void {
    this.counters.hold.record(holdMs);
    if (this.#events.heard) this.#events.emit({ type: 'released', pool: this.#pool, holdMs });
  }

  error(kind: PoolErrorKind, error: unknown): void {
    this.counters.errors[kind]++;
    this.#events.emit({ type: 'error', pool: this.#pool, kind, error });
  }

  breaker(state: BreakerState): void {
    this.#events.emit({ type: 'breaker', pool: this.#pool, state });
  }

  state(type: 'draining' | 'closed'): void {
    this.#events.emit({ type, pool: this.#pool });
  }
}
