import { type L2CallOptions, L2ClosedError, L2Error, L2TimeoutError, L2UnavailableError } from '@tierwise/l2';
import { NAME } from './name.js';

/** Passes a reply on, and gives the call its time anew. Every command of a call goes through it. */
export interface Answered {
  <R>(reply: Promise<R>): Promise<R>;
  /** When the call will be given up, at the earliest, on the clock of `performance.now`. */
  readonly deadline: number;
}

/** A call under way. */
interface Call {
  readonly fail: (error: unknown) => void;
  /** Where it stands among those under way. */
  place: number;
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
      const signal = options?.signal;
      const startedAt = performance.now();
      let isUnderWay = true;
      const settle = (): boolean => {
        const wasUnderWay = isUnderWay;
        isUnderWay = false;
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        if (wasUnderWay) this.#remove(call);
        return wasUnderWay;
      };
      const call: Call = {
        place: this.#underWay.length,
        fail: (error) => {
          if (settle()) reject(error);
        },
      };
      const abort = (): void => call.fail(signal?.reason);
      const expire = (): void => call.fail(new L2TimeoutError(NAME, operation, limitMs));
      // When this process was busy for longer than the limit, the answer may lie unread in the socket, which Node looks at
      // between timers and immediates: it gets that turn before it is given up. And a timer may come up to a millisecond early, while
      // Redis was told the very deadline.
      let lastTurn: NodeJS.Immediate | undefined;
      const onTime = (): void => {
        const leftMs = answered.deadline - performance.now();
        if (leftMs > 0) timer = setTimeout(onTime, Math.ceil(leftMs));
        else lastTurn = setImmediate(expire);
      };
      let timer = setTimeout(onTime, limitMs);
      const answered = Object.assign(
        async <R>(reply: Promise<R>): Promise<R> => {
          const value = await reply;
          if (!isUnderWay) throw new L2ClosedError(NAME, `${operation} was given up`);
          answered.deadline = performance.now() + limitMs;
          clearImmediate(lastTurn);
          timer.refresh();
          return value;
        },
        { deadline: startedAt + limitMs },
      );
      this.#underWay.push(call);
      signal?.addEventListener('abort', abort);
      // As an async function, so that what it throws at once settles the call as well.
      (async () => work(answered))().then(
        (value) => {
          if (settle()) resolve(value);
        },
        (error: unknown) => call.fail(toL2Error(error, operation, performance.now() - startedAt)),
      );
    });
  }

  #remove(call: Call): void {
    const last = this.#underWay.pop();
    if (last === undefined || last === call) return;
    last.place = call.place;
    this.#underWay[call.place] = last;
  }
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
