import type { Dispatcher } from 'undici';
import { NO_CONTROLLER } from '../no-controller.js';
import { originName } from '../origin-name.js';
import { exchangeOf } from './exchange.js';
import type { Fill } from './fill.js';
import type { FoundResponse, HierarchyStore } from './hierarchy-store.js';
import { freshenedHeaders, isNewsOf, mayAnswerForError } from './revalidation.js';
import type { CacheStore } from './undici-types.js';

type Handler = Dispatcher.DispatchHandler;
type Controller = Dispatcher.DispatchController;

/** What is between undici's cache and the network: each request that may be kept is a fill, and makes up for what undici leaves out. */
export function inside(store: HierarchyStore): Dispatcher.DispatcherComposeInterceptor {
  /** Of URLs with what varies, those that are loaded anew behind the caller's back. */
  const refreshing = new Set<string>();
  return (dispatch) => (options, handler) => {
    const exchange = exchangeOf(options);
    if (exchange === undefined || options.method !== 'GET') return dispatch(options, handler);
    const key: CacheStore.Key = {
      origin: originName(options.origin),
      method: 'GET',
      path: options.path,
      headers: options.headers as Record<string, string | string[]>,
    };
    let done = () => {};
    if (exchange.answered) {
      // undici would ask once for each caller that is answered with the stale response.
      const name = JSON.stringify([key.origin, key.path, key.headers]);
      if (refreshing.has(name)) return true;
      refreshing.add(name);
      done = () => refreshing.delete(name);
    }
    const send = async () => {
      const fill = store.begin();
      const validates = key.headers?.['if-none-match'] ?? key.headers?.['if-modified-since'];
      const stored = validates === undefined ? undefined : await store.get(key);
      await fill.begun;
      const filling = new FillingResponse({ store, fill, key, stored, handler, done });
      try {
        dispatch(options, filling);
      } catch (error) {
        filling.onResponseError(NO_CONTROLLER, error as Error);
      }
    };
    void send();
    return true;
  };
}

interface FillingOptions {
  readonly store: HierarchyStore;
  readonly fill: Fill;
  readonly key: CacheStore.Key;
  /** What the request validates. */
  readonly stored: FoundResponse | undefined;
  readonly handler: Handler;
  readonly done: () => void;
}

class FillingResponse implements Handler {
  readonly #options: FillingOptions;
  readonly #handler: Handler;
  #answered = false;
  /** What the caller gets in the place of what comes from the network. */
  #instead: 'stored' | 'nothing' | undefined;

  constructor(options: FillingOptions) {
    this.#options = options;
    this.#handler = options.handler;
  }

  onRequestStart(controller: Controller, context: unknown): void {
    this.#handler.onRequestStart?.(controller, context);
  }

  onRequestUpgrade(...args: Parameters<NonNullable<Handler['onRequestUpgrade']>>): void {
    this.#end();
    this.#handler.onRequestUpgrade?.(...args);
  }

  onResponseStart(...args: Parameters<NonNullable<Handler['onResponseStart']>>): void {
    const [controller, status, headers, message] = args;
    const { store, fill, key, stored } = this.#options;
    if (status < 200) {
      this.#handler.onResponseStart?.(...args);
      return;
    }
    this.#answered = true;
    store.filling(fill, () => {
      if (status === 304 && stored !== undefined && isNewsOf(stored, key.headers, headers)) {
        // undici 7.30.2 answers with the stored response but does not make it fresh again, and drops it where the 304 says how
        // long it is fresh. As a new response with the old body, it is kept by the same rules as any.
        this.#instead = 'stored';
        const merged = freshenedHeaders(stored.headers, headers);
        this.#handler.onResponseStart?.(controller, stored.statusCode, merged, stored.statusMessage);
      } else {
        this.#handler.onResponseStart?.(controller, status, headers, message);
      }
    });
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#instead === undefined) this.#handler.onResponseData?.(controller, chunk);
  }

  onResponseEnd(...args: Parameters<NonNullable<Handler['onResponseEnd']>>): void {
    if (this.#instead === 'nothing') return;
    this.#options.done();
    const body = this.#instead === 'stored' ? this.#options.stored?.body[0] : undefined;
    if (body !== undefined && body.byteLength > 0) this.#handler.onResponseData?.(args[0], body);
    this.#handler.onResponseEnd?.(...args);
  }

  onResponseError(controller: Controller, error: Error): void {
    const { stored, key, handler } = this.#options;
    this.#end();
    const aborted = controller.aborted || error.name === 'AbortError';
    if (!this.#answered && !aborted && stored !== undefined && mayAnswerForError(stored, key.headers)) {
      // An origin that cannot be reached is an error as well (RFC 5861, 4); undici 7.30.2 only knows answers from 500 to 504.
      this.#instead = 'nothing';
      handler.onResponseStart?.(controller, 504, {}, 'Gateway Timeout');
      return;
    }
    handler.onResponseError?.(controller, error);
  }

  #end(): void {
    this.#options.fill.skip();
    this.#options.done();
  }
}
