import type { Context } from './context.js';
import type { Entries } from './entries.js';
import type { LogicalTime } from './logical-time.js';
import type { RecentEntry } from './recent.js';

/** The pause before what could not be done again is tried once more, in milliseconds. */
const PAUSE_MS = 200;

/** How often it is tried. By then it is older than it is remembered, or Redis refuses for good. */
const MAX_TRIES = 300;

/**
 * Does this node's recent invalidations again when another server takes over, which may have missed the last of them.
 *
 * All of it is idempotent, and goes out before anything else does to that server, so this node never reads what it has itself
 * invalidated. Peers may in the meantime; the news of it reaches them like that of any other invalidation. A value that was
 * written since then goes as well: that costs a load, while the opposite would serve what is invalid.
 */
export class Reissue {
  readonly #context: Context;
  readonly #entries: Entries;
  readonly #time: LogicalTime;

  constructor(context: Context, entries: Entries, time: LogicalTime) {
    this.#context = context;
    this.#entries = entries;
    this.#time = time;
  }

  /** @param isTaken whether another server answers for a key in Redis. Everything is on its way on return. */
  start(isTaken: (key: string) => boolean): void {
    const { recent } = this.#context;
    const entries = recent.entries().filter(({ namespace, key }) => isTaken(this.#context.names(namespace).entry(key)));
    for (const { namespace, deed, batch } of grouped(entries)) {
      void this.#insist(async () => {
        // What this node has done since, it has done to the new server.
        const keys = batch.filter((entry) => recent.isLatest(entry)).map(({ key }) => key);
        await this.#entries[deed](namespace, keys);
      });
    }
    for (const { namespace, tags, mode, generation } of recent.marks()) {
      if (!isTaken(this.#context.names(namespace).time)) continue;
      void this.#insist(() => this.#time.advance(namespace, tags, mode, { known: generation }));
    }
  }

  /** Tries until it succeeds. */
  async #insist(work: () => Promise<unknown>): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES && !this.#context.calls.isClosed; tries += 1) {
      try {
        await work();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS).unref());
      }
    }
  }
}

interface Batch {
  readonly namespace: string;
  readonly deed: RecentEntry['deed'];
  readonly batch: RecentEntry[];
}

function grouped(entries: readonly RecentEntry[]): Iterable<Batch> {
  const batches = new Map<string, Batch>();
  for (const entry of entries) {
    const { namespace, deed } = entry;
    const id = JSON.stringify([namespace, deed]);
    const known = batches.get(id) ?? { namespace, deed, batch: [] };
    batches.set(id, known);
    known.batch.push(entry);
  }
  return batches.values();
}
