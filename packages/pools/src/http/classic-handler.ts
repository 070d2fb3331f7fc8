import type { Dispatcher } from 'undici';

type Handler = Dispatcher.DispatchHandler;
type Controller = Dispatcher.DispatchController;

/** A handler of undici's earlier kind, which its own `request`, `stream` and `pipeline` still are. */
interface Classic {
  onConnect?(abort: (reason?: Error) => void, context: unknown): void;
  onHeaders?(status: number, headers: readonly Buffer[], resume: () => void, message: string): boolean;
  onUpgrade?(status: number, headers: readonly Buffer[], socket: unknown): void;
  onData?(chunk: Buffer): boolean;
  onComplete?(trailers: readonly Buffer[]): void;
  onError?(error: Error): void;
  onResponseStarted?(): void;
}

/** As undici does, wraps a handler of the earlier kind into one of the present. Others stay as they are. */
export function present(handler: Handler): Handler {
  return handler.onRequestStart === undefined ? new ClassicHandler(handler as unknown as Classic) : handler;
}

/**
 * undici's own wrapping turns the headers that were parsed for the interceptors into bytes again, for the handler to parse them once more: a tenth of
 * all that a small request costs. This one hands on the bytes that came. Only for where nothing on the way changes headers.
 */
class ClassicHandler implements Handler {
  readonly #handler: Classic;

  constructor(handler: Classic) {
    this.#handler = handler;
  }

  onRequestStart(controller: Controller, context: unknown): void {
    this.#handler.onConnect?.((reason) => controller.abort(reason as Error), context);
  }

  /** Called where undici finds it, though its types do not name it. */
  onResponseStarted(): void {
    this.#handler.onResponseStarted?.();
  }

  onRequestUpgrade(...args: Parameters<NonNullable<Handler['onRequestUpgrade']>>): void {
    const [controller, status, headers, socket] = args;
    this.#handler.onUpgrade?.(status, bytesOf(controller.rawHeaders, headers), socket);
  }

  onResponseStart(...args: Parameters<NonNullable<Handler['onResponseStart']>>): void {
    const [controller, status, headers, message] = args;
    const raw = bytesOf(controller.rawHeaders, headers);
    const goesOn = this.#handler.onHeaders?.(status, raw, () => controller.resume(), message ?? '');
    if (goesOn === false) controller.pause();
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#handler.onData?.(chunk) === false) controller.pause();
  }

  onResponseEnd(...args: Parameters<NonNullable<Handler['onResponseEnd']>>): void {
    const [controller, trailers] = args;
    this.#handler.onComplete?.(bytesOf(controller.rawTrailers, trailers ?? {}));
  }

  onResponseError(_: Controller, error: Error): void {
    if (this.#handler.onError === undefined) throw error;
    this.#handler.onError(error);
  }
}

/** @param raw - as they came, where they did: names and values in turn. */
function bytesOf(raw: unknown, headers: Record<string, string | string[] | undefined>): readonly Buffer[] {
  if (Array.isArray(raw) && raw.every((part) => Buffer.isBuffer(part) || Array.isArray(part))) return raw as Buffer[];
  return Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().flatMap((one) => [Buffer.from(name, 'latin1'), Buffer.from(one, 'latin1')]),
  );
}
