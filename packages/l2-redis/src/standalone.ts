import type { L2Moment } from '@tierwise/l2';
import type { Redis } from 'ioredis';
import type { Answered } from './calls.js';
import { chunksOf, withoutRepeats } from './chunks.js';
import { type Connection, commandConnection, type FeedClient } from './connection.js';
import type { Settings } from './options.js';
import type { Script } from './scripts/script.js';
import { Server } from './server.js';
import type { ScriptArgument, Stored, Timed, Topology, TopologyListener } from './topology.js';

/** One Redis, by a connection of ours or by a user's client. With Sentinel, the present master. */
export class StandaloneTopology implements Topology {
  readonly #own: Connection | undefined;
  readonly #server: Server;
  readonly #mustBeMaster: boolean;
  /** Who answered last, by {@link Identity.run}. */
  #run: string | undefined;
  /** Whether the server behind the present connection is known, and calls may be sent. */
  #isMet = false;
  /** Why Redis does not let itself be met, and when it is asked again. */
  #refusal: Error | undefined;
  #again: NodeJS.Timeout | undefined;
  readonly #pauseMs: number;
  #stopListening = () => {};

  constructor(settings: Settings) {
    this.#own = settings.client === undefined ? commandConnection(settings) : undefined;
    const client = settings.client ?? (this.#own as Connection).client;
    this.#server = new Server(client, settings, this.#own !== undefined);
    this.#pauseMs = settings.maxReconnectDelay;
    this.#mustBeMaster = settings.sentinel !== undefined || Boolean(client.options.sentinels?.length);
  }

  get #client(): Redis {
    return this.#server.client;
  }

  get keyPrefix(): string {
    return String(this.#client.options.keyPrefix ?? '');
  }

  get db(): number {
    return this.#client.options.db ?? 0;
  }

  get isReady(): boolean {
    return this.#isMet && this.#client.status === 'ready';
  }

  get lastError(): Error | undefined {
    return this.#own?.lastError() ?? this.#refusal;
  }

  connect(listener: TopologyListener): void {
    const client = this.#client;
    let wasReady = false;
    const ready = (): void => {
      wasReady = true;
      void this.#meet(listener);
    };
    // Comes for attempts that failed as well.
    const close = (): void => {
      this.#isMet = false;
      this.#server.clock.forget();
      if (wasReady) listener.onLost();
      wasReady = false;
    };
    client.on('ready', ready).on('close', close);
    this.#stopListening = () => client.off('ready', ready).off('close', close);
    if (client.status === 'ready') ready();
    // A failed attempt is followed by others; what it failed by is heard by the error listener.
    if (client.status === 'wait') client.connect().catch(() => {});
  }

  /** Throws when another connection leads to another server than this one does. Only Sentinels give different addresses. */
  compare(other: FeedClient): void {
    if (!this.#mustBeMaster || !this.isReady) return;
    const [here, there] = [this.#client.stream, other.stream];
    if (here.remoteAddress === there?.remoteAddress && here.remotePort === there?.remotePort) return;
    throw new Error('the feed is connected to another server than the master');
  }

  async close(): Promise<void> {
    this.#stopListening();
    clearTimeout(this.#again);
    await this.#own?.close();
  }

  /** What is asked on each new connection, before anything else goes out. */
  async #meet(listener: TopologyListener): Promise<void> {
    const { stream } = this.#client;
    try {
      const { run, isMaster } = await this.#server.meet();
      if (this.#client.stream !== stream) return;
      // A Sentinel that does not know of the failover yet has led us to the old master.
      if (this.#mustBeMaster && !isMaster) return this.#client.disconnect(true);
      const isOther = run === undefined || (this.#run !== undefined && run !== this.#run);
      this.#run = run;
      this.#isMet = true;
      if (isOther) listener.onTakeover(() => true);
      listener.onReady();
      this.#refusal = undefined;
    } catch (error) {
      // A connection that was lost is followed by another. What Redis refuses, it may grant later: when it has loaded its data, say.
      if (!(error instanceof Error && error.name === 'ReplyError') || this.#client.stream !== stream) return;
      this.#refusal = error;
      listener.onRefused(error);
      clearTimeout(this.#again);
      this.#again = setTimeout(() => {
        if (this.#client.stream === stream && this.#client.status === 'ready') void this.#meet(listener);
      }, this.#pauseMs).unref();
    }
  }

  group<T>(items: readonly T[], keyOf: (item: T) => string, bytesOf?: (item: T) => number): T[][] {
    return withoutRepeats(items, keyOf).flatMap((part) => chunksOf(part, bytesOf));
  }

  read(keys: readonly string[], answered: Answered): Promise<(Stored | null)[]> {
    return this.#server.mget(keys, answered).then((values) => {
      const { known } = this.#server;
      const now = known.clock.now();
      return values.map((bytes) => {
        if (bytes !== null) known.heard(bytes);
        return bytes && { bytes, now };
      });
    });
  }

  run(script: Script, keys: readonly string[], args: readonly ScriptArgument[]): Promise<unknown> {
    return this.#server.run(script, keys, args);
  }

  runTimed(script: Script, keys: readonly string[], args: readonly ScriptArgument[], deadline: number): Promise<Timed> {
    return this.#server.runTimed(script, keys, args, deadline);
  }

  momentOf(): L2Moment {
    return this.#server.known.moment;
  }

  slotOf(): undefined {
    return undefined;
  }

  scan(cursor: string, pattern: string): Promise<{ cursor: string; keys: Buffer[] }> {
    return this.#server.scan(cursor, pattern, Buffer.byteLength(this.keyPrefix));
  }

  unlink(keys: readonly Buffer[]): Promise<number> {
    return this.#server.unlink(keys);
  }

  publish(channel: string, message: string): Promise<unknown> {
    return this.#client.publish(channel, message);
  }

  ping(): Promise<unknown> {
    return this.#client.ping();
  }

  info(section: string): Promise<string> {
    return this.#client.info(section);
  }
}
