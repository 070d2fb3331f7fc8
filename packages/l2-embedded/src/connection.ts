import type { L2Host } from '@tierwise/l2';
import { Call } from './call.js';
import { FeedReader } from './feed.js';
import { locate } from './location.js';
import type { Moments } from './moments.js';
import type { ResolvedOptions } from './options.js';
import { acquireStore, releaseStore, type Store } from './store.js';
import { Sweeper } from './sweeper.js';
import type { Actor } from './transaction.js';

/** What a node has as long as it is open. */
export interface Connection {
  readonly store: Store;
  readonly actor: Actor;
  readonly sweeper: Sweeper;
  readonly feed: FeedReader;
}

/** Opens the store and begins to listen. Rejects with `L2UnavailableError`. */
export async function connect(
  options: ResolvedOptions,
  host: L2Host,
  follows: ReadonlySet<string>,
  moments: Moments,
): Promise<Connection> {
  const store = await acquireStore(locate(options.dir, options.durability));
  let feed: FeedReader | undefined;
  try {
    const actor: Actor = {
      origin: host.origin,
      now: () => Math.max(0, Math.floor(options.clock.now())),
      hear: (number) => moments.hear(number),
    };
    const { onNews, onFeedState } = host;
    feed = new FeedReader(
      store,
      { follows, onNews, onFeedState, onUpToDate: (number) => moments.hear(number) },
      options,
    );
    // Writes the counters as they are: that the store can be written is known then, and the doorbell hears that it
    // works.
    const life = await store.write(actor, (txn) => {
      txn.tables.writeCounters(txn.counters);
      return txn.tables.ensureLife();
    });
    moments.begin(life);
    const sweeper = new Sweeper(store, actor, options);
    sweeper.wake();
    return { store, actor, sweeper, feed };
  } catch (error) {
    feed?.close();
    await releaseStore(store);
    throw error;
  }
}

/** Frees everything, or what can be freed within `limitMs` while another process holds the store. Never rejects. */
export async function disconnect({ store, sweeper, feed }: Connection, limitMs: number): Promise<void> {
  feed.close();
  await new Call()
    .run('close', limitMs, undefined, async () => {
      await sweeper.close();
      await releaseStore(store);
    })
    .catch(() => {});
}
