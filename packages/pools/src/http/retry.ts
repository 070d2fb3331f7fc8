import type { Dispatcher } from 'undici';
import type { Clock } from '../clock.js';
import { PoolError } from '../errors.js';
import { isCallersMistake } from './callers-mistake.js';
import { originName } from './origin-name.js';
import { RelayController } from './relay-controller.js';
import { retryAfterMs } from './retry-after.js';

type Handler = Dispatcher.DispatchHandler;
type Controller = Dispatcher.DispatchController;

/** When a failed request is sent again. */
export interface RetryOptions {
  /** How often at the most, after the first time. Default 2. */
  readonly times?: number;
  /** The first pause, in milliseconds, doubled with each further one and shortened at random by up to a half. Default 100. */
  readonly firstMs?: number;
  /** The longest pause, in milliseconds. An origin that asks for a longer one by `Retry-After` is not asked again. Default 10,000. */
  readonly maxMs?: number;
  /** The statuses that are worth another try. Default 429, 502, 503, 504. */
  readonly statuses?: readonly number[];
}

/** What retries are made with. */
export interface RetryContext {
  readonly clock: Clock;
  readonly times: number;
  readonly firstMs: number;
  readonly maxMs: number;
  readonly statuses: ReadonlySet<number>;
  /** Called for each retry. */
  readonly onRetry: (origin: string) => void;
  /** Hears of each pause, and gets what ends it at once. @returns what takes that back. */
  readonly onPause: (end: (reason: Error) => void) => () => void;
}

/** Methods that do the same when they come twice (RFC 9110, 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/**
 * Sends failed requests again, if their method is idempotent, their body can be sent twice, and nothing of an answer was handed on yet.
 * The last answer is handed on whatever its status is, as `fetch` promises.
 */
export function retrying(context: RetryContext): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) => {
    if (context.times === 0 || !IDEMPOTENT.has(options.method) || !isRepeatable(options.body)) {
      return dispatch(options, handler);
    }
    return dispatch(options, new RetryHandler(context, dispatch, options, handler));
  };
}

function isRepeatable(body: unknown): boolean {
  return body === null || body === undefined || typeof body === 'string' || body instanceof Uint8Array;
}

class RetryHandler implements Handler {
  readonly #context: RetryContext;
  readonly #dispatch: Dispatcher['dispatch'];
  readonly #options: Dispatcher.DispatchOptions;
  readonly #handler: Handler;
  readonly #relay = new RelayController();
  #attempts = 0;
  /** The pause before the next try, once it is decided that there is one. */
  #pauseMs: number | undefined;
  #handedOn = false;

  constructor(
    context: RetryContext,
    dispatch: Dispatcher['dispatch'],
    options: Dispatcher.DispatchOptions,
    handler: Handler,
  ) {
    this.#context = context;
    this.#dispatch = dispatch;
    this.#options = options;
    this.#handler = handler;
  }

  onRequestStart(controller: Controller, context: unknown): void {
    this.#relay.follow(controller);
    if (this.#attempts++ === 0) this.#handler.onRequestStart?.(this.#relay, context);
  }

  onRequestUpgrade(...args: Parameters<NonNullable<Handler['onRequestUpgrade']>>): void {
    this.#handedOn = true;
    this.#handler.onRequestUpgrade?.(this.#relay, args[1], args[2], args[3]);
  }

  onResponseStart(...args: Parameters<NonNullable<Handler['onResponseStart']>>): void {
    const [, status, headers, message] = args;
    if (status >= 200 && this.#context.statuses.has(status)) {
      const asked = retryAfterMs(headers['retry-after'], Date.now);
      this.#pauseMs = this.#nextPause(asked);
      if (this.#pauseMs !== undefined) return;
    }
    this.#handedOn ||= status >= 200;
    this.#handler.onResponseStart?.(this.#relay, status, headers, message);
  }

  onResponseData(_: Controller, chunk: Buffer): void {
    if (this.#pauseMs === undefined) this.#handler.onResponseData?.(this.#relay, chunk);
  }

  onResponseEnd(...args: Parameters<NonNullable<Handler['onResponseEnd']>>): void {
    if (this.#pauseMs === undefined) this.#handler.onResponseEnd?.(this.#relay, args[1]);
    else this.#again(this.#pauseMs);
  }

  onResponseError(_: Controller, error: Error): void {
    const pause =
      this.#pauseMs ??
      (this.#handedOn || this.#relay.abortedBy !== undefined || isFinal(error)
        ? undefined
        : this.#nextPause(undefined));
    if (pause === undefined || this.#relay.abortedBy !== undefined) this.#handler.onResponseError?.(this.#relay, error);
    else this.#again(pause);
  }

  /** @param asked - what the origin asks for by `Retry-After`. */
  #nextPause(asked: number | undefined): number | undefined {
    const { times, firstMs, maxMs, clock } = this.#context;
    const tries = Math.max(this.#attempts, 1);
    if (tries > times) return undefined;
    // Coming back before the time that was asked for would only be refused once more.
    if (asked !== undefined) return asked > maxMs ? undefined : asked;
    return Math.min(firstMs * 2 ** (tries - 1), maxMs) * (1 - clock.random() / 2);
  }

  #again(pauseMs: number): void {
    const { clock, onRetry, onPause } = this.#context;
    this.#pauseMs = undefined;
    if (this.#attempts === 0) this.#attempts = 1;
    const giveUp = (reason: Error) => {
      clock.clearTimer(timer);
      forget();
      this.#handler.onResponseError?.(this.#relay, reason);
    };
    const timer = clock.setTimer(
      () => {
        forget();
        this.#relay.onAbort = undefined;
        onRetry(originName(this.#options.origin));
        try {
          this.#dispatch(this.#options, this);
        } catch (error) {
          this.#handler.onResponseError?.(this.#relay, error as Error);
        }
      },
      pauseMs,
      true,
    );
    const forget = onPause(giveUp);
    this.#relay.onAbort = giveUp;
  }
}

/** What this pool itself refused, it would refuse again; and who went away does not wait for another try. */
function isFinal(error: Error): boolean {
  const code: unknown = Reflect.get(error, 'code');
  return (
    error instanceof PoolError || error.name === 'AbortError' || code === 'UND_ERR_ABORTED' || isCallersMistake(error)
  );
}
