import type { Hierarchy } from '@tierwise/hierarchy';
import { Latencies, type LatencyCounts } from './latencies.js';

/** What answered a read. `source`: this call's load, or another's that it waited for. */
export type Tier = 'l1' | 'l2' | 'source';
export const TIERS: readonly Tier[] = ['l1', 'l2', 'source'];

/** What a {@link TierWatch} has counted. */
export interface TierFigures {
  /** Keys answered, by tier. */
  readonly keys: Readonly<Record<Tier, number>>;
  /** Keys not answered: reads that do not load, and found nothing. */
  readonly absent: number;
  /** Latencies of reads of one key, by tier, and of batches. */
  readonly latencies: Readonly<Record<Tier | 'batch', LatencyCounts>>;
}

/** The tiers that answer the keys of a call, as far as they are known. */
type Answering = Map<string, Tier | undefined>;

/**
 * Finds out which tier answered each read, and how long that took.
 *
 * L1 announces its hits while the call is made. L2's answer is announced some time during the call, once for all calls that
 * wait for it; a call for which it was a miss got its value from a load, here or elsewhere.
 */
export class TierWatch {
  readonly #keys = { l1: 0, l2: 0, source: 0 };
  #absent = 0;
  readonly #latencies = { l1: new Latencies(), l2: new Latencies(), source: new Latencies(), batch: new Latencies() };
  readonly #open = new Set<Answering>();
  /** The call that is just being made. */
  #making: Answering | undefined;

  constructor(cache: Hierarchy) {
    cache.on('hit', ({ tier, key }) => {
      if (tier === 'l1') this.#making?.set(key, tier);
      else this.#settle(key, tier);
    });
    cache.on('miss', ({ tier, key }) => {
      if (tier === 'l2') this.#settle(key, 'source');
    });
  }

  /** Makes a read of these keys, which answers with their values in their order; `undefined` is absence. */
  async read<V>(keys: readonly string[], read: () => Promise<V[]>): Promise<V[]> {
    const tiers: Answering = new Map(keys.map((key) => [key, undefined]));
    this.#open.add(tiers);
    this.#making = tiers;
    const began = performance.now();
    try {
      const pending = read();
      this.#making = undefined;
      const values = await pending;
      this.#count(keys, values, tiers, performance.now() - began);
      return values;
    } finally {
      this.#making = undefined;
      this.#open.delete(tiers);
    }
  }

  figures(): TierFigures {
    const { l1, l2, source, batch } = this.#latencies;
    return {
      keys: { ...this.#keys },
      absent: this.#absent,
      latencies: { l1: l1.counts, l2: l2.counts, source: source.counts, batch: batch.counts },
    };
  }

  #settle(key: string, tier: Tier): void {
    for (const call of this.#open) if (call.has(key) && call.get(key) === undefined) call.set(key, tier);
  }

  #count(keys: readonly string[], values: readonly unknown[], tiers: Answering, ms: number): void {
    if (keys.length > 1) this.#latencies.batch.record(ms);
    for (const [index, key] of keys.entries()) {
      const tier = tiers.get(key) ?? 'source';
      if (values[index] === undefined) this.#absent += 1;
      else {
        this.#keys[tier] += 1;
        if (keys.length === 1) this.#latencies[tier].record(ms);
      }
    }
  }
}
