import type { Dispatcher } from 'undici';
import { NO_CONTROLLER } from '../no-controller.js';
import { type Exchange, withExchange } from './exchange.js';
import type { HierarchyStore } from './hierarchy-store.js';

type Handler = Dispatcher.DispatchHandler;
type Controller = Dispatcher.DispatchController;

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** What is around undici's cache, on the caller's side. */
export function outside(store: HierarchyStore): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) => {
    if (!SAFE.has(options.method)) return dispatch(options, new HeldResponse(store, handler));
    const exchange: Exchange = { answered: false };
    return dispatch(withExchange(options, exchange), new NotedResponse(exchange, handler));
  };
}

/** Notes when the caller is answered. */
class NotedResponse implements Handler {
  readonly #exchange: Exchange;
  readonly #handler: Handler;

  constructor(exchange: Exchange, handler: Handler) {
    this.#exchange = exchange;
    this.#handler = handler;
  }

  onRequestStart(controller: Controller, context: unknown): void {
    this.#handler.onRequestStart?.(controller, context);
  }

  onRequestUpgrade(...args: Parameters<NonNullable<Handler['onRequestUpgrade']>>): void {
    this.#handler.onRequestUpgrade?.(...args);
  }

  onResponseStart(...args: Parameters<NonNullable<Handler['onResponseStart']>>): void {
    this.#exchange.answered = true;
    this.#handler.onResponseStart?.(...args);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    this.#handler.onResponseData?.(controller, chunk);
  }

  onResponseEnd(...args: Parameters<NonNullable<Handler['onResponseEnd']>>): void {
    this.#handler.onResponseEnd?.(...args);
  }

  onResponseError(controller: Controller, error: Error): void {
    this.#handler.onResponseError?.(controller, error);
  }

  // undici 7.30.2 answers `only-if-cached` through the handler interface of undici 6 alone: without these two, such a request that
  // finds nothing is never answered.

  onHeaders(statusCode: number): boolean {
    this.#handler.onRequestStart?.(NO_CONTROLLER, null);
    this.#handler.onResponseStart?.(NO_CONTROLLER, statusCode, {}, 'Gateway Timeout');
    return true;
  }

  onComplete(): void {
    this.#handler.onResponseEnd?.(NO_CONTROLLER, {});
  }
}

/** Holds the answer to an unsafe method back until what it makes invalid is invalid on every node. */
class HeldResponse implements Handler {
  readonly #store: HierarchyStore;
  readonly #handler: Handler;
  #held: (() => void)[] | undefined;

  constructor(store: HierarchyStore, handler: Handler) {
    this.#store = store;
    this.#handler = handler;
  }

  onRequestStart(controller: Controller, context: unknown): void {
    this.#handler.onRequestStart?.(controller, context);
  }

  onRequestUpgrade(...args: Parameters<NonNullable<Handler['onRequestUpgrade']>>): void {
    this.#handler.onRequestUpgrade?.(...args);
  }

  onResponseStart(...args: Parameters<NonNullable<Handler['onResponseStart']>>): void {
    const [controller, status] = args;
    if (status < 200 || status > 399) {
      this.#handler.onResponseStart?.(...args);
      return;
    }
    const held: (() => void)[] = [() => this.#handler.onResponseStart?.(...args)];
    this.#held = held;
    controller.pause();
    void this.#store.settled().then(() => {
      this.#held = undefined;
      // A callback that throws must not leave the caller without an end.
      try {
        for (const call of held) call();
        controller.resume();
      } catch (error) {
        controller.abort(error as Error);
      }
    });
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    this.#pass(() => this.#handler.onResponseData?.(controller, chunk));
  }

  onResponseEnd(...args: Parameters<NonNullable<Handler['onResponseEnd']>>): void {
    this.#pass(() => this.#handler.onResponseEnd?.(...args));
  }

  onResponseError(controller: Controller, error: Error): void {
    this.#pass(() => this.#handler.onResponseError?.(controller, error));
  }

  #pass(call: () => void): void {
    if (this.#held === undefined) call();
    else this.#held.push(call);
  }
}
