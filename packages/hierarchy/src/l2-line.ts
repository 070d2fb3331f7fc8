import {
  L2ClosedError,
  L2InUseError,
  L2InvalidError,
  L2NotColocatedError,
  L2TimeoutError,
  L2UnavailableError,
} from '@tierwise/l2';
import type { Breaker } from './breaker.js';
import type { Clock } from './clock.js';
import type { L2Trace, Tracing } from './tracing.js';

/**
 * Nothing was sent to L2: its circuit breaker is open, too many commands are under way, or it has not opened yet. In contrast to
 * every other failure it is certain that L2 does not know of the call.
 */
export class L2SkippedError extends L2UnavailableError {
  readonly reason: 'breaker-open' | 'too-many-in-flight' | 'not-open';

  constructor(backend: string, reason: L2SkippedError['reason']) {
    super(backend, `nothing was sent (${reason})`);
    this.reason = reason;
  }
}

/** How long a purge may take, in milliseconds: it goes through all keys, and its backend limits each step by itself. */
export const PURGE_LIMIT_MS = 600_000;

/** Whether an order that failed like this can be made up for: L2 would take it, but cannot right now. */
export function isDeferrable(error: unknown): boolean {
  return ![L2InvalidError, L2ClosedError, L2InUseError, L2NotColocatedError].some((type) => error instanceof type);
}

export interface L2LineOptions {
  /** L2's name, for errors. */
  readonly name: string;
  readonly clock: Clock;
  readonly breaker: Breaker;
  readonly tracing: Tracing;
  /** How long one command may take, in milliseconds. */
  readonly limitMs: number;
  /** How many commands may be under way at once. */
  readonly maxInFlight: number;
  /** Hears how long each usual command took that was answered, in milliseconds. */
  readonly onAnswer?: (ms: number) => void;
}

export interface SendOptions {
  /** For traces: what it is of, and how many keys or tags it names. */
  readonly namespace?: string;
  readonly count?: number;
  /** Instead of the usual limit, in milliseconds. */
  readonly limitMs?: number | undefined;
  /** Sent whatever the breaker and the bulkhead say: probes, and what is made up for. They come one at a time. */
  readonly first?: boolean;
}

/** What every command to L2 goes through: the breaker, the bound on commands under way (the bulkhead), and the time limit. */
export class L2Line {
  readonly #options: L2LineOptions;
  #inFlight = 0;
  #skipped = 0;
  #disowned: L2InUseError | undefined;

  constructor(options: L2LineOptions) {
    this.#options = options;
  }

  /** Commands that L2 has not settled: given up ones as well, since they still cost it and us memory. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Commands that were not sent, so far. */
  get skipped(): number {
    return this.#skipped;
  }

  /** L2 belongs to another hierarchy: nothing is ever sent to it. */
  disown(error: L2InUseError): void {
    this.#disowned = error;
  }

  /** Why nothing can be sent to an L2 that has not opened. */
  notOpen(): Error {
    return this.#disowned ?? new L2SkippedError(this.#options.name, 'not-open');
  }

  /** Settles like what `run` returns, or rejects: at once if it is not sent, else at the time limit at the latest. */
  send<T>(operation: string, run: () => Promise<T> | undefined, options: SendOptions = {}): Promise<T | undefined> {
    const { tracing, name } = this.#options;
    if (!tracing.wants('l2')) return this.#send(operation, run, options);
    const { namespace, count = 0 } = options;
    const trace = { kind: 'l2' as const, hierarchy: tracing.hierarchy, backend: name, operation, namespace, count };
    return traceCommand(tracing, trace, () => this.#send(operation, run, options));
  }

  #send<T>(operation: string, run: () => Promise<T> | undefined, options: SendOptions): Promise<T | undefined> {
    const refusal = this.#refusal(options.first === true);
    if (refusal !== undefined) return Promise.reject(refusal);
    const { name, clock, breaker, limitMs, onAnswer } = this.#options;
    const began = clock.now();
    const limit = options.limitMs ?? limitMs;
    this.#inFlight += 1;
    return new Promise((resolve, reject) => {
      let givenUp = false;
      const timer = clock.setTimer(() => {
        givenUp = true;
        breaker.failed('timeout');
        reject(new L2TimeoutError(name, operation, limit));
      }, limit);
      /** @returns whether it came in time: what comes too late has been counted as a time-out. */
      const settle = (): boolean => {
        this.#inFlight -= 1;
        clock.clearTimer(timer);
        return !givenUp;
      };
      start(run).then(
        (answer) => {
          if (!settle()) return;
          breaker.succeeded();
          if (options.limitMs === undefined) onAnswer?.(clock.now() - began);
          resolve(answer);
        },
        (error) => {
          if (!settle()) return;
          if (isDeferrable(error)) breaker.failed(error instanceof L2TimeoutError ? 'timeout' : 'error');
          reject(error);
        },
      );
    });
  }

  #refusal(first: boolean): Error | undefined {
    const { name, breaker, maxInFlight } = this.#options;
    if (this.#disowned !== undefined) return this.#disowned;
    if (first) return undefined;
    const closed = breaker.state === 'closed';
    if (closed && this.#inFlight < maxInFlight) return undefined;
    this.#skipped += 1;
    return new L2SkippedError(name, closed ? 'too-many-in-flight' : 'breaker-open');
  }
}

function traceCommand<T>(tracing: Tracing, trace: L2Trace, send: () => Promise<T>): Promise<T> {
  return tracing.run(trace, async () => {
    trace.answered = false;
    const answer = await send();
    trace.answered = true;
    return answer;
  });
}

/** A backend that throws instead of rejecting, or answers without a promise, does no harm either. */
function start<T>(run: () => Promise<T> | undefined): Promise<T | undefined> {
  try {
    return Promise.resolve(run());
  } catch (error) {
    return Promise.reject(error);
  }
}
