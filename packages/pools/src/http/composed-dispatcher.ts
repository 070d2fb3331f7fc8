import { type Agent, Dispatcher } from 'undici';
import { present } from './classic-handler.js';

/**
 * A pool as one of undici's dispatchers: `agent` with interceptors around it. Ending it ends the pool. (What undici's own `compose` answers is a
 * `Proxy`, which costs each request about a microsecond, and whose `close` would go past the pool.)
 */
export class ComposedDispatcher extends Dispatcher {
  readonly #dispatch: Dispatcher['dispatch'];
  readonly #adapt: (handler: Dispatcher.DispatchHandler) => Dispatcher.DispatchHandler;
  readonly #end: (deadline?: number) => Promise<void>;

  /**
   * @param interceptors - from the innermost to the outermost.
   * @param changesHeaders - whether an interceptor may hand on other headers than those that came.
   * @param end - closes the pool; what is under way is destroyed at once if `deadline` is 0.
   */
  constructor(
    agent: Agent,
    interceptors: readonly Dispatcher.DispatcherComposeInterceptor[],
    end: (deadline?: number) => Promise<void>,
    changesHeaders: boolean,
  ) {
    super();
    this.#dispatch = agent.compose([...interceptors]).dispatch;
    this.#adapt = changesHeaders ? (handler) => handler : present;
    this.#end = end;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return this.#dispatch(options, this.#adapt(handler));
  }

  override close(callback: () => void): void;
  override close(): Promise<void>;
  override close(callback?: () => void): unknown {
    return told(this.#end(), callback);
  }

  override destroy(error: Error | null, callback: () => void): void;
  override destroy(callback: () => void): void;
  override destroy(error: Error | null): Promise<void>;
  override destroy(): Promise<void>;
  override destroy(...args: unknown[]): unknown {
    return told(this.#end(0), args.at(-1));
  }
}

function told(ended: Promise<void>, callback: unknown): Promise<void> | undefined {
  if (typeof callback !== 'function') return ended;
  void ended.then(() => callback());
  return undefined;
}
