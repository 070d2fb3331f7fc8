import type { Dispatcher } from 'undici';
import type { Clock } from '../clock.js';
import { PoolClosedError, PoolExhaustedError, PoolTimeoutError } from '../errors.js';
import type { PoolErrorKind } from '../observed.js';
import { BreakerOpenError } from './breaker-open-error.js';
import { isCallersMistake } from './callers-mistake.js';
import { NO_CONTROLLER } from './no-controller.js';
import type { Origin } from './origin.js';
import { originName } from './origin-name.js';

type Handler = Dispatcher.DispatchHandler;
type Controller = Dispatcher.DispatchController;

export interface LimitContext {
  readonly pool: string;
  readonly clock: Clock;
  /** In milliseconds. */
  readonly acquireTimeout: number;
  readonly originOf: (name: string) => Origin;
  readonly isClosed: () => boolean;
}

/** Around everything else, so that a closed pool does not even answer from a cache. */
export function closing({ pool, isClosed }: LimitContext): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) => {
    if (!isClosed()) return dispatch(options, handler);
    handler.onResponseError?.(NO_CONTROLLER, new PoolClosedError(pool));
    return true;
  };
}

/** What says that an origin is down, though it answers. */
const DOWN = new Set([502, 503, 504]);

/** Lets through what the origin's limits and its breaker allow, and counts what becomes of it. */
export function limiting(context: LimitContext): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) => {
    const origin = context.originOf(originName(options.origin));
    const refuse = (kind: PoolErrorKind, error: Error) => {
      origin.failed(kind, error);
      handler.onResponseError?.(NO_CONTROLLER, error);
      return true;
    };
    if (context.isClosed()) return refuse('closed', new PoolClosedError(context.pool));
    if (origin.inFlight >= origin.connections + origin.maxWaiting) {
      return refuse('exhausted', new PoolExhaustedError(origin.pool, origin.maxWaiting));
    }
    const era = origin.breaker.enter();
    if (era === undefined) return refuse('breaker', new BreakerOpenError(context.pool, origin.name));
    const tracked = new Tracked(context, origin, era, handler);
    try {
      return dispatch(options, tracked);
    } catch (error) {
      tracked.settle(undefined);
      throw error;
    }
  };
}

class Tracked implements Handler {
  readonly #context: LimitContext;
  readonly #origin: Origin;
  readonly #era: number;
  readonly #handler: Handler;
  readonly #hit: boolean;
  readonly #since: number;
  #startedAt: number | undefined;
  #settled = false;
  #status = 0;
  #timer: unknown;
  /** What the caller was told before the engine came to the request. */
  #given: Error | undefined;

  constructor(context: LimitContext, origin: Origin, era: number, handler: Handler) {
    this.#context = context;
    this.#origin = origin;
    this.#era = era;
    this.#handler = handler;
    // Not by what is borrowed: of a burst, none has reached a connection yet.
    this.#hit = origin.inFlight < origin.sockets;
    this.#since = context.clock.now();
    // Connecting has a limit of its own: only who waits for others' requests needs a timer.
    const waits = origin.inFlight >= origin.connections;
    origin.inFlight++;
    if (waits) this.#timer = context.clock.setTimer(() => this.#tooLate(), context.acquireTimeout);
  }

  onRequestStart(controller: Controller, context: unknown): void {
    if (this.#given !== undefined) {
      controller.abort(this.#given);
      return;
    }
    // undici says so once more where it sends a request again that a closing connection had not taken.
    if (this.#startedAt === undefined) {
      this.#context.clock.clearTimer(this.#timer);
      this.#startedAt = this.#context.clock.now();
      this.#origin.started(this.#hit, this.#startedAt - this.#since);
    }
    this.#handler.onRequestStart?.(controller, context);
  }

  onRequestUpgrade(...args: Parameters<NonNullable<Handler['onRequestUpgrade']>>): void {
    this.#status = args[1];
    this.settle(true);
    this.#handler.onRequestUpgrade?.(...args);
  }

  onResponseStart(...args: Parameters<NonNullable<Handler['onResponseStart']>>): void {
    this.#status = args[1];
    this.#handler.onResponseStart?.(...args);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    this.#handler.onResponseData?.(controller, chunk);
  }

  onResponseEnd(...args: Parameters<NonNullable<Handler['onResponseEnd']>>): void {
    this.settle(!DOWN.has(this.#status));
    this.#handler.onResponseEnd?.(...args);
  }

  onResponseError(controller: Controller, error: Error): void {
    const kind = kindOf(error, this.#startedAt !== undefined);
    const ours = this.#given !== undefined || kind === undefined || kind === 'aborted' || kind === 'closed';
    this.settle(ours ? undefined : false);
    if (this.#given !== undefined) return;
    if (kind !== undefined) this.#origin.failed(kind, error);
    this.#handler.onResponseError?.(controller, error);
  }

  /** @param well - whether the origin did well; `undefined`: nothing was learned of it. */
  settle(well: boolean | undefined): void {
    if (this.#settled) return;
    this.#settled = true;
    const { clock } = this.#context;
    clock.clearTimer(this.#timer);
    this.#origin.inFlight--;
    if (this.#startedAt !== undefined) this.#origin.ended(clock.now() - this.#startedAt);
    if (this.#status > 0) this.#origin.answered(this.#status);
    if (well === undefined) this.#origin.breaker.saidNothing(this.#era);
    else if (well) this.#origin.breaker.succeeded(this.#era);
    else this.#origin.breaker.failed(this.#era);
  }

  /** The engine still has the request in its queue: it is told when it comes to it. */
  #tooLate(): void {
    const { pool, acquireTimeout } = this.#context;
    this.#given = new PoolTimeoutError(pool, `no connection to ${this.#origin.name} was free`, acquireTimeout);
    this.#origin.failed('timeout', this.#given);
    this.#handler.onResponseError?.(NO_CONTROLLER, this.#given);
  }
}

/** @returns `undefined` for what is nobody's fault but the caller's. */
function kindOf(error: Error, started: boolean): PoolErrorKind | undefined {
  const code = (error as { code?: unknown }).code;
  if (error.name === 'AbortError' || code === 'UND_ERR_ABORTED') return 'aborted';
  if (error.name === 'TimeoutError' && code !== 'ETIMEDOUT') return 'aborted';
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') return 'timeout';
  if (code === 'UND_ERR_CLOSED' || code === 'UND_ERR_DESTROYED') return 'closed';
  if (isCallersMistake(error)) return undefined;
  return started ? 'lost' : 'connect';
}
