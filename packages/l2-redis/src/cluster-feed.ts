import { type L2CallOptions, type L2Feed, type L2FeedState, type L2Host, L2UnavailableError } from '@tierwise/l2';
import type { ClusterTopology } from './cluster.js';
import type { ClusterServer } from './cluster-server.js';
import type { Address } from './cluster-slots.js';
import type { Context } from './context.js';
import type { Feed } from './feed.js';
import { Heard } from './heard.js';
import { NAME } from './name.js';

export interface ClusterFeedParts {
  readonly context: Context;
  readonly topology: ClusterTopology;
  /** Makes a feed from one server. */
  readonly feedFrom: (address: Address, isRepeated: (payload: Buffer) => boolean) => Feed;
}

/**
 * The feed of a Cluster: one feed from each master that has slots.
 *
 * A message is published by the master that did the deed, and passed on by it to all other servers. That second step is not
 * reliable: a link between servers that breaks, or is too slow, loses messages, and nobody is told. So each master is listened to
 * by itself: what is lost on the way from there, a broken connection tells of. Hence each message comes once from each master,
 * and the first one counts. A master that is not known yet, in the midst of a failover, is heard by way of the others at least.
 *
 * Sharded Pub/Sub would spare that, but there a channel belongs to a slot, and a script may publish only in its own: that
 * would be as many channels as there are slots, for each namespace.
 *
 * It is alive while all slots have a master and the feeds of all masters are alive. So it is deaf, and what is held will be
 * validated anew, whenever a master is lost, replaced or added.
 */
export class ClusterFeed implements L2Feed {
  readonly #parts: ClusterFeedParts;
  readonly #feeds = new Map<ClusterServer, Feed>();
  readonly #followed = new Set<string>();
  readonly #heard = new Heard();
  #closedMalformed = 0;
  #host: L2Host | undefined;
  #state: L2FeedState = 'deaf';
  #isClosed = false;
  #opening: { resolve: () => void; reject: (error: unknown) => void } | undefined;

  constructor(parts: ClusterFeedParts) {
    this.#parts = parts;
  }

  get state(): L2FeedState {
    return this.#state;
  }

  /** How many messages were not understood. */
  get malformed(): number {
    return [...this.#feeds.values()].reduce((sum, feed) => sum + feed.malformed, this.#closedMalformed);
  }

  /** Begins to listen. Resolves when each master is known to be able to do what is asked of it. */
  start(host: L2Host): Promise<void> {
    this.#host = host;
    this.#parts.topology.onChange(() => this.#adapt());
    return new Promise((resolve, reject) => {
      this.#opening = { resolve, reject };
      this.#adapt();
    });
  }

  async follow(namespace: string, options?: L2CallOptions): Promise<void> {
    this.#parts.context.enter(options, namespace);
    // Stays followed if the call fails.
    this.#followed.add(namespace);
    if (this.#feeds.size === 0) throw new L2UnavailableError(NAME, 'follow is not possible, no master is known');
    await Promise.all([...this.#feeds.values()].map((feed) => feed.follow(namespace, options)));
  }

  /** Every feed has its own connection to its own server, and nothing to compare. */
  check(): void {}

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#state = 'deaf';
    await Promise.all([...this.#feeds.values()].map((feed) => feed.close()));
  }

  /** Listens to the masters of now, and to no others. */
  #adapt(): void {
    if (this.#isClosed) return;
    const { topology } = this.#parts;
    const masters = new Set(topology.masters);
    for (const [server, feed] of this.#feeds) {
      if (masters.has(server)) continue;
      this.#feeds.delete(server);
      this.#closedMalformed += feed.malformed;
      void feed.close();
    }
    const started = [...masters].filter((server) => !this.#feeds.has(server)).map((server) => this.#listenTo(server));
    this.#settle();
    if (topology.isComplete && this.#opening !== undefined) {
      const { resolve, reject } = this.#opening;
      this.#opening = undefined;
      Promise.all(started).then(() => resolve(), reject);
    } else {
      for (const each of started) each.catch(() => {});
    }
  }

  #listenTo(server: ClusterServer): Promise<void> {
    const feed = this.#parts.feedFrom(server.address, (payload) => this.#heard.has(payload.toString('latin1')));
    this.#feeds.set(server, feed);
    const isCurrent = (): boolean => this.#feeds.get(server) === feed;
    const host = this.#host as L2Host;
    const started = feed.start({
      origin: host.origin,
      onNews: (news) => {
        if (isCurrent()) host.onNews(news);
      },
      onFeedState: () => this.#settle(),
    });
    for (const namespace of this.#followed) feed.followLater(namespace);
    return started;
  }

  #settle(): void {
    const feeds = [...this.#feeds.values()];
    const isAlive =
      this.#parts.topology.isComplete && feeds.length > 0 && feeds.every(({ state }) => state === 'alive');
    const state = isAlive ? 'alive' : 'deaf';
    if (this.#isClosed || state === this.#state) return;
    this.#state = state;
    this.#host?.onFeedState(state);
  }
}
