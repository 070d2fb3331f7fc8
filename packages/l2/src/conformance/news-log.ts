import { AssertionError } from 'node:assert';
import type { L2FeedState, L2Host, L2News } from '../contract.js';

/** One deed to one key, as the feed told of it; batches are taken apart. */
export interface Deed {
  readonly what: string;
  readonly key: string;
  readonly origin: string | undefined;
}

/** Everything that one node has heard. Waiting is by event, and bounded. */
export class NewsLog {
  readonly all: L2News[] = [];
  readonly states: L2FeedState[] = [];
  readonly host: L2Host;
  /** Called with each news, before it is looked at by anyone who waits. */
  onNews: (news: L2News) => void = () => {};
  readonly #patienceMs: number;
  readonly #waiting = new Set<() => void>();

  constructor(origin: string, patienceMs: number) {
    this.#patienceMs = patienceMs;
    this.host = {
      origin,
      onNews: (news) => {
        this.all.push(news);
        this.onNews(news);
        this.#look();
      },
      onFeedState: (state) => {
        this.states.push(state);
        this.#look();
      },
    };
  }

  /** The deeds heard of the entries and leases of one namespace, in order; those of other programs are left out. */
  deeds(namespace: string): Deed[] {
    return this.all.flatMap((news) => {
      if (news.type !== 'changed' && news.type !== 'released') return [];
      if (news.namespace !== namespace) return [];
      const what = news.type === 'changed' ? news.cause : news.type;
      return what === 'external' ? [] : news.keys.map((key) => ({ what, key, origin: news.origin }));
    });
  }

  /** The deeds to one key, each named once, in the order in which they were first heard of. */
  deedsTo(namespace: string, key: string): string[] {
    return [...new Set(this.deeds(namespace).flatMap((deed) => (deed.key === key ? [deed.what] : [])))];
  }

  /** Waits for a deed to a key. */
  async deed(namespace: string, key: string, what: string): Promise<Deed> {
    return this.#until(`'${what}' of the key ${JSON.stringify(key.slice(0, 40))}`, () =>
      this.deeds(namespace).find((deed) => deed.key === key && deed.what === what),
    );
  }

  /** Waits for news of one type that pass a test. */
  async news<T extends L2News['type']>(
    type: T,
    passes: (news: Extract<L2News, { type: T }>) => boolean,
  ): Promise<Extract<L2News, { type: T }>> {
    const isWanted = (news: L2News): news is Extract<L2News, { type: T }> =>
      news.type === type && passes(news as Extract<L2News, { type: T }>);
    return this.#until(`news of type '${type}'`, () => this.all.find(isWanted));
  }

  /** Waits for news of what was done on an account: see `L2CallOptions.correlationId`. */
  async onAccountOf(correlationId: string): Promise<L2News> {
    return this.#until(`news of ${JSON.stringify(correlationId)}`, () =>
      this.all.find((news) => news.correlationId === correlationId),
    );
  }

  /** Waits until the feed is alive. */
  async alive(): Promise<void> {
    await this.#until("the feed to become 'alive'", () => (this.states.at(-1) === 'alive' ? true : undefined));
  }

  #look(): void {
    for (const look of this.#waiting) look();
  }

  #until<T>(what: string, find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = find();
        if (found === undefined) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        const heard = this.all.slice(-5).map((news) => JSON.stringify(news).slice(0, 200));
        const message = `waited ${this.#patienceMs} ms for ${what}; last heard: ${heard.join(', ') || 'nothing'}`;
        reject(new AssertionError({ message }));
      }, this.#patienceMs);
      this.#waiting.add(look);
      look();
    });
  }
}
