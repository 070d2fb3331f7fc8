import type { Dispatcher } from 'undici';

type Controller = Dispatcher.DispatchController;

/** The one controller that a caller sees while the request is sent several times: it stands for that of the current try. */
export class RelayController implements Controller {
  /** Instead of the current try, which has ended: what an abort calls between two tries. */
  onAbort: ((reason: Error) => void) | undefined;
  /** Why the caller gave up, if it did. */
  abortedBy: Error | undefined;
  #current: Controller | undefined;
  #paused = false;

  follow(controller: Controller): void {
    this.#current = controller;
    if (this.abortedBy !== undefined) controller.abort(this.abortedBy);
    else if (this.#paused) controller.pause();
  }

  get aborted(): boolean {
    return this.abortedBy !== undefined || this.#current?.aborted === true;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get reason(): Error | null {
    return this.abortedBy ?? this.#current?.reason ?? null;
  }

  get rawHeaders(): NonNullable<Controller['rawHeaders']> | null {
    return this.#current?.rawHeaders ?? null;
  }

  set rawHeaders(headers: NonNullable<Controller['rawHeaders']> | null) {
    if (this.#current !== undefined) this.#current.rawHeaders = headers;
  }

  get rawTrailers(): NonNullable<Controller['rawTrailers']> | null {
    return this.#current?.rawTrailers ?? null;
  }

  set rawTrailers(trailers: NonNullable<Controller['rawTrailers']> | null) {
    if (this.#current !== undefined) this.#current.rawTrailers = trailers;
  }

  abort(reason: Error): void {
    if (this.abortedBy !== undefined) return;
    this.abortedBy = reason;
    const between = this.onAbort;
    this.onAbort = undefined;
    if (between !== undefined) between(reason);
    else this.#current?.abort(reason);
  }

  pause(): void {
    this.#paused = true;
    this.#current?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#current?.resume();
  }
}
