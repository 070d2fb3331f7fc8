import type { L2, L2FeedState, L2Host, L2News } from '@tierwise/l2';

/** The operations that can be held. Those of capabilities go by their own names. */
export type Operation =
  | 'open'
  | 'read'
  | 'write'
  | 'delete'
  | 'expire'
  | 'touch'
  | 'purge'
  | 'acquire'
  | 'renew'
  | 'release'
  | 'marks'
  | 'advance'
  | 'follow'
  | 'health'
  | 'replay'
  | 'transactionalRead'
  | 'commit';

/** A call that was stopped on its way. */
export interface Held {
  /** Resolves when a call has arrived here. */
  readonly arrived: Promise<void>;
  /** Lets it go on. */
  release(): void;
  /** Makes it fail instead: `out` loses the call, `back` loses the answer of a call that took effect. */
  fail(error: Error): void;
}

interface Stop {
  readonly operation: Operation;
  readonly way: 'out' | 'back';
  readonly arrive: () => void;
  readonly go: Promise<void>;
}

/**
 * An L2 that is driven by hand: it passes calls on to a real one, and stops those it was told to, on the way out (L2 has not
 * seen the call) or on the way back (L2 has done it, the answer is not here yet). News can be held back too.
 */
export class HeldL2 implements L2 {
  readonly name: string;
  /** Every operation that was called, in order. */
  readonly calls: Operation[] = [];
  readonly #inner: L2;
  readonly #stops: Stop[] = [];
  readonly #broken = new Map<Operation, Error | 'silent'>();
  #host: L2Host | undefined;
  #heldNews: L2News[] | undefined;
  readonly leases?: NonNullable<L2['leases']>;
  readonly time?: NonNullable<L2['time']>;
  readonly feed?: NonNullable<L2['feed']>;
  readonly replay?: NonNullable<L2['replay']>;
  readonly transactions?: NonNullable<L2['transactions']>;

  /** @param without capabilities that this one shall lack. */
  constructor(inner: L2, without: readonly ('leases' | 'time' | 'feed' | 'transactions' | 'replay')[] = []) {
    this.#inner = inner;
    this.name = inner.name;
    const { leases, time, feed, transactions, replay } = inner;
    if (leases !== undefined && !without.includes('leases')) {
      this.leases = {
        acquire: (...args) => this.#pass('acquire', () => leases.acquire(...args)),
        renew: (...args) => this.#pass('renew', () => leases.renew(...args)),
        release: (...args) => this.#pass('release', () => leases.release(...args)),
      };
    }
    if (time !== undefined && !without.includes('time')) {
      this.time = {
        marks: (...args) => this.#pass('marks', () => time.marks(...args)),
        advance: (...args) => this.#pass('advance', () => time.advance(...args)),
      };
    }
    if (feed !== undefined && !without.includes('feed')) {
      this.feed = { follow: (...args) => this.#pass('follow', () => feed.follow(...args)) };
    }
    if (replay !== undefined && !without.includes('replay')) {
      this.replay = {
        moment: (...args) => replay.moment(...args),
        replay: (...args) => this.#pass('replay', () => replay.replay(...args)),
      };
    }
    if (transactions !== undefined && !without.includes('transactions')) {
      this.transactions = {
        read: (...args) => this.#pass('transactionalRead', () => transactions.read(...args)),
        commit: (...args) => this.#pass('commit', () => transactions.commit(...args)),
      };
    }
  }

  /** Stops the next call of an operation. */
  hold(operation: Operation, way: 'out' | 'back' = 'out'): Held {
    let arrive: () => void = () => {};
    let release: () => void = () => {};
    let fail: (error: Error) => void = () => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const go = new Promise<void>((resolve, reject) => {
      release = resolve;
      fail = reject;
    });
    go.catch(() => {});
    this.#stops.push({ operation, way, arrive, go });
    return { arrived, release: () => release(), fail: (error) => fail(error) };
  }

  /** From now on every call of these operations is lost: it fails with an error, or (`'silent'`) is never answered. */
  break(how: Error | 'silent', ...operations: Operation[]): void {
    for (const operation of operations) this.#broken.set(operation, how);
  }

  /** Ends what {@link HeldL2.break} began. */
  mend(): void {
    this.#broken.clear();
  }

  /** How often an operation was called. */
  count(operation: Operation): number {
    return this.calls.filter((call) => call === operation).length;
  }

  /** Keeps news back from now on. */
  holdNews(): void {
    this.#heldNews ??= [];
  }

  /** Delivers what was kept back, in an order of the test's choice, and lets news pass again. */
  releaseNews(order: (news: L2News[]) => L2News[] = (news) => news): void {
    const news = this.#heldNews ?? [];
    this.#heldNews = undefined;
    for (const each of order(news)) this.#host?.onNews(each);
  }

  /** Kept back so far. */
  get heldNews(): readonly L2News[] {
    return this.#heldNews ?? [];
  }

  /** Forgets what was kept back, as a broken connection does. */
  loseNews(): void {
    this.#heldNews = undefined;
  }

  /** Tells the hierarchy news that nobody sent. */
  tell(news: L2News): void {
    this.#host?.onNews(news);
  }

  tellState(state: L2FeedState): void {
    this.#host?.onFeedState(state);
  }

  open(host: L2Host): Promise<void> {
    this.#host = host;
    return this.#pass('open', () =>
      this.#inner.open({
        ...host,
        onNews: (news) => {
          if (this.#heldNews === undefined) host.onNews(news);
          else this.#heldNews.push(news);
        },
      }),
    );
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  read(...args: Parameters<L2['read']>): ReturnType<L2['read']> {
    return this.#pass('read', () => this.#inner.read(...args));
  }

  write(...args: Parameters<L2['write']>): ReturnType<L2['write']> {
    return this.#pass('write', () => this.#inner.write(...args));
  }

  delete(...args: Parameters<L2['delete']>): ReturnType<L2['delete']> {
    return this.#pass('delete', () => this.#inner.delete(...args));
  }

  expire(...args: Parameters<L2['expire']>): ReturnType<L2['expire']> {
    return this.#pass('expire', () => this.#inner.expire(...args));
  }

  touch(...args: Parameters<L2['touch']>): ReturnType<L2['touch']> {
    return this.#pass('touch', () => this.#inner.touch(...args));
  }

  purge(...args: Parameters<L2['purge']>): ReturnType<L2['purge']> {
    return this.#pass('purge', () => this.#inner.purge(...args));
  }

  health(...args: Parameters<L2['health']>): ReturnType<L2['health']> {
    return this.#pass('health', () => this.#inner.health(...args));
  }

  async #pass<T>(operation: Operation, call: () => Promise<T>): Promise<T> {
    this.calls.push(operation);
    const broken = this.#broken.get(operation);
    if (broken === 'silent') return new Promise(() => {});
    if (broken !== undefined) throw broken;
    await this.#stopAt(operation, 'out');
    const answer = await call();
    await this.#stopAt(operation, 'back');
    return answer;
  }

  async #stopAt(operation: Operation, way: 'out' | 'back'): Promise<void> {
    const index = this.#stops.findIndex((stop) => stop.operation === operation && stop.way === way);
    const [stop] = index < 0 ? [] : this.#stops.splice(index, 1);
    if (stop === undefined) return;
    stop.arrive();
    await stop.go;
  }
}
