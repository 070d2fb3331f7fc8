import type { L2News } from '@tierwise/l2';
import type { Connection, FeedClient } from './connection.js';
import type { Context } from './context.js';
import { Echoes, type EntryName } from './echoes.js';
import { versionIn } from './envelope.js';
import { entryOf, INVALIDATIONS, probeChannelOf, trackedPrefix, untouchedPrefix } from './keys.js';
import type { Message } from './message.js';
import { HEADS } from './scripts/heads.js';
import { Tracker } from './tracker.js';

/** So many keys are remembered per namespace at most, some 100 bytes each: those that this node changes within a round trip. */
const MAX_ECHOES = 100_000;

export interface TrackingParts {
  readonly context: Context;
  /** The connection that asks Redis to tell. */
  readonly connection: Connection<FeedClient>;
  /** The feed's connection, which is told. */
  readonly feed: FeedClient;
  /** Passes news on. */
  readonly tell: (news: L2News) => void;
  /** The asking connection is gone, and changes may be missed. */
  readonly isLost: () => void;
}

/**
 * What `tracking: true` adds to the feed: Redis tells of every change of an entry, whoever made it, over the connection that the
 * feed's messages come by. Changes that none of our messages announced become news of cause `external`.
 */
export class Tracking {
  readonly #parts: TrackingParts;
  readonly #tracker: Tracker;
  readonly #echoes: Echoes;
  /** The followed namespaces, by their prefix. */
  readonly #prefixes = new Map<string, string>();
  /** The feed's number in Redis. To be asked for before it listens to anything: afterwards it may not ask any more. */
  #feedId: Promise<number> | undefined;

  constructor(parts: TrackingParts) {
    this.#parts = parts;
    this.#tracker = new Tracker(parts.connection, () => parts.isLost());
    this.#echoes = new Echoes({
      readVersions: (entries) => this.#readVersions(entries),
      catchUp: () => parts.feed.ping(),
      tell: (namespace, keys) => parts.tell({ type: 'changed', namespace, keys, cause: 'external', origin: undefined }),
      max: MAX_ECHOES,
    });
  }

  get isReady(): boolean {
    return this.#tracker.isReady;
  }

  start(onReady: () => void): void {
    this.#tracker.start(onReady);
  }

  /** The feed has a new connection, which does not listen yet. */
  greet(): void {
    this.#feedId = this.#parts.feed.client('ID');
    this.#feedId.catch(() => {});
  }

  /** Joins the two connections, both of which are ready. Rejects where Redis cannot or may not do it. */
  async arm(): Promise<void> {
    const { context, feed } = this.#parts;
    const { keyPrefix } = context.topology;
    const id = await this.#feedId;
    if (id === undefined) throw new Error('the connection was lost');
    const probe = probeChannelOf(keyPrefix, context.origin);
    await feed.subscribe(INVALIDATIONS, probe);
    // Behind one address there may be two servers in turn, as in a failover, where the number is another connection's.
    if ((await this.#tracker.listenersOf(probe)) === 0) throw new Error('two connections lead to different servers');
    await Promise.all([this.#tracker.aim(id), this.#tracker.track([untouchedPrefix(keyPrefix)])]);
  }

  /** Resolves when all changes in these namespaces are told of. */
  async follow(namespaces: readonly string[]): Promise<void> {
    const { keyPrefix } = this.#parts.context.topology;
    const prefixes = namespaces.map((namespace) => trackedPrefix(keyPrefix, namespace));
    for (const [index, prefix] of prefixes.entries()) this.#prefixes.set(prefix, namespaces[index] as string);
    await this.#tracker.track(prefixes);
  }

  /** Resolves when the asking connection answers. */
  ping(): Promise<void> {
    return this.#tracker.ping();
  }

  /** Hears a message of the feed. To be called in the order in which they come. */
  announced({ news, versions }: Message): void {
    if (news.type !== 'changed') return;
    this.#echoes.announced(news.namespace, news.keys, versions, news.origin === this.#parts.context.origin);
  }

  /** Hears what Redis tells: names of keys, or `null` when all are gone. */
  hear(payload: unknown): void {
    if (payload === null) {
      this.#parts.tell({ type: 'reset', namespace: undefined, reason: 'a flush of Redis', origin: undefined });
    }
    if (!Array.isArray(payload)) return;
    const { keyPrefix } = this.#parts.context.topology;
    const changed = new Map<string, string[]>();
    for (const name of payload) {
      const entry = entryOf(String(name), keyPrefix, this.#prefixes);
      if (entry === undefined) continue;
      const keys = changed.get(entry.namespace);
      if (keys === undefined) changed.set(entry.namespace, [entry.key]);
      else keys.push(entry.key);
    }
    for (const [namespace, keys] of changed) this.#echoes.invalidated(namespace, keys);
  }

  /** One of the connections is gone. */
  lose(): void {
    this.#echoes.lose();
  }

  /** Gives the asking connection up, for a new one. */
  reconnect(): void {
    this.#tracker.reconnect();
  }

  close(): Promise<void> {
    return this.#tracker.close();
  }

  #readVersions(entries: readonly EntryName[]): Promise<(number | undefined)[]> {
    const { context } = this.#parts;
    const names = entries.map(({ namespace, key }) => context.names(namespace).entry(key));
    return context.run('look', undefined, (answered) =>
      context.inGroups(
        names,
        (name) => name,
        async (group) => {
          const heads = (await answered(context.topology.run(HEADS, group, []))) as Buffer[];
          return heads.map(versionIn);
        },
      ),
    );
  }
}
