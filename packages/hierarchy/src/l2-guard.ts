import type {
  L2,
  L2CallOptions,
  L2Commit,
  L2Committed,
  L2LeaseAnswer,
  L2LeaseRequest,
  L2Life,
  L2MarkMode,
  L2Marks,
  L2Read,
  L2Write,
  L2Written,
} from '@tierwise/l2';
import { L2InvalidError } from '@tierwise/l2';
import { type BatchLimits, Coalescer } from './coalescer.js';
import { type Correlation, callOptions } from './correlation.js';
import { L2FailedError } from './errors.js';
import type { Events } from './events.js';
import type { FeedMeter } from './feed-meter.js';
import { type L2Line, L2SkippedError, PURGE_LIMIT_MS, type SendOptions } from './l2-line.js';

/** The answer of an L2 that gave none: to be treated as if there were no L2. */
export const UNANSWERED = Symbol('unanswered');
export type Unanswered = typeof UNANSWERED;

/**
 * Backends do so much in one step: what is ordered after it cannot get between its parts, and no small write waits, within its time limit, for
 * many large ones.
 */
const WRITES_AT_ONCE: BatchLimits<L2Write> = {
  most: 256,
  maxWeight: 1024 * 1024,
  weigh: ({ bytes }) => bytes.byteLength,
};

interface MarksOptions {
  readonly known: number;
  readonly ensureMs?: number;
}
interface OrderAbout extends SendOptions {
  readonly namespace: string;
  /** See {@link L2Guard.write}. */
  readonly key?: string | undefined;
}
interface MarksQuestion extends MarksOptions {
  readonly tags: readonly string[];
}

export interface L2GuardOptions {
  readonly l2: L2;
  readonly line: L2Line;
  readonly leaseTtlMs: number;
  readonly events: Events;
  readonly meter: FeedMeter;
  readonly correlation: Correlation;
  /** Whether L2 has yet to be told what this node did to a key: then there is nothing to learn about it there. */
  readonly isPending: (namespace: string, key: string) => boolean;
}

/**
 * The one way to L2, where its error policy lives (law 6): questions never reject, they come back {@link UNANSWERED}; orders reject
 * with {@link L2FailedError}, and `set.ts`, `write.ts` and `invalidate.ts` see to it that they are made up for. A read is of all keys of a
 * turn already (`looks.ts`); requests for leases, questions for marks, fills and writes of one key each become one command a turn here.
 */
export class L2Guard {
  readonly #l2: L2;
  readonly #line: L2Line;
  readonly #events: Events;
  readonly #correlation: Correlation;
  readonly #meter: FeedMeter;
  readonly #isPending: L2GuardOptions['isPending'];
  readonly #acquires: Coalescer<L2LeaseRequest, L2LeaseAnswer>;
  readonly #fills: Coalescer<L2Write, L2Written>;
  readonly #writes: Coalescer<L2Write, L2Written>;
  /** On whose account the last of them was. */
  #writesAccount: string | undefined;
  readonly #looks: Coalescer<MarksQuestion, L2Marks | undefined>;
  readonly #ensures: Coalescer<MarksQuestion, L2Marks | undefined>;

  constructor(options: L2GuardOptions) {
    this.#l2 = options.l2;
    this.#line = options.line;
    this.#events = options.events;
    this.#correlation = options.correlation;
    this.#meter = options.meter;
    this.#isPending = options.isPending;
    const asking =
      <Q, T>(
        operation: string,
        run: (namespace: string, questions: readonly Q[], account?: string) => Promise<T[]> | undefined,
      ) =>
      (namespace: string, questions: readonly Q[], account?: string) =>
        this.#line
          .send(operation, () => run(namespace, questions, account), { namespace, count: questions.length })
          .then((answers) => answers ?? []);
    this.#acquires = new Coalescer(
      asking('acquire', (namespace, requests) => this.#l2.leases?.acquire(namespace, requests, options.leaseTtlMs)),
    );
    this.#fills = new Coalescer(
      asking('fill', (namespace, fills, account) => this.#write(namespace, fills, callOptions(account))),
    );
    this.#writes = new Coalescer(
      asking('write', (namespace, writes, account) => this.#write(namespace, writes, callOptions(account))),
      WRITES_AT_ONCE,
    );
    this.#looks = new Coalescer((namespace, questions) => this.#askMarks(namespace, questions));
    this.#ensures = new Coalescer((namespace, questions) => this.#askMarks(namespace, questions));
  }

  /** Several questions for marks as one: for all the tags, at the highest `known`, for the longest time. */
  async #askMarks(namespace: string, questions: readonly MarksQuestion[]): Promise<(L2Marks | undefined)[]> {
    const all = [...new Set(questions.flatMap(({ tags }) => tags))];
    const known = questions.reduce((most, question) => Math.max(most, question.known), 0);
    const ensureMs = questions.reduce((most, question) => Math.max(most, question.ensureMs ?? 0), 0);
    const options = ensureMs > 0 ? { known, ensureMs } : { known };
    const about = { namespace, count: all.length };
    const marks = await this.#line.send('marks', () => this.#l2.time?.marks(namespace, all, options), about);
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

  /** The store's moment, for a value that may have to be replayed: see `replay.ts`. */
  moment(namespace: string, key: string): string {
    return this.#l2.replay?.moment(namespace, key) ?? '';
  }

  /** Why L2 was not reached that has not opened for this hierarchy. */
  notOpen(): Error {
    return this.#line.notOpen();
  }

  /** What L2 has of keys, in their order. Of those of which it has yet to be told there is nothing to learn there. */
  read(namespace: string, keys: readonly string[]): Promise<readonly (L2Read | Unanswered)[] | Unanswered> {
    const asked = keys.filter((key) => !this.#isPending(namespace, key));
    if (asked.length === 0) return Promise.resolve(UNANSWERED);
    const about = { namespace, count: asked.length };
    return this.#line
      .send('read', () => this.#l2.read(namespace, asked), about)
      .then(
        (answers = []) => (asked.length === keys.length ? answers : inPlaces(keys, asked, answers)),
        (error) => this.#unanswered('read', error),
      );
  }

  acquire(namespace: string, request: L2LeaseRequest): Promise<L2LeaseAnswer | Unanswered> {
    if (this.#isPending(namespace, request.key)) return Promise.resolve(UNANSWERED);
    return this.#acquires.ask(namespace, request).catch((error): Unanswered => this.#unanswered('acquire', error));
  }

  renew(namespace: string, key: string, token: string, ttlMs: number): Promise<boolean | undefined | Unanswered> {
    return this.#question(
      'renew',
      this.#line.send('renew', () => this.#l2.leases?.renew(namespace, key, token, ttlMs), { namespace, count: 1 }),
    );
  }

  release(namespace: string, key: string, token: string): Promise<boolean | undefined | Unanswered> {
    return this.#question(
      'release',
      this.#line.send('release', () => this.#l2.leases?.release(namespace, key, token, this.#account), {
        namespace,
        count: 1,
      }),
    );
  }

  fill(namespace: string, write: L2Write): Promise<L2Written | Unanswered | undefined> {
    if (this.#isPending(namespace, write.key)) return Promise.resolve(UNANSWERED);
    const account = this.#correlation.current();
    const unanswered = (error: unknown): Unanswered => this.#unanswered('fill', error);
    return this.#fills.ask(namespace, write, account).catch((error) => {
      if (!(error instanceof L2InvalidError)) return unanswered(error);
      return this.#alone('fill', namespace, write, account).catch(unanswered);
    });
  }

  /** Perhaps it was another one of the same turn that L2 refused: then this one is sound by itself. */
  async #alone(
    operation: 'fill' | 'write',
    namespace: string,
    write: L2Write,
    account: string | undefined,
  ): Promise<L2Written | undefined> {
    const about = { namespace, count: 1 };
    return (await this.#line.send(operation, () => this.#write(namespace, [write], callOptions(account)), about))?.[0];
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
      this.#line.send('follow', () => this.#l2.feed?.follow(namespace), { namespace }),
    );
    return answer !== UNANSWERED;
  }

  /**
   * Writes of one key each that come in one turn of the event loop become one command. Every other order that comes in between sends them
   * on their way first, so that the order of calls is the order of commands; so does a write on another account, which is another command.
   *
   * @param key as the user spells it, for the error; so for the other orders, of the first one.
   */
  write(namespace: string, write: L2Write, key: string | undefined): Promise<L2Written | undefined> {
    const account = this.#correlation.current();
    if (account !== this.#writesAccount) this.#writes.flush();
    this.#writesAccount = account;
    return this.#writes.ask(namespace, write, account).catch(async (error) => {
      if (!(error instanceof L2InvalidError)) throw this.#failed('write', error, namespace, key);
      try {
        return await this.#alone('write', namespace, write, account);
      } catch (failure) {
        throw this.#failed('write', failure, namespace, key);
      }
    });
  }

  /** Writes of several keys, as one command. */
  async writeMany(
    namespace: string,
    writes: readonly L2Write[],
    key: string | undefined,
  ): Promise<readonly L2Written[] | undefined> {
    const [only] = writes;
    if (only !== undefined && writes.length === 1) {
      const written = await this.write(namespace, only, key);
      return written && [written];
    }
    const write = () => this.#write(namespace, writes, this.#account);
    return this.#order('write', write, { namespace, key, count: writes.length });
  }

  #write(namespace: string, writes: readonly L2Write[], account: L2CallOptions | undefined): Promise<L2Written[]> {
    const written = this.#l2.write(namespace, writes, account);
    if (writes[0] !== undefined) this.#meter.sent(namespace, writes[0].key, written);
    return written;
  }

  delete(namespace: string, ids: readonly string[], key: string | undefined): Promise<boolean[] | undefined> {
    return this.#order('delete', () => this.#l2.delete(namespace, ids, this.#account), {
      namespace,
      key,
      count: ids.length,
    });
  }

  expire(namespace: string, ids: readonly string[], key: string | undefined): Promise<boolean[] | undefined> {
    return this.#order('expire', () => this.#l2.expire(namespace, ids, this.#account), {
      namespace,
      key,
      count: ids.length,
    });
  }

  touch(
    namespace: string,
    ids: readonly string[],
    life: L2Life,
    key: string | undefined,
  ): Promise<boolean[] | undefined> {
    return this.#order('touch', () => this.#l2.touch(namespace, ids, life, this.#account), {
      namespace,
      key,
      count: ids.length,
    });
  }

  advance(
    namespace: string,
    tags: readonly string[] | null,
    mode: L2MarkMode,
    known: number,
  ): Promise<number | undefined> {
    const advance = () => this.#l2.time?.advance(namespace, tags, mode, { known, ...this.#account });
    return this.#order('advance', advance, { namespace, count: tags?.length ?? 0 });
  }

  /** See `transaction-l2.ts`. @returns `undefined` from an L2 without transactions; so {@link L2Guard.commit}. */
  transactionalRead(namespace: string, ids: readonly string[], key: string | undefined): Promise<L2Read[] | undefined> {
    const read = () => this.#l2.transactions?.read(namespace, ids);
    return this.#order('transactional read', read, { namespace, key, count: ids.length });
  }

  commit(namespace: string, commit: L2Commit, key: string | undefined): Promise<L2Committed | undefined> {
    const count = commit.writes.length + commit.deletes.length;
    return this.#order('commit', () => this.#l2.transactions?.commit(namespace, commit, this.#account), {
      namespace,
      key,
      count,
    });
  }

  /** Takes as long as there are keys. */
  async purge(namespace: string): Promise<number> {
    const purge = () => this.#l2.purge(namespace, this.#account);
    return (await this.#order('purge', purge, { namespace, limitMs: PURGE_LIMIT_MS })) ?? 0;
  }

  /** On whose account the caller calls. */
  get #account(): L2CallOptions | undefined {
    return this.#correlation.callOptions;
  }

  async #question<T>(operation: string, answer: Promise<T>): Promise<T | Unanswered> {
    try {
      return await answer;
    } catch (error) {
      return this.#unanswered(operation, error);
    }
  }

  #unanswered(operation: string, error: unknown): Unanswered {
    this.#report(operation, error);
    return UNANSWERED;
  }

  async #order<T>(operation: string, run: () => Promise<T> | undefined, about: OrderAbout): Promise<T | undefined> {
    this.#writes.flush();
    try {
      return await this.#line.send(operation, run, about);
    } catch (error) {
      throw this.#failed(operation, error, about.namespace, about.key);
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
    // What made the breaker open was reported; what it spares L2 is counted.
    if (error instanceof L2SkippedError) return;
    if (this.#events.wants('l2-error')) this.#events.emit({ type: 'l2-error', operation, error });
  }
}

/** The answers for those that were asked, in the places of all. */
function inPlaces(keys: readonly string[], asked: readonly string[], answers: readonly L2Read[]) {
  const byKey = new Map<string, L2Read>(asked.map((key, index) => [key, answers[index]]));
  return keys.map((key) => (byKey.has(key) ? byKey.get(key) : UNANSWERED));
}
