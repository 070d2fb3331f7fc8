import type { L1Store } from '@tierwise/l1';
import { Bag } from './bag.js';
import type { Clock } from './clock.js';
import type { Correlation } from './correlation.js';
import type { Deadlines } from './deadline.js';
import type { Definitions } from './definition-stats.js';
import type { Ending } from './ending.js';
import type { Entry } from './entry.js';
import { HierarchyClosedError } from './errors.js';
import type { Events } from './events.js';
import type { FeedWatch } from './feed.js';
import type { L1Adviser } from './l1-advice.js';
import type { L2Guard } from './l2-guard.js';
import type { ResolvedOptions } from './options.js';
import type { Outbox } from './outbox.js';
import type { Space } from './space.js';
import type { Tracing } from './tracing.js';
import type { ValueCodec } from './value-codec.js';

/** What all namespaces of a hierarchy share. Made by `hierarchy.ts`, which wires it up; decides nothing. */
export interface Core {
  readonly options: ResolvedOptions;
  readonly clock: Clock;
  /** The time for those who are about to answer from L1: it notices that the process stood still. */
  readonly l1Clock: Pick<Clock, 'now'>;
  readonly deadlines: Deadlines;
  readonly events: Events;
  readonly tracing: Tracing;
  readonly correlation: Correlation;
  readonly codec: ValueCodec;
  /** When values are not frozen for sharing: each read gets a copy. */
  readonly copies: boolean;
  readonly l1: L1Store<Entry>;
  /** Undefined where there is no L2. */
  readonly guard: L2Guard | undefined;
  /** What L2 has yet to be told. Undefined where orders that do not reach L2 are not made up for. */
  readonly outbox: Outbox | undefined;
  readonly feed: FeedWatch;
  readonly work: Work;
  /** All definitions with a name. */
  readonly definitions: Definitions;
  /** Undefined where nobody wants to know how large L1 had better be. */
  readonly adviser: L1Adviser | undefined;
  /** All namespaces that were asked for, by their full name. */
  readonly spaces: ReadonlyMap<string, Space>;
}

/** Work under way, which `close()` waits for. */
export class Work {
  #closed = false;
  #ended = false;
  #begun = 0;
  #onIdle: (() => void) | undefined;
  readonly #aborts = new Bag<Ending>();

  /** @throws {@link HierarchyClosedError} after `close()`. */
  checkOpen(): void {
    if (this.#closed) throw new HierarchyClosedError();
  }

  /** Counts `work` as under way until it settles. */
  track<T>(work: Promise<T>): Promise<T> {
    this.begin();
    work.then(this.end, this.end);
    return work;
  }

  /** As {@link Work.track}, for what says itself when it ends, by {@link Work.end}. */
  begin(): void {
    this.#begun += 1;
  }

  readonly end = (): void => {
    this.#begun -= 1;
    if (this.#begun === 0) this.#onIdle?.();
  };

  /** Whether `close()` waits for nothing any more. */
  get isOver(): boolean {
    return this.#ended;
  }

  /** @throws {@link HierarchyClosedError} when `close()` waits for nothing any more. */
  checkNotOver(): void {
    if (this.#ended) throw new HierarchyClosedError();
  }

  /** Has `ending` aborted when `close()` has waited long enough, or has ended. @returns how to take that back. */
  abortOnClose(ending: Ending): () => void {
    if (this.#ended) ending.abort(new HierarchyClosedError());
    return this.#aborts.add(ending);
  }

  /** Lets nothing new begin, and waits for what is under way: at first patiently, then by aborting it. */
  async close(clock: Clock, patienceMs: number): Promise<void> {
    this.#closed = true;
    let timer: unknown;
    const patience = new Promise<void>((resolve) => {
      timer = clock.setTimer(() => {
        this.#ended = true;
        for (const ending of this.#aborts.items()) ending.abort(new HierarchyClosedError());
        // A loader that heeds its signal gets the chance to end.
        setImmediate(resolve);
      }, patienceMs);
    });
    while (this.#begun > 0 && !this.#ended) {
      await Promise.race([this.#whenIdle(), patience]);
      // Who waited for what has ended goes on first: a look may be followed by a load.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#ended = true;
    clock.clearTimer(timer);
  }

  #whenIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#onIdle = resolve;
      if (this.#begun === 0) resolve();
    });
  }
}
