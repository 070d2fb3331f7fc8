import type {
  L2,
  L2LeaseAnswer,
  L2LeaseRequest,
  L2Life,
  L2MarkMode,
  L2Marks,
  L2Read,
  L2Write,
  L2Written,
} from '@tierwise/l2';
import { L2TimeoutError } from '@tierwise/l2';
import type { Clock } from './clock.js';
import { Coalescer } from './coalescer.js';
import { L2FailedError } from './errors.js';
import type { Events } from './events.js';

/** The answer of an L2 that gave none: to be treated as if there were no L2. */
export const UNANSWERED = Symbol('unanswered');
export type Unanswered = typeof UNANSWERED;

interface MarksOptions {
  readonly known: number;
  readonly ensureMs?: number;
}
interface MarksQuestion extends MarksOptions {
  readonly tags: readonly string[];
}

/**
 * The one way to L2, where its time limit and its error policy live (law 6): questions never reject, they come back
 * {@link UNANSWERED}; orders reject with {@link L2FailedError}, since a caller must know that peers may not have heard. Reads,
 * requests for leases and questions for marks of one turn of the event loop become one command each.
 */
export class L2Guard {
  readonly #l2: L2;
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #events: Events;
  readonly #reads: Coalescer<string, L2Read>;
  readonly #acquires: Coalescer<L2LeaseRequest, L2LeaseAnswer>;
  readonly #fills: Coalescer<L2Write, L2Written>;
  readonly #looks: Coalescer<MarksQuestion, L2Marks | undefined>;
  readonly #ensures: Coalescer<MarksQuestion, L2Marks | undefined>;

  constructor(options: { l2: L2; clock: Clock; limitMs: number; leaseTtlMs: number; events: Events }) {
    this.#l2 = options.l2;
    this.#clock = options.clock;
    this.#limitMs = options.limitMs;
    this.#events = options.events;
    this.#reads = new Coalescer((namespace, keys) => this.#limited('read', () => this.#l2.read(namespace, keys)));
    this.#acquires = new Coalescer(async (namespace, requests) => {
      const answers = await this.#limited('acquire', () =>
        this.#l2.leases?.acquire(namespace, requests, options.leaseTtlMs),
      );
      return answers ?? [];
    });
    this.#fills = new Coalescer((namespace, fills) => this.#limited('fill', () => this.#l2.write(namespace, fills)));
    this.#looks = new Coalescer((namespace, questions) => this.#askMarks(namespace, questions));
    this.#ensures = new Coalescer((namespace, questions) => this.#askMarks(namespace, questions));
  }

  /** Several questions for marks as one: for all the tags, at the highest `known`, for the longest time. */
  async #askMarks(namespace: string, questions: readonly MarksQuestion[]): Promise<(L2Marks | undefined)[]> {
    const all = [...new Set(questions.flatMap(({ tags }) => tags))];
    const known = questions.reduce((most, question) => Math.max(most, question.known), 0);
    const ensureMs = questions.reduce((most, question) => Math.max(most, question.ensureMs ?? 0), 0);
    const options = ensureMs > 0 ? { known, ensureMs } : { known };
    const marks = await this.#limited('marks', () => this.#l2.time?.marks(namespace, all, options));
    const byTag = new Map(all.map((tag, index) => [tag, marks?.tags[index]]));
    return questions.map(({ tags }) => marks && { ...marks, tags: tags.map((tag) => byTag.get(tag)) });
  }

  get hasLeases(): boolean {
    return this.#l2.leases !== undefined;
  }

  get hasTime(): boolean {
    return this.#l2.time !== undefined;
  }

  get hasFeed(): boolean {
    return this.#l2.feed !== undefined;
  }

  read(namespace: string, key: string): Promise<L2Read | Unanswered> {
    return this.#question('read', this.#reads.ask(namespace, key));
  }

  acquire(namespace: string, request: L2LeaseRequest): Promise<L2LeaseAnswer | Unanswered> {
    return this.#question('acquire', this.#acquires.ask(namespace, request));
  }

  renew(namespace: string, key: string, token: string, ttlMs: number): Promise<boolean | undefined | Unanswered> {
    return this.#question(
      'renew',
      this.#limited('renew', () => this.#l2.leases?.renew(namespace, key, token, ttlMs)),
    );
  }

  release(namespace: string, key: string, token: string): Promise<boolean | undefined | Unanswered> {
    return this.#question(
      'release',
      this.#limited('release', () => this.#l2.leases?.release(namespace, key, token)),
    );
  }

  fill(namespace: string, write: L2Write): Promise<L2Written | Unanswered | undefined> {
    return this.#question('fill', this.#fills.ask(namespace, write));
  }

  /** The marks of tags, in their order. With `ensureMs`, they are made to exist, and to last. */
  marks(namespace: string, tags: readonly string[], options: MarksOptions): Promise<L2Marks | undefined | Unanswered> {
    const marks = options.ensureMs === undefined ? this.#looks : this.#ensures;
    return this.#question('marks', marks.ask(namespace, { tags, ...options }));
  }

  /** @returns whether the feed now follows the namespace. */
  async follow(namespace: string): Promise<boolean> {
    const answer = await this.#question(
      'follow',
      this.#limited('follow', () => this.#l2.feed?.follow(namespace)),
    );
    return answer !== UNANSWERED;
  }

  /** @param key the first one as the user spells it, for the error; so for the other orders. */
  write(namespace: string, writes: readonly L2Write[], key: string | undefined): Promise<L2Written[]> {
    return this.#order('write', () => this.#l2.write(namespace, writes), namespace, key);
  }

  delete(namespace: string, ids: readonly string[], key: string | undefined): Promise<boolean[]> {
    return this.#order('delete', () => this.#l2.delete(namespace, ids), namespace, key);
  }

  expire(namespace: string, ids: readonly string[], key: string | undefined): Promise<boolean[]> {
    return this.#order('expire', () => this.#l2.expire(namespace, ids), namespace, key);
  }

  touch(namespace: string, ids: readonly string[], life: L2Life, key: string | undefined): Promise<boolean[]> {
    return this.#order('touch', () => this.#l2.touch(namespace, ids, life), namespace, key);
  }

  advance(
    namespace: string,
    tags: readonly string[] | null,
    mode: L2MarkMode,
    known: number,
  ): Promise<number | undefined> {
    return this.#order('advance', () => this.#l2.time?.advance(namespace, tags, mode, { known }), namespace, undefined);
  }

  /** Not limited in time: it is for people, and takes as long as there are keys. */
  async purge(namespace: string): Promise<number> {
    try {
      return await this.#l2.purge(namespace);
    } catch (error) {
      throw this.#failed('purge', error, namespace, undefined);
    }
  }

  async #question<T>(operation: string, answer: Promise<T>): Promise<T | Unanswered> {
    try {
      return await answer;
    } catch (error) {
      this.#report(operation, error);
      return UNANSWERED;
    }
  }

  async #order<T>(operation: string, run: () => Promise<T>, namespace: string, key: string | undefined): Promise<T>;
  async #order<T>(
    operation: string,
    run: () => Promise<T> | undefined,
    namespace: string,
    key: string | undefined,
  ): Promise<T | undefined>;
  async #order<T>(
    operation: string,
    run: () => Promise<T> | undefined,
    namespace: string,
    key: string | undefined,
  ): Promise<T | undefined> {
    try {
      return await this.#limited(operation, run);
    } catch (error) {
      throw this.#failed(operation, error, namespace, key);
    }
  }

  #failed(operation: string, error: unknown, namespace: string, key: string | undefined): L2FailedError {
    this.#report(operation, error);
    const reason = error instanceof Error ? error.message : String(error);
    return new L2FailedError(
      `${operation} may not have reached L2, so peers may still hold what it replaced; repeat it (${reason})`,
      { namespace, key, cause: error },
    );
  }

  #report(operation: string, error: unknown): void {
    if (this.#events.wants('l2-error')) this.#events.emit({ type: 'l2-error', operation, error });
  }

  /** Settles like what `run` returns, or rejects at the time limit. */
  #limited<T>(operation: string, run: () => Promise<T>): Promise<T>;
  #limited<T>(operation: string, run: () => Promise<T> | undefined): Promise<T | undefined>;
  #limited<T>(operation: string, run: () => Promise<T> | undefined): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const running = Promise.resolve(run());
      const timer = this.#clock.setTimer(
        () => reject(new L2TimeoutError(this.#l2.name, operation, this.#limitMs)),
        this.#limitMs,
      );
      const done = () => this.#clock.clearTimer(timer);
      running.then(
        (answer) => {
          done();
          resolve(answer);
        },
        (error) => {
          done();
          reject(error);
        },
      );
    });
  }
}
