import type { Clock } from '../clock.js';
import type { DestroyReason, PoolErrorKind, PoolEvents } from '../events.js';
import { PoolCounters, type PoolStats } from '../pool-stats.js';
import { Breaker, type BreakerState } from './breaker.js';

/** What the pool says about one origin: a connection counts as borrowed while a request is under way on it. */
export interface OriginStats extends PoolStats {
  readonly origin: string;
  readonly breaker: BreakerState;
  /** Requests that were answered, by the first digit of the status. */
  readonly statuses: Readonly<Record<'1xx' | '2xx' | '3xx' | '4xx' | '5xx', number>>;
  /** Requests that were sent again. */
  readonly retries: number;
}

const CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;

/** One origin as the pool knows it: its limits, its breaker and its figures. */
export class Origin {
  readonly name: string;
  readonly pool: string;
  readonly connections: number;
  readonly maxWaiting: number;
  readonly breaker: Breaker;
  readonly counters = new PoolCounters();
  /** Requests handed to the engine and not ended, and those of them that are on a connection. */
  inFlight = 0;
  borrowed = 0;
  /** Open sockets. */
  sockets = 0;
  /** Sockets that are being opened. */
  connecting = 0;
  retries = 0;
  readonly #statuses = [0, 0, 0, 0, 0];
  readonly #events: PoolEvents;

  constructor(
    name: string,
    pool: string,
    limits: {
      readonly connections: number;
      readonly maxWaiting: number;
      readonly failures: number;
      readonly openMs: number;
    },
    clock: Clock,
    events: PoolEvents,
  ) {
    this.name = name;
    this.pool = pool;
    this.connections = limits.connections;
    this.maxWaiting = limits.maxWaiting;
    this.breaker = new Breaker(clock, limits.failures, limits.openMs);
    this.#events = events;
  }

  get idle(): number {
    return Math.max(0, this.sockets - this.borrowed);
  }

  connected(ms: number): void {
    this.sockets++;
    this.counters.created++;
    if (this.#events.heard) this.#events.emit({ type: 'created', pool: this.pool, ms });
  }

  disconnected(reason: DestroyReason): void {
    this.sockets--;
    this.counters.destroyed[reason]++;
    if (this.#events.heard) this.#events.emit({ type: 'destroyed', pool: this.pool, reason });
  }

  started(hit: boolean, waitMs: number): void {
    this.borrowed++;
    if (hit) this.counters.hits++;
    else this.counters.misses++;
    this.counters.wait.record(waitMs);
    if (this.#events.heard) this.#events.emit({ type: 'acquired', pool: this.pool, hit, waitMs });
  }

  ended(holdMs: number): void {
    this.borrowed--;
    this.counters.hold.record(holdMs);
    if (this.#events.heard) this.#events.emit({ type: 'released', pool: this.pool, holdMs });
  }

  answered(status: number): void {
    const index = Math.floor(status / 100) - 1;
    this.#statuses[index] = (this.#statuses[index] ?? 0) + 1;
  }

  failed(kind: PoolErrorKind, error: unknown): void {
    this.counters.errors[kind]++;
    if (this.#events.heard) this.#events.emit({ type: 'error', pool: this.pool, kind, error });
  }

  stats(): OriginStats {
    const waiting = this.inFlight - this.borrowed;
    return {
      pool: this.pool,
      origin: this.name,
      size: this.sockets + this.connecting,
      idle: this.idle,
      borrowed: this.borrowed,
      waiting,

      connecting: this.connecting,
      checking: 0,
      ending: 0,
      ...this.counters.snapshot(),
      breaker: this.breaker.state,
      statuses: Object.fromEntries(CLASSES.map((name, index) => [name, this.#statuses[index] ?? 0])) as Record<
        (typeof CLASSES)[number],
        number
      >,
      retries: this.retries,
    };
  }
}
