import { ConnectionPool, type CreateContext, type PoolOptions } from '../src/index.js';
import { ManualClock, settled } from './manual-clock.js';

/** A connection that is none. */
export interface Dummy {
  readonly id: number;
  readonly context: CreateContext;
  ended: boolean;
}

/** A question that a pool has asked and the test answers. */
export interface Question<T> {
  readonly dummy: Dummy;
  readonly signal: AbortSignal;
  answer(fit: T): void;
  fail(error: unknown): void;
}

/** Makes connections for a pool and remembers what became of them. */
export class Depot {
  readonly clock = new ManualClock();
  readonly made: Dummy[] = [];
  /** While true, nothing can be made. */
  down = false;

  /** Connections that were made and not ended. */
  get alive(): number {
    return this.made.filter((dummy) => !dummy.ended).length;
  }

  /** Connections are made and ended at once, unless the options say otherwise. */
  pool(options: Partial<PoolOptions<Dummy>> = {}): ConnectionPool<Dummy> {
    return new ConnectionPool<Dummy>({
      clock: this.clock,
      create: (context) => this.make(context),
      destroy: (dummy) => {
        dummy.ended = true;
      },
      ...options,
    });
  }

  make(context: CreateContext): Dummy {
    if (this.down) throw new Error('the server is down');
    const dummy = { id: this.made.length, context, ended: false };
    this.made.push(dummy);
    return dummy;
  }
}

/** Questions that wait for the test's answer. */
export class Questions<T> {
  readonly open: Question<T>[] = [];

  readonly ask = (dummy: Dummy, signal: AbortSignal): Promise<T> =>
    new Promise<T>((answer, fail) => {
      this.open.push({ dummy, signal, answer, fail });
    });

  /** Answers the question about the connection `id`. */
  async answer(id: number, fit: T): Promise<void> {
    const index = this.open.findIndex((question) => question.dummy.id === id);
    const [question] = this.open.splice(index, 1);
    if (index < 0 || !question) throw new Error(`nobody asks about connection ${id}`);
    question.answer(fit);
    await settled();
  }
}
