import { backOff } from './connection.js';
import { Line } from './line.js';
import type { Settings } from './options.js';
import type { RedisL2Lane } from './pool-options.js';
import type { Identity } from './server.js';

export interface PooledLaneListener {
  /** Somebody answers. Says of the connection whether it is to be used. */
  readonly onMet: (line: Line, identity: Identity) => void;
  readonly onRefused: (error: Error) => void;
  /** A connection that was used is gone. Called before anything is sent over another one for what was under way on it. */
  readonly onLost: (line: Line) => void;
}

/** Keeps one of a pool's shared connections connected, and knows who is there. */
export class PooledLane {
  readonly #lane: RedisL2Lane;
  readonly #settings: Settings;
  readonly #listener: PooledLaneListener;
  #line: Line | undefined;
  #lastError: Error | undefined;
  /** Whether it was met and is not used. */
  #isSpare = false;
  #attempts = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #stopListening = () => {};

  constructor(lane: RedisL2Lane, settings: Settings, listener: PooledLaneListener) {
    this.#lane = lane;
    this.#settings = settings;
    this.#listener = listener;
  }

  /** Its connection, if it may be used now. Notices if it is gone. */
  get line(): Line | undefined {
    const line = this.#line;
    if (!line?.isUsable) return undefined;
    if (line.isOpen) return line;
    this.#lose(line);
    return undefined;
  }

  get lastError(): Error | undefined {
    return this.#lastError;
  }

  async connect(): Promise<void> {
    try {
      const client = await this.#lane.connection();
      if (this.#isClosed) return;
      const line = new Line(this.#lane, client, this.#settings);
      const lost = (): void => this.#lose(line);
      client.on('close', lost);
      this.#stopListening = () => client.off('close', lost);
      this.#line = line;
      if (line.isOpen) await this.#meet(line);
      else this.#lose(line);
    } catch (error) {
      this.#lastError = error as Error;
      this.#connectLater();
    }
  }

  /** If its connection is not used, it may be now: whoever is there is asked anew. */
  offer(): void {
    const line = this.#line;
    if (line === undefined || !this.#isSpare) return;
    this.#isSpare = false;
    void this.#meet(line);
  }

  /** Gives the connection up, for a new one. */
  drop(): void {
    const line = this.#line;
    if (line === undefined) return;
    line.client.disconnect();
    this.#lose(line);
  }

  close(): void {
    this.#isClosed = true;
    this.#stopListening();
    clearTimeout(this.#timer);
  }

  async #meet(line: Line): Promise<void> {
    try {
      const identity = await line.meet();
      if (line.isLost || this.#isClosed) return;
      this.#attempts = 0;
      this.#lastError = undefined;
      this.#listener.onMet(line, identity);
      this.#isSpare = !line.isUsable;
    } catch (error) {
      if (line.isLost || this.#isClosed) return;
      this.#lastError = error as Error;
      // What Redis refuses, it may grant later: when it has loaded its data, say.
      if (!(error instanceof Error && error.name === 'ReplyError')) return this.drop();
      this.#listener.onRefused(error);
      this.#after(this.#settings.maxReconnectDelay, () => {
        if (!line.isLost) void this.#meet(line);
      });
    }
  }

  #lose(line: Line): void {
    if (line.isLost) return;
    line.isLost = true;
    this.#isSpare = false;
    this.#stopListening();
    if (this.#line === line) this.#line = undefined;
    const wasUsed = line.isUsable;
    line.isUsable = false;
    if (wasUsed) this.#listener.onLost(line);
    this.#connectLater();
  }

  #connectLater(): void {
    this.#attempts += 1;
    this.#after(backOff(this.#settings, this.#attempts, Math.random()), () => void this.connect());
  }

  #after(ms: number, act: () => void): void {
    clearTimeout(this.#timer);
    if (!this.#isClosed) this.#timer = setTimeout(act, ms).unref();
  }
}
