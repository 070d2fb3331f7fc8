import type { Clock } from '../clock.js';
import type { PoolEvents } from '../events.js';
import type { BreakerState, DestroyReason, PoolErrorKind, PoolStats } from '../observed.js';
import { PoolRecord } from '../record.js';
import { Breaker } from './breaker.js';

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
  /** Requests handed to the engine and not ended, and those of them that are on a connection. */
  inFlight = 0;
  borrowed = 0;
  /** Open sockets. */
  sockets = 0;
  /** Sockets that are being opened. */
  connecting = 0;
  retries = 0;
  readonly #statuses = [0, 0, 0, 0, 0];
  readonly #record: PoolRecord;

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
    this.#record = new PoolRecord(pool, events);
    this.breaker = new Breaker(clock, limits.failures, limits.openMs, (state) => this.#record.breaker(state));
  }

  get idle(): number {
    return Math.max(0, this.sockets - this.borrowed);
  }

  connected(ms: number): void {
    this.sockets++;
    this.#record.created(ms);
  }

  disconnected(reason: DestroyReason): void {
    this.sockets--;
    this.#record.destroyed(reason);
  }

  started(hit: boolean, waitMs: number): void {
    this.borrowed++;
    this.#record.acquired(hit, waitMs);
  }

  ended(holdMs: number): void {
    this.borrowed--;
    this.#record.released(holdMs);
  }

  answered(status: number): void {
    const index = Math.floor(status / 100) - 1;
    this.#statuses[index] = (this.#statuses[index] ?? 0) + 1;
  }

  failed(kind: PoolErrorKind, error: unknown): void {
    this.#record.error(kind, error);
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
      ...this.#record.counters.snapshot(),
      breaker: this.breaker.state,
      statuses: Object.fromEntries(CLASSES.map((name, index) => [name, this.#statuses[index] ?? 0])) as Record<
        (typeof CLASSES)[number],
        number
      >,
      retries: this.retries,
    };
  }
}
