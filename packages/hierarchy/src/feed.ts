import type { L2FeedState, L2News } from '@tierwise/l2';
import type { Clock } from './clock.js';
import type { Correlation } from './correlation.js';
import type { Events } from './events.js';
import type { FeedMeter } from './feed-meter.js';
import type { Space } from './space.js';
import type { Tracing } from './tracing.js';

export interface FeedWatchOptions {
  readonly origin: string;
  readonly clock: Clock;
  readonly events: Events;
  readonly tracing: Tracing;
  readonly correlation: Correlation;
  readonly meter: FeedMeter;
  /** `none`: there is no L2, so nothing to hear. `deaf`: there is one, and nothing is known of its feed yet. */
  readonly start: 'none' | 'deaf';
  /** Whether the L2 has a feed at all. */
  readonly hasFeed: boolean;
  readonly maxStalenessMs: number;
  /** How long a first call waits for the feed to come alive, in milliseconds. */
  readonly patienceMs: number;
  /** Opens L2. Never rejects; answers whether L2 is open. */
  readonly open: () => Promise<boolean>;
  /** The namespaces that there are. */
  readonly spaces: ReadonlyMap<string, Space>;
  /** Empties L1. */
  readonly clearL1: () => void;
}

/**
 * News from peers, and the feed's life (law 8).
 *
 * While the feed is alive, L1 is as new as the news. When it is lost, the epoch of each namespace moves on: reads under way cannot
 * fill L1, what L1 holds from the epoch before is served for `maxStaleness` more, and what is filled while deaf lives no
 * longer than that. When it is back, everything held before is dropped: what happened in between is unknown.
 */
export class FeedWatch {
  readonly #options: FeedWatchOptions;
  #state: 'none' | L2FeedState;
  #lostAt = Number.NEGATIVE_INFINITY;
  #trustUntil = Number.POSITIVE_INFINITY;
  #wakeAlive: (() => void)[] = [];
  /** Set while nobody has had to give up waiting for the first sign of life. */
  #patient = true;

  constructor(options: FeedWatchOptions) {
    this.#options = options;
    this.#state = options.start;
  }

  get state(): 'none' | L2FeedState {
    return this.#state;
  }

  /** For how long from now what is filled may be served, in milliseconds. */
  get trustMs(): number {
    return this.#state === 'deaf' ? this.#options.maxStalenessMs : Number.POSITIVE_INFINITY;
  }

  /** Whether the feed was lost so recently that what was held then may still be served. */
  get isLostOfLate(): boolean {
    return this.#state === 'deaf' && this.#options.clock.now() < this.#trustUntil;
  }

  /** `maxStaleness` is another one. A shorter one counts at once; what was not trusted any more is not trusted again. */
  relimit(): void {
    this.#trustUntil = Math.min(this.#trustUntil, this.#lostAt + this.#options.maxStalenessMs);
  }

  opened(): Promise<boolean> {
    return this.#options.open();
  }

  /** Resolves when the feed is alive; the first calls wait a while for that, later ones do not. */
  async aliveOrLate(): Promise<void> {
    const { clock, patienceMs, hasFeed } = this.#options;
    if (this.#state !== 'deaf' || !hasFeed || !this.#patient) return;
    await new Promise<void>((resolve) => {
      const timer = clock.setTimer(() => {
        this.#patient = false;
        resolve();
      }, patienceMs);
      this.#wakeAlive.push(() => {
        clock.clearTimer(timer);
        resolve();
      });
    });
  }

  /** To be given to the L2 as `onFeedState`. */
  onState(state: L2FeedState): void {
    if (state === this.#state || !this.#options.hasFeed) return;
    this.#state = state;
    this.#options.meter.turned(state);
    const { clock, events, maxStalenessMs, spaces, clearL1 } = this.#options;
    if (state === 'deaf') {
      this.#lostAt = clock.now();
      this.#trustUntil = this.#lostAt + maxStalenessMs;
    }
    for (const space of spaces.values()) space.lose(state);
    if (state === 'alive') {
      clearL1();
      const waiting = this.#wakeAlive;
      this.#wakeAlive = [];
      for (const wake of waiting) wake();
    }
    if (events.wants('feed')) events.emit({ type: 'feed', state });
  }

  /** To be given to the L2 as `onNews`. */
  onNews(news: L2News): void {
    const { origin, tracing, correlation } = this.#options;
    // What this node did to keys itself, it has dealt with itself: by tokens and versions, which decide races the feed cannot
    // see. Marks merge by maximum, and hearing of one's own may be the only answer that came.
    const own = news.origin === origin && news.type !== 'marks';
    correlation.on(news.correlationId, () => {
      if (tracing.wants('feed')) {
        const trace = { kind: 'feed' as const, hierarchy: tracing.hierarchy, news, own: news.origin === origin };
        tracing.runSync(trace, () => this.#hear(news, own));
      } else {
        this.#hear(news, own);
      }
    });
  }

  /** @param own whether this node has dealt with it already. */
  #hear(news: L2News, own: boolean): void {
    const { events, spaces, meter } = this.#options;
    meter.told(news, own);
    for (const space of news.namespace === undefined ? spaces.values() : [spaces.get(news.namespace)]) {
      if (space === undefined) continue;
      if (own) hearOwn(space, news);
      else this.#apply(space, news);
    }
    if (own) return;
    if (events.wants('news')) events.emit({ type: 'news', news });
  }

  #apply(space: Space, news: L2News): void {
    switch (news.type) {
      case 'changed':
        for (const key of news.keys) space.invalidate(key);
        break;
      case 'released':
        wakeFlights(space, news);
        break;
      case 'marks':
        space.time.invalidated(news.tags, news.mode, news.generation);
        break;
      case 'reset':
        space.lose('reset');
        break;
    }
  }
}

function hearOwn(space: Space, news: L2News): void {
  wakeFlights(space, news);
  if (news.type === 'changed') for (const key of news.keys) space.hearOwn(key);
}

/** A lease has ended. A flight may wait for it, though it was that of an earlier flight of this very node. */
function wakeFlights(space: Space, news: L2News): void {
  if (news.type !== 'changed' && news.type !== 'released') return;
  for (const key of news.keys) space.flights.get(key)?.wake();
}
