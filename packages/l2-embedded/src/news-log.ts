import type { L2News } from '@tierwise/l2';
import type { Database } from 'lmdb';
import type { Counters } from './counters.js';

/**
 * The feed's log: news under ever-growing numbers, appended in the transaction of the deed itself, so that a writer
 * that dies has either done both or nothing. Bounded: who falls behind by more than the bound has missed something, and
 * is told so.
 */
export class NewsLog {
  readonly #messages: Database<Buffer, Buffer>;
  readonly #bounds: LogBounds;

  constructor(messages: Database<Buffer, Buffer>, bounds: LogBounds = DEFAULT_BOUNDS) {
    this.#messages = messages;
    this.#bounds = bounds;
  }

  /** Appends news and forgets the oldest beyond the bounds. Within a write transaction. */
  append(counters: Counters, news: readonly L2News[]): void {
    for (const message of news) {
      const bytes = Buffer.from(JSON.stringify(message));
      this.#messages.put(messageKey(counters.logNext), bytes);
      counters.logNext += 1;
      counters.logBytes += bytes.length;
    }
    const { maxMessages, maxBytes } = this.#bounds;
    while (counters.logNext - counters.logFirst > maxMessages || counters.logBytes > maxBytes) {
      const key = messageKey(counters.logFirst);
      counters.logBytes -= this.#messages.getBinary(key)?.length ?? 0;
      counters.logFirst += 1;
      this.#messages.remove(key);
    }
  }

  /** The message of a number, or `undefined` if there is none that can be read. */
  read(number: number): L2News | undefined {
    const bytes = this.#messages.getBinary(messageKey(number));
    if (bytes === undefined) return undefined;
    try {
      return JSON.parse(bytes.toString()) as L2News;
    } catch {
      return undefined;
    }
  }
}

/** How much of the past the log keeps. */
export interface LogBounds {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

/** Some seconds of the fastest writing that a machine does, so that only a node that was stopped falls behind. */
const DEFAULT_BOUNDS: LogBounds = { maxMessages: 32_768, maxBytes: 8 * 1024 * 1024 };

// A message of many keys is one write instead of many, but must stay small against the log's bound.
const MAX_MESSAGE_KEYS = 256;
const MAX_MESSAGE_CHARS = 16_384;

type NewsOfKeys = Extract<L2News, { keys: readonly string[] }>;

/** Gathers the news of one transaction, in order; neighbours of one kind become one message. */
export class NewsGatherer {
  readonly news: L2News[] = [];
  #open: { readonly message: NewsOfKeys; readonly keys: string[]; chars: number } | undefined;

  /** Adds news of keys. `about` says everything but the keys. */
  addKey(about: NewsOfKeys, key: string): void {
    const open = this.#open;
    if (
      open !== undefined &&
      isAlike(open.message, about) &&
      open.keys.length < MAX_MESSAGE_KEYS &&
      open.chars + key.length <= MAX_MESSAGE_CHARS
    ) {
      open.keys.push(key);
      open.chars += key.length;
      return;
    }
    const keys = [key];
    const message = { ...about, keys };
    this.news.push(message);
    this.#open = { message, keys, chars: key.length };
  }

  add(news: L2News): void {
    this.news.push(news);
    this.#open = undefined;
  }
}

function isAlike(a: NewsOfKeys, b: NewsOfKeys): boolean {
  if (a.namespace !== b.namespace || a.origin !== b.origin || a.correlationId !== b.correlationId) return false;
  return a.type === 'changed' ? b.type === 'changed' && a.cause === b.cause : b.type === a.type;
}

function messageKey(number: number): Buffer {
  const key = Buffer.allocUnsafe(8);
  key.writeBigUInt64BE(BigInt(number));
  return key;
}
