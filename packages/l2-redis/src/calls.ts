import { type L2CallOptions, L2ClosedError, L2Error, L2TimeoutError, L2UnavailableError } from '@tierwise/l2';
import { NAME } from './name.js';

/** Passes a reply on, and gives the call its time anew. Every command of a call goes through it. */
export interface Answered {
  <R>(reply: Promise<R>): Promise<R>;
  /** When the call will be given up, at the earliest, on the clock of `performance.now`. */
  readonly deadline: number;
}

/**
 * The one way by which calls reach Redis. It sees to what the contract says of every call: it settles within its limit, by
 * abort and by `close` at once, and rejects with an {@link L2Error} of the right kind. A call that has settled takes no further
 * step; what it sent may still take effect.
 */
export class Calls {
  /** How long an answer may take, in milliseconds. */
  readonly limitMs: number;
  /** No Set: the tables that V8 discards would keep what calls answered alive until the next collection of everything. */
  readonly #underWay: Call[] = [];
  #state: 'new' | 'open' | 'closed' = 'new';

  constructor(limitMs: number) {
    this.limitMs = limitMs;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Lets calls pass. */
  open(): void {
    if (this.#state === 'new') this.#state = 'open';
  }

  /** Rejects the calls that are under way and all that come. */
  close(): void {
    this.#state = 'closed';
    this.failAll(new L2ClosedError(NAME, 'was closed'));
  }

  /** Rejects the calls that are under way, as when their connection is lost. */
  failAll(error: L2Error): void {
    for (const call of [...this.#underWay]) call.fail(error);
  }

  /** What every call begins with. Throws when it may not begin. */
  enter(options: L2CallOptions | undefined): void {
    if (this.#state !== 'open') throw new L2ClosedError(NAME);
    options?.signal?.throwIfAborted();
  }

  /**
   * Does the work of a call within the limit.
   *
   * @param work sends its first commands before it returns, so that calls keep their order.
   * @param limitMs in milliseconds; counts anew with each answer.
   */
  run<T>(
    operation: string,
    options: L2CallOptions | undefined,
    work: (answered: Answered) => Promise<T>,
    limitMs = this.limitMs,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const call = new Call(operation, limitMs, options?.signal, reject, () => this.#remove(call));
      call.place = this.#underWay.push(call) - 1;
      try {
        work(call.answered).then(
          (value) => {
            if (call.settle()) resolve(value);
          },
          (error: unknown) => call.failed(error),
        );
      } catch (error) {
        call.failed(error);
      }
    });
  }

  #remove(call: Call): void {
    const last = this.#underWay.pop();
    if (last === undefined || last === call) return;
    last.place = call.place;
    this.#underWay[call.place] = last;
  }
}

/** A call under way. */
class Call {
  /** Where it stands among those under way. */
  place = -1;
  readonly answered: Answered;
  readonly #operation: string;
  readonly #limitMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #reject: (error: unknown) => void;
  readonly #onEnd: () => void;
  readonly #startedAt = performance.now();
  #isUnderWay = true;
  #timer: NodeJS.Timeout;
  #lastTurn: NodeJS.Immediate | undefined;
  #abort: (() => void) | undefined;

  constructor(
    operation: string,
    limitMs: number,
    signal: AbortSignal | undefined,
    reject: (error: unknown) => void,
    onEnd: () => void,
  ) {
    this.#operation = operation;
    this.#limitMs = limitMs;
    this.#signal = signal;
    this.#reject = reject;
    this.#onEnd = onEnd;
    this.#timer = setTimeout(onTime, limitMs, this);
    const answered = <R>(reply: Promise<R>): Promise<R> => reply.then((value) => this.#hear(value));
    this.answered = Object.assign(answered, { deadline: this.#startedAt + limitMs });
    if (signal === undefined) return;
    this.#abort = () => this.fail(signal.reason);
    signal.addEventListener('abort', this.#abort);
  }

  /** @returns whether it had not settled before. */
  settle(): boolean {
    if (!this.#isUnderWay) return false;
    this.#isUnderWay = false;
    clearTimeout(this.#timer);
    if (this.#abort !== undefined) this.#signal?.removeEventListener('abort', this.#abort);
    this.#onEnd();
    return true;
  }

  fail(error: unknown): void {
    if (this.settle()) this.#reject(error);
  }

  /** It failed with whatever ioredis says. */
  failed(error: unknown): void {
    if (this.#isUnderWay) this.fail(toL2Error(error, this.#operation, performance.now() - this.#startedAt));
  }

  /**
   * When this process was busy for longer than the limit, the answer may lie unread in the socket, which Node looks at between timers and
   * immediates: it gets that turn before it is given up. And a timer may come up to a millisecond early, while Redis was told the very
   * deadline.
   */
  onTime(): void {
    const leftMs = this.answered.deadline - performance.now();
    if (leftMs > 0) this.#timer = setTimeout(onTime, Math.ceil(leftMs), this);
    else this.#lastTurn = setImmediate(() => this.fail(new L2TimeoutError(NAME, this.#operation, this.#limitMs)));
  }

  /** An answer has come. */
  #hear<R>(value: R): R {
    if (!this.#isUnderWay) throw new L2ClosedError(NAME, `${this.#operation} was given up`);
    (this.answered as { deadline: number }).deadline = performance.now() + this.#limitMs;
    clearImmediate(this.#lastTurn);
    this.#timer.refresh();
    return value;
  }
}

function onTime(call: Call): void {
  call.onTime();
}

/** Makes what ioredis rejects with an error of the contract. */
function toL2Error(error: unknown, operation: string, afterMs: number): L2Error {
  if (error instanceof L2Error) return error;
  const message = error instanceof Error ? error.message : String(error);
  // By the limit of a user's client, if that is shorter than ours.
  if (message === 'Command timed out')
    return new L2TimeoutError(NAME, operation, Math.round(afterMs), { cause: error });
  const isLost = error instanceof Error && error.name === 'MaxRetriesPerRequestError';
  return new L2UnavailableError(NAME, `${operation} failed: ${isLost ? 'the connection was lost' : message}`, {
    cause: error,
  });
}
