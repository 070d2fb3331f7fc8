import { type L2CallOptions, L2ClosedError, L2TimeoutError } from '@tierwise/l2';
import type { MigrationClock } from './clock.js';
import { type Duties, dutiesOf } from './phase.js';
import type { PhaseWatch } from './phase-watch.js';
import type { MigrationRecord } from './record.js';

/** What one call acts upon, from its first step to its last. */
export interface Route {
  readonly record: MigrationRecord;
  readonly duties: Duties;
}

export interface CallsParts {
  readonly backend: string;
  readonly clock: MigrationClock;
  readonly limitMs: number;
  readonly watch: PhaseWatch;
  /** To be done once in each phase before a namespace is used. */
  readonly prepare: (namespace: string, record: MigrationRecord) => Promise<void> | undefined;
}

/**
 * What every call goes through: it takes place in one phase, that was known when it began, and is over when the next but one may begin. A
 * call that took longer, since this process stood still perhaps, is rejected whatever came of it: nobody can tell by then whether it
 * held in both stores.
 */
export class Calls {
  readonly #parts: CallsParts;
  #life: 'new' | 'open' | 'closed' = 'new';

  constructor(parts: CallsParts) {
    this.#parts = parts;
  }

  get isOpen(): boolean {
    return this.#life === 'open';
  }

  get isClosed(): boolean {
    return this.#life === 'closed';
  }

  open(): void {
    if (this.#life === 'new') this.#life = 'open';
  }

  close(): void {
    this.#life = 'closed';
  }

  /** To be called first of all. */
  enter(options: L2CallOptions | undefined): void {
    if (this.#life !== 'open') throw new L2ClosedError(this.#parts.backend);
    options?.signal?.throwIfAborted();
  }

  /** Does something in the present phase. `limitMs`: how long it may take. */
  async run<T>(
    operation: string,
    namespace: string,
    options: L2CallOptions | undefined,
    work: (route: Route) => Promise<T>,
    limitMs = this.#parts.limitMs,
  ): Promise<T> {
    const { backend, clock } = this.#parts;
    return this.#within(operation, options?.signal, limitMs, async () => {
      const record = await this.#prepared(namespace);
      if (this.isClosed) throw new L2ClosedError(backend);
      options?.signal?.throwIfAborted();
      const began = clock.now();
      const answer = await work({ record, duties: dutiesOf(record.phase) });
      if (clock.now() - began > limitMs) throw new L2TimeoutError(backend, operation, limitMs);
      return answer;
    });
  }

  /** The present record, when the namespace is ready for it. */
  async #prepared(namespace: string): Promise<MigrationRecord> {
    const { watch, prepare } = this.#parts;
    for (;;) {
      const record = await watch.current();
      const preparing = prepare(namespace, record);
      if (preparing === undefined) return record;
      // It may take so long that the phase is another one when it is done.
      await preparing;
    }
  }

  #within<T>(operation: string, signal: AbortSignal | undefined, limitMs: number, work: () => Promise<T>): Promise<T> {
    const { clock, backend } = this.#parts;
    return new Promise<T>((resolve, reject) => {
      const onAbort = () => reject(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      const timer = clock.setTimer(() => reject(new L2TimeoutError(backend, operation, limitMs)), limitMs);
      work()
        .then(resolve, reject)
        .finally(() => {
          clock.clearTimer(timer);
          signal?.removeEventListener('abort', onAbort);
        });
    });
  }
}
