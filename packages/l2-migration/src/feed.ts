import type { L2FeedState, L2Host, L2News } from '@tierwise/l2';
import type { MigrationClock } from './clock.js';
import { homeOf } from './home.js';
import { type Duties, dutiesOf, heardOf, type Side, sidesOf } from './phase.js';
import type { MigrationRecord } from './record.js';

/** What the two feeds are told by the rest. */
export interface FeedParts {
  readonly host: L2Host;
  /** The record that the node acts upon, and whether it may. */
  readonly phase: () => { readonly record: MigrationRecord | undefined; readonly isTrusted: boolean };
  /** Has a store tell of a namespace. */
  readonly follow: (side: Side, namespace: string) => Promise<void>;
  readonly clock: MigrationClock;
  /** Something happened to the record. */
  readonly onRecordNews: () => void;
  /** A generation that the hierarchy is about to be told of. */
  readonly onGeneration: (namespace: string, generation: number) => void;
  /** The record's own namespace, of which the hierarchy hears nothing. */
  readonly recordNamespace: string;
}

/** Before a store is asked once more to tell of a namespace, in milliseconds. */
const RETRY_MS = 200;

/**
 * Makes one feed of two. It is alive while the phase is known and the feed of each store that the phase listens to is alive, and tells of all that is followed: a value may
 * have come from either of them.
 *
 * While values move, a deed is news of both stores. The word of the key's home is passed on as it is; that of the other store as a
 * change by whomever, since the deletion that belongs to a `set` is not to be taken for one. What comes twice costs a peer a look into L2.
 */
export class FeedOfBoth {
  readonly #parts: FeedParts;
  readonly #states: Record<Side, L2FeedState> = { from: 'deaf', to: 'deaf' };
  /** What the hierarchy is told of, and what each store tells of. */
  readonly #followed = new Set<string>();
  readonly #followedAt: Readonly<Record<Side, Set<string>>> = { from: new Set(), to: new Set() };
  #isCatchingUp = false;
  #told: L2FeedState = 'deaf';
  #closed = false;

  constructor(parts: FeedParts) {
    this.#parts = parts;
  }

  get state(): L2FeedState {
    return this.#told;
  }

  /** The host that a store is opened with. */
  hostOf(side: Side): L2Host {
    return {
      origin: this.#parts.host.origin,
      onNews: (news) => this.#hear(side, news),
      onFeedState: (state) => {
        this.#states[side] = state;
        this.refresh();
      },
    };
  }

  /** Resolves when the hierarchy hears of a namespace, as far as the phase listens. */
  async follow(namespace: string, duties: Duties): Promise<void> {
    await Promise.all(heardOf(duties).map((side) => this.#followAt(side, namespace)));
    this.#followed.add(namespace);
    this.refresh();
  }

  /** Nothing held before is of this phase: neither copies nor marks. */
  changed({ phase, percentage }: MigrationRecord): void {
    const reason = `the migration is ${phase}, at ${percentage} %`;
    if (!this.#closed) this.#parts.host.onNews({ type: 'reset', namespace: undefined, reason, origin: undefined });
  }

  /** Says whether the feed is alive, if that has changed. */
  refresh(): void {
    if (this.#closed) return;
    const { record, isTrusted } = this.#parts.phase();
    const duties = record && dutiesOf(record.phase);
    if (duties !== undefined && isTrusted) this.#catchUp(duties);
    // Whoever has just begun to listen to a store has to follow there what was followed elsewhere before.
    const hears = (side: Side) => this.#states[side] === 'alive' && this.#missingAt(side).length === 0;
    const isAlive = duties !== undefined && isTrusted && heardOf(duties).every(hears);
    const state = isAlive ? 'alive' : 'deaf';
    if (state === this.#told) return;
    this.#told = state;
    this.#parts.host.onFeedState(state);
  }

  close(): void {
    this.#closed = true;
    this.#told = 'deaf';
  }

  #missingAt(side: Side): string[] {
    return [...this.#followed].filter((namespace) => !this.#followedAt[side].has(namespace));
  }

  async #followAt(side: Side, namespace: string): Promise<void> {
    await this.#parts.follow(side, namespace);
    this.#followedAt[side].add(namespace);
  }

  /** Follows in each store that the phase knows of what is followed in the other one, in good time for the next phase. Tries until it succeeds. */
  #catchUp(duties: Duties): void {
    const missing = sidesOf(duties).flatMap((side) => this.#missingAt(side).map((namespace) => ({ side, namespace })));
    if (missing.length === 0 || this.#isCatchingUp) return;
    this.#isCatchingUp = true;
    void Promise.allSettled(missing.map(({ side, namespace }) => this.#followAt(side, namespace))).then((tries) => {
      this.#isCatchingUp = false;
      const hasFailed = tries.some(({ status }) => status === 'rejected');
      if (hasFailed) this.#parts.clock.setTimer(() => this.refresh(), RETRY_MS);
      else this.refresh();
    });
  }

  #hear(side: Side, news: L2News): void {
    const { host, phase, onRecordNews, onGeneration, recordNamespace } = this.#parts;
    if (this.#closed) return;
    if (news.namespace === recordNamespace) {
      onRecordNews();
      return;
    }
    if (news.namespace !== undefined && !this.#followed.has(news.namespace)) return;
    const { record } = phase();
    if (record === undefined) return;
    const { lead, follower, isShared } = dutiesOf(record.phase);
    if (news.type === 'marks' && side === lead) onGeneration(news.namespace, news.generation);
    if (!isShared) {
      if (side === lead) host.onNews(news);
      return;
    }
    switch (news.type) {
      case 'changed':
        for (const each of this.#byHome(side, news, record)) host.onNews(each);
        break;
      case 'released':
        // Both leases are given back, this one last: who is woken by the first one would find the second one held.
        if (side === follower) host.onNews(news);
        break;
      case 'marks':
        if (side === lead) host.onNews(news);
        break;
      case 'reset':
        host.onNews(news);
        break;
    }
  }

  #byHome(side: Side, news: Extract<L2News, { type: 'changed' }>, { percentage }: MigrationRecord): L2News[] {
    const isHome = (key: string) => homeOf(news.namespace, key, percentage) === side;
    const home = news.keys.filter(isHome);
    const others = news.keys.filter((key) => !isHome(key));
    const told: L2News[] = home.length > 0 ? [{ ...news, keys: home }] : [];
    if (others.length === 0) return told;
    // Of its own deeds a node hears by the key's home; a write here is one that was begun before the key moved.
    const isOwn = news.origin === this.#parts.host.origin;
    if (!isOwn) told.push({ ...news, keys: others, cause: 'external', origin: undefined });
    else if (news.cause === 'write') told.push({ ...news, keys: others });
    return told;
  }
}
