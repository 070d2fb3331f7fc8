import {
  type L2CallOptions,
  type L2Feed,
  type L2FeedState,
  type L2Host,
  type L2News,
  L2UnavailableError,
} from '@tierwise/l2';
import type { Connection, FeedClient } from './connection.js';
import type { Context } from './context.js';
import { INVALIDATIONS } from './keys.js';
import { decodeMessage } from './message.js';
import { NAME } from './name.js';
import { Tracking } from './tracking.js';

export interface FeedParts {
  readonly context: Context;
  /** The feed's own connection. */
  readonly connection: Connection<FeedClient>;
  /** Another one, by which Redis is asked to tell of all changes; `undefined` if it shall not. */
  readonly trackingConnection: Connection<FeedClient> | undefined;
  /** How often the connection is asked whether it is alive, in milliseconds. */
  readonly heartbeatInterval: number;
  /** How long it may take to answer, in milliseconds. */
  readonly answerLimit: number;
  /** Whether a message was heard before, by another connection. */
  readonly isRepeated?: ((payload: Buffer) => boolean) | undefined;
  /** Throws when the feed's connection is known to lead to another server than commands go to. */
  readonly checkServer?: ((client: FeedClient) => void) | undefined;
}

/**
 * The feed over Pub/Sub, on a connection to itself.
 *
 * It is alive while that connection answers and is subscribed to every followed namespace. It is deaf from the moment its
 * connection closes, or does not answer a PING in time; the connection is then made anew, every namespace subscribed again, and
 * only when all are is it alive. Redis sends messages and answers of one connection in order, so an answered PING also says that
 * everything that was published before has been heard.
 *
 * With `tracking`, Redis also tells of what was changed by others (`tracking.ts`). That takes a second connection, and the feed is
 * deaf unless both live and are joined. The messages go on all the same: they say who did what, and what cannot be seen by a
 * change of an entry.
 */
export class Feed implements L2Feed {
  readonly #parts: FeedParts;
  readonly #tracking: Tracking | undefined;
  /** Followed channels and their namespaces. */
  readonly #followed = new Map<string, string>();
  /** Channels that the present connection has subscribed to. */
  readonly #subscribed = new Set<string>();
  /** Calls that wait for a channel to be subscribed to. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #host: L2Host | undefined;
  /** Counts how often connections were lost: what was begun in another life does not count in this one. */
  #life = 0;
  /** Whether subscribing is all that is missing to follow a namespace. */
  #isArmed = false;
  /** Why Redis will not let this node track, as far as it has said so. */
  #refusal: Error | undefined;
  #opening: { resolve: () => void; reject: (error: Error) => void } | undefined;
  #state: L2FeedState = 'deaf';
  #heartbeat: NodeJS.Timeout | undefined;
  #malformed = 0;
  #isClosed = false;

  constructor(parts: FeedParts) {
    this.#parts = parts;
    const { context, connection, trackingConnection } = parts;
    this.#tracking =
      trackingConnection &&
      new Tracking({
        context,
        connection: trackingConnection,
        feed: connection.client,
        tell: (news) => this.#tell(news),
        isLost: () => this.#lose(),
      });
  }

  get state(): L2FeedState {
    return this.#state;
  }

  /** How many messages were not understood. */
  get malformed(): number {
    return this.#malformed;
  }

  /**
   * Begins to connect and to listen.
   *
   * @returns when it is known that Redis can do what is asked of it. Without tracking that is known at once. Rejects when it
   * refuses; it will be asked again all the same.
   */
  start(host: L2Host): Promise<void> {
    this.#host = host;
    const { client } = this.#parts.connection;
    client.on('messageBuffer', (channel: Buffer, payload: Buffer) => this.#hear(channel.toString(), payload));
    client.on('ready', () => {
      this.#tracking?.greet();
      void this.#beat();
    });
    client.on('close', () => this.#lose());
    client.connect().catch(() => {});
    if (this.#tracking === undefined) return Promise.resolve();
    this.#tracking.start(() => void this.#beat());
    return new Promise((resolve, reject) => {
      this.#opening = { resolve, reject };
    });
  }

  async follow(namespace: string, options?: L2CallOptions): Promise<void> {
    const { context } = this.#parts;
    context.enter(options, namespace);
    const channel = context.channel(namespace);
    // Stays followed if the call fails: the next connection subscribes to it before it counts as alive.
    this.#followed.set(channel, namespace);
    if (this.#subscribed.has(channel)) return;
    if (!this.#isArmed && this.#refusal !== undefined) throw this.#refusal;
    await context.calls.run('follow', options, () => this.#subscribedTo(channel));
  }

  /** Follows a namespace from the next time on that everything is subscribed to. */
  followLater(namespace: string): void {
    this.#followed.set(this.#parts.context.channel(namespace), namespace);
  }

  /** Asks at once whether everything is as it should be. */
  check(): void {
    void this.#beat();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#lose();
    await Promise.all([this.#parts.connection.close(), this.#tracking?.close()]);
  }

  #subscribedTo(channel: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(channel);
      if (waiting !== undefined) waiting.push(resolve);
      else this.#waiting.set(channel, [resolve]);
      // Without a connection the next one sees to it.
      if (this.#isArmed) this.#subscribe([channel]).catch(reject);
    });
  }

  /** One step of the connection's life: makes it alive if it is deaf, else asks whether it still is. */
  async #beat(): Promise<void> {
    clearTimeout(this.#heartbeat);
    const { client } = this.#parts.connection;
    if (this.#isClosed || client.status !== 'ready' || this.#tracking?.isReady === false) return;
    const life = this.#life;
    try {
      await this.#within(this.#catchUp());
      if (this.#life === life) this.#become('alive');
    } catch (error) {
      if (this.#life !== life) return;
      // An error that Redis answers with, such as a lack of rights, is no reason to connect anew, but to ask again later.
      if (!isReply(error)) {
        client.disconnect(true);
        this.#tracking?.reconnect();
      }
      this.#become('deaf');
    }
    if (this.#isClosed || this.#life !== life) return;
    this.#heartbeat = setTimeout(() => void this.#beat(), this.#parts.heartbeatInterval).unref();
  }

  /** Resolves when all followed channels are subscribed to and everything published before was heard. */
  async #catchUp(): Promise<void> {
    this.#parts.checkServer?.(this.#parts.connection.client);
    if (!this.#isArmed) await this.#arm();
    for (;;) {
      const missing = [...this.#followed.keys()].filter((channel) => !this.#subscribed.has(channel));
      if (missing.length === 0) break;
      await this.#subscribe(missing);
    }
    await Promise.all([this.#parts.connection.client.ping(), this.#tracking?.ping()]);
  }

  async #arm(): Promise<void> {
    const life = this.#life;
    try {
      await this.#tracking?.arm();
    } catch (error) {
      if (isReply(error)) this.#refuse(error);
      throw error;
    }
    if (this.#life !== life) throw new Error('the connection was lost');
    this.#isArmed = true;
    this.#refusal = undefined;
    this.#opening?.resolve();
  }

  #refuse(error: Error): void {
    const message = `tracking is not possible, Redis says: ${error.message}`;
    this.#refusal = new L2UnavailableError(NAME, message, { cause: error });
    this.#opening?.reject(this.#refusal);
  }

  async #subscribe(channels: readonly string[]): Promise<void> {
    const life = this.#life;
    const namespaces = channels.map((channel) => this.#followed.get(channel) as string);
    await Promise.all([this.#parts.connection.client.subscribe(...channels), this.#tracking?.follow(namespaces)]);
    if (this.#life !== life) throw new Error('the connection was lost');
    for (const channel of channels) {
      this.#subscribed.add(channel);
      for (const resolve of this.#waiting.get(channel) ?? []) resolve();
      this.#waiting.delete(channel);
    }
  }

  #hear(channel: string, payload: Buffer): void {
    if (channel === INVALIDATIONS) {
      this.#tracking?.hear(payload);
      return;
    }
    const namespace = this.#followed.get(channel);
    if (namespace === undefined) return;
    const message = decodeMessage(payload, namespace);
    if (message === undefined) {
      this.#malformed += 1;
      return;
    }
    this.#tracking?.announced(message);
    if (!this.#parts.isRepeated?.(payload)) this.#tell(message.news);
  }

  #tell(news: L2News): void {
    if (!this.#isClosed) this.#host?.onNews(news);
  }

  #lose(): void {
    this.#life += 1;
    this.#isArmed = false;
    clearTimeout(this.#heartbeat);
    this.#subscribed.clear();
    this.#tracking?.lose();
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

function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}
