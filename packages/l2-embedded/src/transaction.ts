import { isDeepStrictEqual } from 'node:util';
import type { L2News } from '@tierwise/l2';
import type { Counters } from './counters.js';
import { NewsGatherer } from './news-log.js';
import type { Tables } from './tables.js';

/**
 * The year 2112 in microseconds. A caller that claims to know a higher number must not use up those of all namespaces.
 */
const MAX_CREDIBLE_NUMBER = 2 ** 52;

/** Who does a deed, and when: what a node adds to a transaction. */
export interface Actor {
  /** The node's unique name. */
  readonly origin: string;
  /** On whose account, where the call says it. */
  readonly correlationId?: string | undefined;
  /** The store's clock: whole milliseconds. */
  now(): number;
  /** Hears the highest number of what is committed. */
  hear?(number: number): void;
}

/**
 * One write transaction of the store: the tables, the moment, the counters, and the news that become visible along with
 * it. What a deed does here is seen by all processes at once, or not at all. Deeds check before they change: LMDB
 * commits what a deed that throws has done until then.
 */
export class Transaction {
  readonly tables: Tables;
  readonly counters: Counters;
  readonly now: number;
  readonly #by: Pick<L2News, 'origin' | 'correlationId'>;
  readonly #before: Counters;
  readonly #news = new NewsGatherer();

  constructor(tables: Tables, actor: Actor) {
    this.tables = tables;
    this.counters = tables.readCounters();
    this.#before = { ...this.counters };
    this.now = actor.now();
    const { origin, correlationId } = actor;
    this.#by = correlationId === undefined ? { origin } : { origin, correlationId };
  }

  /** A number above all that the store ever handed out, seeded from its clock in microseconds. */
  nextNumber(): number {
    this.counters.lastNumber = Math.max(this.counters.lastNumber + 1, this.now * 1000);
    return this.counters.lastNumber;
  }

  /** Keeps all numbers to come above one that is handed out without {@link nextNumber}. */
  remember(number: number): void {
    if (number <= MAX_CREDIBLE_NUMBER) this.counters.lastNumber = Math.max(this.counters.lastNumber, number);
  }

  /** News: a key's entry changed. */
  changed(namespace: string, key: string, cause: Extract<L2News, { type: 'changed' }>['cause']): void {
    this.#news.addKey({ type: 'changed', namespace, keys: [], cause, ...this.#by }, key);
  }

  /** News: a key's lease was given back. */
  released(namespace: string, key: string): void {
    this.#news.addKey({ type: 'released', namespace, keys: [], ...this.#by }, key);
  }

  /** News: marks were raised. */
  marked(news: Omit<Extract<L2News, { type: 'marks' }>, 'type' | 'origin'>): void {
    this.#news.add({ type: 'marks', ...news, ...this.#by });
  }

  /** News: anything may have changed in a namespace. */
  reset(namespace: string, reason: string): void {
    this.#news.add({ type: 'reset', namespace, reason, ...this.#by });
  }

  /**
   * Writes down what all deeds have in common; nothing, where nothing changed. The last thing to happen in a
   * transaction.
   */
  finish(): void {
    this.tables.log.append(this.counters, this.#news.news);
    if (!isDeepStrictEqual(this.counters, this.#before)) this.tables.writeCounters(this.counters);
  }
}
