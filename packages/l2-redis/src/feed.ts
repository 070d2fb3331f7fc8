import type { L2CallOptions, L2Feed, L2FeedState, L2Host } from '@tierwise/l2';
import type { Connection } from './connection.js';
import type { Context } from './context.js';
import { decodeMessage } from './message.js';

export interface FeedParts {
  readonly context: Context;
  /** The feed's own connection. A later tracking mode, by which Redis tells of evictions too, listens on it as well. */
  readonly connection: Connection;
  /** How often the connection is asked whether it is alive, in milliseconds. */
  readonly heartbeatInterval: number;
  /** How long it may take to answer, in milliseconds. */
  readonly answerLimit: number;
}

/**
 * The feed over Pub/Sub, on a connection to itself.
 *
 * It is alive while that connection answers and is subscribed to every followed namespace. It is deaf from the moment its
 * connection closes, or does not answer a PING in time; the connection is then made anew, every namespace subscribed again, and
 * only when all are is it alive. Redis sends messages and answers of one connection in order, so an answered PING also says that
 * everything that was published before has been heard.
 */
export class Feed implements L2Feed {
  readonly #parts: FeedParts;
  /** Followed channels and their namespaces. */
  readonly #followed = new Map<string, string>();
  /** Channels that the present connection has subscribed to. */
  readonly #subscribed = new Set<string>();
  /** Calls that wait for a channel to be subscribed to. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #host: L2Host | undefined;
  #state: L2FeedState = 'deaf';
  #heartbeat: NodeJS.Timeout | undefined;
  #malformed = 0;
  #isClosed = false;

  constructor(parts: FeedParts) {
    this.#parts = parts;
  }

  get state(): L2FeedState {
    return this.#state;
  }

  /** How many messages were not understood. */
  get malformed(): number {
    return this.#malformed;
  }

  /** Begins to connect and to listen. */
  start(host: L2Host): void {
    this.#host = host;
    const { client } = this.#parts.connection;
    client.on('messageBuffer', (channel: Buffer, payload: Buffer) => this.#hear(channel.toString(), payload));
    client.on('ready', () => void this.#beat());
    client.on('close', () => this.#lose());
    client.connect().catch(() => {});
  }

  async follow(namespace: string, options?: L2CallOptions): Promise<void> {
    const { context } = this.#parts;
    context.enter(options, namespace);
    const channel = context.channel(namespace);
    // Stays followed if the call fails: the next connection subscribes to it before it counts as alive.
    this.#followed.set(channel, namespace);
    if (this.#subscribed.has(channel)) return;
    await context.calls.run('follow', options, () => this.#subscribedTo(channel));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#lose();
    await this.#parts.connection.close();
  }

  #subscribedTo(channel: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(channel);
      if (waiting !== undefined) waiting.push(resolve);
      else this.#waiting.set(channel, [resolve]);
      // Without a connection the next one sees to it.
      if (this.#parts.connection.client.status === 'ready') this.#subscribe([channel]).catch(reject);
    });
  }

  /** One step of the connection's life: makes it alive if it is deaf, else asks whether it still is. */
  async #beat(): Promise<void> {
    clearTimeout(this.#heartbeat);
    const { client } = this.#parts.connection;
    if (this.#isClosed || client.status !== 'ready') return;
    const { stream } = client;
    try {
      await this.#within(this.#catchUp());
      if (client.stream === stream && client.status === 'ready') this.#become('alive');
    } catch (error) {
      if (client.stream !== stream) return;
      // An error that Redis answers with, such as a lack of rights, is no reason to connect anew, but to ask again later.
      if (!isReply(error)) client.disconnect(true);
      this.#become('deaf');
    }
    if (this.#isClosed || client.stream !== stream) return;
    this.#heartbeat = setTimeout(() => void this.#beat(), this.#parts.heartbeatInterval).unref();
  }

  /** Resolves when all followed channels are subscribed to and everything published before was heard. */
  async #catchUp(): Promise<void> {
    for (;;) {
      const missing = [...this.#followed.keys()].filter((channel) => !this.#subscribed.has(channel));
      if (missing.length === 0) break;
      await this.#subscribe(missing);
    }
    await this.#parts.connection.client.ping();
  }

  async #subscribe(channels: readonly string[]): Promise<void> {
    const { client } = this.#parts.connection;
    const { stream } = client;
    await client.subscribe(...channels);
    if (client.stream !== stream) throw new Error('the connection was lost');
    for (const channel of channels) {
      this.#subscribed.add(channel);
      for (const resolve of this.#waiting.get(channel) ?? []) resolve();
      this.#waiting.delete(channel);
    }
  }

  #hear(channel: string, payload: Buffer): void {
    const namespace = this.#followed.get(channel);
    if (namespace === undefined || this.#isClosed) return;
    const news = decodeMessage(payload, namespace);
    if (news === undefined) this.#malformed += 1;
    else this.#host?.onNews(news);
  }

  #lose(): void {
    clearTimeout(this.#heartbeat);
    this.#subscribed.clear();
    this.#become('deaf');
  }

  #become(state: L2FeedState): void {
    if (this.#state === state) return;
    this.#state = state;
    if (!this.#isClosed) this.#host?.onFeedState(state);
  }

  /** Rejects when the answer does not come in time. As with calls, an answer that lies unread in the socket counts. */
  #within<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => setImmediate(() => reject(new Error('no answer in time'))),
        this.#parts.answerLimit,
      );
      answer.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }
}

function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}
