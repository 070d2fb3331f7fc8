import type { Redis } from 'ioredis';
import { backOff, type Connection, type FeedClient } from './connection.js';
import type { Settings } from './options.js';
import type { RedisL2Pool } from './pool-options.js';

type Ready = () => void;
type Heard = (channel: Buffer, payload: Buffer) => void;

/** The feed's connection where a pool lends it. */
export function pooledFeedConnection(settings: Settings, pool: RedisL2Pool): Connection<FeedClient> {
  const client = new BorrowedClient(settings, pool);
  return { client, lastError: () => client.lastError, close: () => client.close() };
}

/** A connection that a pool lends exclusively, and another one when it is lost: as a client of ioredis that connects anew by itself. */
class BorrowedClient implements FeedClient {
  lastError: Error | undefined;
  readonly #settings: Settings;
  readonly #pool: RedisL2Pool;
  readonly #listeners = { ready: [] as Ready[], close: [] as Ready[], messageBuffer: [] as Heard[] };
  #client: Redis | undefined;
  readonly #end = new AbortController();
  /** Settles when nothing is borrowed any more. */
  #borrowing: Promise<void> = Promise.resolve();
  #attempts = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(settings: Settings, pool: RedisL2Pool) {
    this.#settings = settings;
    this.#pool = pool;
  }

  get status(): string {
    return this.#client?.status ?? 'wait';
  }

  get stream(): Redis['stream'] | undefined {
    return this.#client?.stream;
  }

  on(event: 'ready' | 'close', listener: Ready): this;
  on(event: 'messageBuffer', listener: Heard): this;
  on(event: 'ready' | 'close' | 'messageBuffer', listener: Ready | Heard): this {
    (this.#listeners[event] as (Ready | Heard)[]).push(listener);
    return this;
  }

  async connect(): Promise<void> {
    const { signal } = this.#end;
    if (!signal.aborted) this.#borrowing = this.#borrow(signal);
  }

  /** What is lost is always made anew. */
  disconnect(): void {
    this.#client?.disconnect();
  }

  subscribe(...channels: string[]): Promise<unknown> {
    return this.#present().subscribe(...channels);
  }

  ping(): Promise<unknown> {
    return this.#present().ping();
  }

  client(what: 'ID'): Promise<number> {
    return this.#present().client(what);
  }

  call(command: string, ...args: string[]): Promise<unknown> {
    return this.#present().call(command, ...args);
  }

  publish(channel: string, message: string): Promise<number> {
    return this.#present().publish(channel, message);
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#end.abort();
    await this.#borrowing;
  }

  #present(): Redis {
    if (this.#client === undefined) throw new Error('there is no connection', { cause: this.lastError });
    return this.#client;
  }

  /** Never rejects. */
  async #borrow(signal: AbortSignal): Promise<void> {
    try {
      await this.#pool.exclusive((client) => this.#hold(client, signal), { signal });
    } catch (error) {
      this.lastError = error as Error;
    }
    if (signal.aborted) return;
    this.#attempts += 1;
    const pauseMs = backOff(this.#settings, this.#attempts, Math.random());
    this.#timer = setTimeout(() => void this.connect(), pauseMs).unref();
  }

  /** Rejects when the connection is lost or the end has come, and so is never lent again: it has listened. */
  #hold(client: Redis, signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      const over = (error: Error): void => {
        if (this.#client !== client) return;
        this.#client = undefined;
        reject(error);
        for (const listener of this.#listeners.close) listener();
      };
      signal.addEventListener('abort', () => over(signal.reason as Error), { once: true });
      client.on('close', () => over(new Error('the connection was lost')));
      client.on('messageBuffer', (channel: Buffer, payload: Buffer) => {
        if (this.#client === client) for (const listener of this.#listeners.messageBuffer) listener(channel, payload);
      });
      this.#client = client;
      this.#attempts = 0;
      this.lastError = undefined;
      for (const listener of this.#listeners.ready) listener();
    });
  }
}
