import type { L2FeedState, L2News } from '@tierwise/l2';
import { Doorbell, type DoorbellOptions } from './doorbell.js';
import type { Store } from './store.js';
import type { Tables } from './tables.js';

/** A node that listens to the feed. */
export interface Listener {
  readonly follows: ReadonlySet<string>;
  onNews(news: L2News): void;
  onFeedState(state: L2FeedState): void;
  /** Called with the store's last number, whenever all news up to it were handed on. */
  onUpToDate?(lastNumber: number): void;
}

/** News that were not handed on yet, and, if these are all, the store's last number. */
interface Unread {
  readonly news: readonly L2News[];
  readonly upTo: number | undefined;
}

/** How many messages are handed on before other work gets its turn. */
const MESSAGES_A_TURN = 512;

/** How long to wait after the log could not be read, in milliseconds. */
const RETRY_MS = 1000;

/**
 * Hands the log's news on to one node. It knows the number of the next message that it has not read: whatever wakes it,
 * and however often, each message is handed on once and in order. If the message is gone from the log, the node has
 * missed something and gets a `reset`.
 */
export class FeedReader {
  readonly #store: Store;
  readonly #listener: Listener;
  readonly #doorbell: Doorbell;
  #next: number;
  #state: L2FeedState = 'deaf';
  #pause: NodeJS.Timeout | undefined;
  #closed = false;

  /** Begins with what is committed from now on. Throws where the store cannot be read. */
  constructor(
    store: Store,
    listener: Listener,
    bell: Pick<DoorbellOptions, 'pollInterval' | 'watchFile' | 'platform'>,
  ) {
    this.#store = store;
    this.#listener = listener;
    this.#next = store.read((tables) => tables.readCounters().logNext);
    this.#doorbell = new Doorbell({ ...bell, file: store.dataFile, onRing: () => this.look() });
    queueMicrotask(() => this.#become('alive'));
  }

  get state(): L2FeedState {
    return this.#state;
  }

  /** Whether it looks for news in intervals, since nothing wakes it. */
  get polls(): boolean {
    return this.#doorbell.polls;
  }

  close(): void {
    this.#doorbell.close();
    clearTimeout(this.#pause);
    this.#closed = true;
    if (this.#state === 'deaf') return;
    this.#state = 'deaf';
    queueMicrotask(() => this.#listener.onFeedState('deaf'));
  }

  /** Looks for news and hands them on. Never throws. */
  look(): void {
    if (this.#closed || this.#pause !== undefined) return;
    let found: Unread;
    try {
      found = this.#store.read((tables) => this.#unread(tables));
    } catch {
      this.#become('deaf');
      this.#pauseFor(RETRY_MS);
      return;
    }
    this.#become('alive');
    if (found.news.length >= MESSAGES_A_TURN) this.#pauseFor(0);
    for (const news of found.news) {
      if (this.#closed) return;
      if (news.namespace === undefined || this.#listener.follows.has(news.namespace)) this.#listener.onNews(news);
    }
    if (found.upTo !== undefined) this.#listener.onUpToDate?.(found.upTo);
  }

  /** The next messages, in order, of one snapshot. */
  #unread(tables: Tables): Unread {
    const { logFirst, logNext, lastNumber } = tables.readCounters();
    if (this.#next < logFirst || this.#next > logNext) {
      this.#next = logNext;
      return { news: [reset('the node fell behind the log of the feed')], upTo: lastNumber };
    }
    const found: L2News[] = [];
    while (this.#next < logNext && found.length < MESSAGES_A_TURN) {
      found.push(tables.log.read(this.#next) ?? reset('a message of the feed is damaged'));
      this.#next += 1;
    }
    return { news: found, upTo: this.#next === logNext ? lastNumber : undefined };
  }

  #pauseFor(ms: number): void {
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.look();
    }, ms).unref();
  }

  #become(state: L2FeedState): void {
    if (this.#closed || this.#state === state) return;
    this.#state = state;
    this.#listener.onFeedState(state);
  }
}

function reset(reason: string): L2News {
  return { type: 'reset', namespace: undefined, reason, origin: undefined };
}
