import { Agent, type Dispatcher, Pool, request as undiciRequest } from 'undici';
import { type Clock, systemClock } from '../clock.js';
import { PoolClosedError } from '../errors.js';
import { PoolEvents } from '../events.js';
import type { PoolListener } from '../observed.js';
import { ComposedDispatcher } from './composed-dispatcher.js';
import { countingConnector } from './connector.js';
import { type Fetch, fetchThrough } from './fetch.js';
import { closing, type LimitContext, limiting } from './limit.js';
import { checkHttpPoolOptions, type HttpPoolOptions } from './options.js';
import { Origin, type OriginStats } from './origin.js';
import { originName } from './origin-name.js';
import { retrying } from './retry.js';

/** Origins whose figures are kept. Those without a connection and a request go first. */
const MAX_ORIGINS = 1_000;

/** Connections to any number of origins, on undici: bounded, retried, and guarded by a breaker for each origin. */
export interface HttpPool {
  /**
   * As the global `fetch`; what it answers is a `Response` of undici's. Rejects with a `TypeError` as that does: its `cause` is undici's error, or a `PoolError` where this pool
   * decided (`PoolExhaustedError`, `PoolTimeoutError`, `BreakerOpenError`, `PoolClosedError`).
   */
  readonly fetch: Fetch;
  /** As undici's `request`, whose errors come without a wrapping. */
  readonly request: typeof undiciRequest;
  /** For whatever takes one of undici's dispatchers. Its `close` and `destroy` close the pool. */
  readonly dispatcher: Dispatcher;
  /** By origin. */
  stats(): Readonly<Record<string, OriginStats>>;
  /** Hears what becomes of connections. `pool` is the pool's name and the origin. @returns what takes the listener away. */
  on(listener: PoolListener): () => void;
  /**
   * Takes nothing new, waits for what is under way, and closes all connections. Twice is fine.
   *
   * @param options.deadline - after so many milliseconds, what is still under way rejects. Default 10,000.
   */
  close(options?: { readonly deadline?: number }): Promise<void>;
}

/**
 * A pool of HTTP connections, with limits for each origin.
 *
 * @throws PoolOptionError
 */
export function httpPool(options: HttpPoolOptions = {}): HttpPool {
  checkHttpPoolOptions(options);
  return new UndiciPool(options);
}

class UndiciPool implements HttpPool {
  readonly fetch: Fetch;
  readonly request: typeof undiciRequest;
  readonly dispatcher: Dispatcher;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #events = new PoolEvents();
  readonly #origins = new Map<string, Origin>();
  readonly #pauses = new Set<(reason: Error) => void>();
  readonly #agent: Agent;
  /** The engine's pools, which the agent forgets when it is told to close. */
  readonly #engines = new Set<Pool>();
  readonly #options: HttpPoolOptions;
  #closing: Promise<void> | undefined;

  constructor(options: HttpPoolOptions) {
    this.#options = options;
    this.#name = options.name ?? 'http';
    this.#clock = options.clock ?? systemClock;
    this.#agent = new Agent({ factory: (origin) => this.#connectionsTo(originName(origin)) });
    const { retry = {} } = options;
    const { times = 2, firstMs = 100, maxMs = 10_000, statuses = [429, 502, 503, 504] } = retry || { times: 0 };
    const limits: LimitContext = {
      pool: this.#name,
      clock: this.#clock,
      acquireTimeout: options.acquireTimeout ?? 30_000,
      originOf: (name) => this.#origin(name),
      isClosed: () => this.#closing !== undefined,
    };
    const interceptors = [
      limiting(limits),
      retrying({
        clock: this.#clock,
        times,
        firstMs,
        maxMs,
        statuses: new Set(statuses),
        onRetry: (origin) => {
          this.#origin(origin).retries++;
        },
        onPause: (end) => {
          this.#pauses.add(end);
          return () => this.#pauses.delete(end);
        },
      }),
      ...(options.cache?.interceptors() ?? []),
      closing(limits),
    ];
    const end = (deadline?: number) => this.close(deadline === undefined ? {} : { deadline });
    const dispatcher = new ComposedDispatcher(this.#agent, interceptors, end, options.cache !== undefined);
    this.dispatcher = dispatcher;
    this.fetch = fetchThrough(dispatcher);
    this.request = ((url, init) => undiciRequest(url, { ...init, dispatcher })) as typeof undiciRequest;
  }

  stats(): Readonly<Record<string, OriginStats>> {
    return Object.fromEntries([...this.#origins].map(([name, origin]) => [name, origin.stats()]));
  }

  on(listener: PoolListener): () => void {
    return this.#events.on(listener);
  }

  close({ deadline = 10_000 }: { readonly deadline?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(deadline);
    return this.#closing;
  }

  async #close(deadline: number): Promise<void> {
    this.#events.emit({ type: 'draining', pool: this.#name });
    const closed = new PoolClosedError(this.#name);
    for (const end of [...this.#pauses]) end(closed);
    const timer = this.#clock.setTimer(() => {
      for (const engine of this.#engines) void engine.destroy(closed);
    }, deadline);
    await this.#agent.close();
    this.#clock.clearTimer(timer);
    await this.#options.cache?.settled();
    this.#events.emit({ type: 'closed', pool: this.#name });
  }

  #connectionsTo(name: string): Pool {
    const { connections } = this.#limitsOf(name);
    const {
      connectTimeout = 10_000,
      tls,
      headersTimeout,
      bodyTimeout,
      keepAliveTimeout,
      keepAliveMaxTimeout,
    } = this.#options;
    const engine = new Pool(name, {
      connections,
      connect: countingConnector({ ...tls, timeout: connectTimeout }, this.#origin(name), this.#clock),
      ...(headersTimeout === undefined ? {} : { headersTimeout }),
      ...(bodyTimeout === undefined ? {} : { bodyTimeout }),
      ...(keepAliveTimeout === undefined ? {} : { keepAliveTimeout }),
      ...(keepAliveMaxTimeout === undefined ? {} : { keepAliveMaxTimeout }),
    });
    for (const known of this.#engines) {
      if (known.destroyed) this.#engines.delete(known);
    }
    this.#engines.add(engine);
    return engine;
  }

  #limitsOf(origin: string): { readonly connections: number; readonly maxWaiting: number } {
    const own = this.#options.origins?.[origin];
    return {
      connections: own?.connections ?? this.#options.connections ?? 16,
      maxWaiting: own?.maxWaiting ?? this.#options.maxWaiting ?? 1_000,
    };
  }

  #origin(name: string): Origin {
    const known = this.#origins.get(name);
    if (known !== undefined) return known;
    if (this.#origins.size >= MAX_ORIGINS) this.#forgetOne();
    const { connections, maxWaiting } = this.#limitsOf(name);
    const breaker = this.#options.breaker ?? {};
    const failures = breaker === false ? Number.POSITIVE_INFINITY : (breaker.failures ?? 5);
    const openMs = breaker === false ? 0 : (breaker.openMs ?? 5_000);
    const limits = { connections, maxWaiting, failures, openMs };
    const origin = new Origin(name, `${this.#name} ${name}`, limits, this.#clock, this.#events);
    this.#origins.set(name, origin);
    return origin;
  }

  #forgetOne(): void {
    for (const [name, origin] of this.#origins) {
      if (origin.inFlight > 0 || origin.sockets > 0 || origin.connecting > 0) continue;
      this.#origins.delete(name);
      return;
    }
  }
}
