import {
  type L2,
  type L2CallOptions,
  L2ClosedError,
  type L2Feed,
  type L2Health,
  type L2Host,
  L2InUseError,
  type L2Leases,
  type L2Life,
  type L2LogicalTime,
  type L2Read,
  type L2Replay,
  L2TimeoutError,
  type L2Transactions,
  type L2Write,
  type L2Written,
} from '@tierwise/l2';
import { Calls } from './calls.js';
import { ClusterTopology } from './cluster.js';
import { ClusterFeed } from './cluster-feed.js';
import type { Address } from './cluster-slots.js';
import { feedConnection } from './connection.js';
import { Context, unreachable } from './context.js';
import { Entries } from './entries.js';
import { Feed, type FeedParts } from './feed.js';
import { Health } from './health.js';
import { Leases } from './leases.js';
import { LogicalTime } from './logical-time.js';
import { NAME } from './name.js';
import { type RedisL2Options, type Settings, settingsOf } from './options.js';
import { PooledTopology } from './pooled.js';
import { pooledFeedConnection } from './pooled-feed.js';
import { RecentInvalidations } from './recent.js';
import { Reissue } from './reissue.js';
import { Replay } from './replay.js';
import { StandaloneTopology } from './standalone.js';
import { Transactions } from './transactions.js';

/**
 * A second tier on Redis 6.2 or later, or Valkey.
 *
 * ```ts
 * createHierarchy({ l2: redisL2({ url: 'redis://localhost:6379' }) });
 * ```
 *
 * Nothing is connected before it is opened. What is promised is said in the contract, `L2` of `@tierwise/l2`; how it looks in
 * Redis, in the README.
 *
 * @throws {@link L2InvalidError} for options that make no sense.
 */
export function redisL2(options: RedisL2Options): L2 {
  return new RedisL2(settingsOf(options));
}

/** Wires the parts: one connection for commands, one for the feed, and what is asked over them. */
class RedisL2 implements L2 {
  readonly name = NAME;
  readonly leases: L2Leases;
  readonly time: L2LogicalTime;
  readonly feed: L2Feed;
  readonly replay: L2Replay;
  readonly transactions: L2Transactions;
  readonly #settings: Settings;
  readonly #calls: Calls;
  readonly #context: Context;
  readonly #entries: Entries;
  readonly #feed: Feed | ClusterFeed;
  readonly #reissue: Reissue;
  readonly #health: Health;
  #host: L2Host | undefined;
  #closing: Promise<void> | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#calls = new Calls(settings.commandTimeout);
    const recent = new RecentInvalidations(settings.reissue, settings.now);
    if (settings.cluster === undefined) {
      const { pool } = settings;
      const topology = pool === undefined ? new StandaloneTopology(settings) : new PooledTopology(settings, pool);
      this.#context = new Context(this.#calls, topology, recent, settings.colocate);
      this.#feed = this.#feedFrom(undefined, { checkServer: (client) => topology.compare(client) });
    } else {
      const topology = new ClusterTopology(settings, settings.cluster);
      this.#context = new Context(this.#calls, topology, recent, settings.colocate);
      this.#feed = new ClusterFeed({
        context: this.#context,
        topology,
        feedFrom: (address, isRepeated) => this.#feedFrom(address, { isRepeated }),
      });
    }
    this.#entries = new Entries(this.#context);
    this.#health = new Health(this.#context, this.#feed);
    this.leases = new Leases(this.#context);
    const time = new LogicalTime(this.#context);
    this.time = time;
    this.feed = this.#feed;
    this.replay = new Replay(this.#context);
    this.transactions = new Transactions(this.#context);
    this.#reissue = new Reissue(this.#context, this.#entries, time);
  }

  /** A feed from one server: from the one of a Cluster at an address, or the only one. */
  #feedFrom(address: Address | undefined, more: Pick<FeedParts, 'isRepeated' | 'checkServer'>): Feed {
    const settings = this.#settings;
    const { pool } = settings;
    const connect = () =>
      pool === undefined ? feedConnection(settings, address) : pooledFeedConnection(settings, pool);
    return new Feed({
      context: this.#context,
      connection: connect(),
      trackingConnection: settings.tracking ? connect() : undefined,
      heartbeatInterval: settings.heartbeatInterval,
      answerLimit: settings.commandTimeout,
      ...more,
    });
  }

  async open(host: L2Host): Promise<void> {
    if (this.#calls.isClosed) throw new L2ClosedError(NAME);
    if (this.#host !== undefined) throw new L2InUseError(NAME);
    this.#host = host;
    this.#context.origin = host.origin;
    const { topology } = this.#context;
    try {
      // What cannot be heard is said at once: a service that asked for it must not run without it unawares.
      const answers = async (): Promise<void> => {
        const listening = this.#feed.start(host);
        listening.catch(() => {});
        await this.#firstAnswer();
        await listening;
      };
      await this.#calls.run('open', undefined, answers, this.#settings.connectTimeout);
    } catch (error) {
      throw error instanceof L2TimeoutError && topology.lastError ? unreachable('open', topology.lastError) : error;
    } finally {
      this.#calls.open();
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#calls.close();
    await Promise.all([this.#feed.close(), this.#context.topology.close()]);
  }

  /** Connects, and goes on doing so. Resolves with the first answer. */
  #firstAnswer(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#context.topology.connect({
        onReady: resolve,
        onRefused: reject,
        onLost: () => this.#calls.failAll(unreachable('the call', undefined)),
        onTakeover: (isTaken) => {
          this.#reissue.start(isTaken);
          this.#feed.check();
        },
      });
    });
  }

  read(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<L2Read[]> {
    return this.#entries.read(namespace, keys, options);
  }

  write(namespace: string, entries: readonly L2Write[], options?: L2CallOptions): Promise<L2Written[]> {
    return this.#entries.write(namespace, entries, options);
  }

  delete(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<boolean[]> {
    return this.#entries.delete(namespace, keys, options);
  }

  expire(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<boolean[]> {
    return this.#entries.expire(namespace, keys, options);
  }

  touch(namespace: string, keys: readonly string[], life: L2Life, options?: L2CallOptions): Promise<boolean[]> {
    return this.#entries.touch(namespace, keys, life, options);
  }

  purge(namespace: string, options?: L2CallOptions): Promise<number> {
    return this.#entries.purge(namespace, options);
  }

  health(options?: L2CallOptions): Promise<L2Health> {
    return this.#health.ask(options);
  }
}
