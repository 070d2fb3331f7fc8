import type { Connection, FeedClient } from './connection.js';

/**
 * Has Redis tell another connection, the feed's, of every change under certain prefixes: server-assisted invalidation
 * (`CLIENT TRACKING … BCAST REDIRECT`).
 *
 * It is a connection of its own, since one that listens to channels can no longer be asked for further prefixes in RESP2,
 * and ioredis drops what it is told of in RESP3. Redis tells for as long as this connection lives. When it is lost, so is what
 * happens until the next one has asked again.
 */
export class Tracker {
  readonly #connection: Connection<FeedClient>;
  readonly #isLost: () => void;
  /** The number of the feed's connection in Redis, once Redis tells it of anything. */
  #target: number | undefined;
  /** What was asked for, and whether it was granted. Redis refuses to hear of a prefix twice. */
  readonly #asked = new Map<string, Promise<unknown>>();

  constructor(connection: Connection<FeedClient>, isLost: () => void) {
    this.#connection = connection;
    this.#isLost = isLost;
  }

  get isReady(): boolean {
    return this.#connection.client.status === 'ready';
  }

  /** Begins to connect. */
  start(onReady: () => void): void {
    const { client } = this.#connection;
    client.on('ready', onReady);
    client.on('close', () => {
      this.#forget();
      this.#isLost();
    });
    client.connect().catch(() => {});
  }

  /** Starts anew: nothing is told any more but to the connection of this number. Waits for no answer, calls keep their order. */
  async aim(target: number): Promise<void> {
    this.#forget();
    this.#target = target;
    await this.#connection.client.call('CLIENT', 'TRACKING', 'OFF');
  }

  /** Resolves when all changes under these prefixes are told of. */
  async track(prefixes: readonly string[]): Promise<void> {
    const missing = prefixes.filter((prefix) => !this.#asked.has(prefix));
    if (missing.length > 0) {
      const options = missing.flatMap((prefix) => ['PREFIX', prefix]);
      const granted = this.#connection.client.call(
        ...['CLIENT', 'TRACKING', 'ON', 'REDIRECT', String(this.#target), 'BCAST', ...options],
      );
      for (const prefix of missing) this.#asked.set(prefix, granted);
      granted.catch(() => {
        for (const prefix of missing) if (this.#asked.get(prefix) === granted) this.#asked.delete(prefix);
      });
    }
    await Promise.all(prefixes.map((prefix) => this.#asked.get(prefix)));
  }

  /** @returns how many connections to the same server listen to a channel. */
  async listenersOf(channel: string): Promise<number> {
    return Number(await this.#connection.client.publish(channel, ''));
  }

  /** Resolves when Redis answers. As long as this connection lives, so does what was asked for over it. */
  async ping(): Promise<void> {
    await this.#connection.client.ping();
  }

  /** Gives the connection up, for a new one. */
  reconnect(): void {
    this.#connection.client.disconnect(true);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #forget(): void {
    this.#target = undefined;
    this.#asked.clear();
  }
}
