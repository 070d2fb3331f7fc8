import type { L2LeaseToken } from '@tierwise/l2';
import type { MigrationClock } from './clock.js';

/** So many pairs are looked through for such as have run out, each time that one is added. */
const SWEEP = 4;

/**
 * While values move, a load has two leases. The hierarchy knows the old store's; the new store's is remembered here, on the node that got
 * it. A fill by another node goes without it: that is why it is not said to the hierarchy as part of the token, which is too short for two.
 */
export class LeasePairs {
  readonly #clock: MigrationClock;
  readonly #pairs = new Map<L2LeaseToken, { readonly second: L2LeaseToken; readonly until: number }>();

  constructor(clock: MigrationClock) {
    this.#clock = clock;
  }

  add(first: L2LeaseToken, second: L2LeaseToken, ttlMs: number): void {
    const now = this.#clock.now();
    let looked = 0;
    for (const [token, { until }] of this.#pairs) {
      if (looked >= SWEEP || until > now) break;
      this.#pairs.delete(token);
      looked += 1;
    }
    this.#pairs.set(first, { second, until: now + ttlMs });
  }

  /** The new store's lease that goes with one of the old store's. */
  second(first: L2LeaseToken): L2LeaseToken | undefined {
    return this.#pairs.get(first)?.second;
  }

  renew(first: L2LeaseToken, ttlMs: number): void {
    const pair = this.#pairs.get(first);
    if (pair === undefined) return;
    // Taken out first, so that the map's order stays about that of the ends.
    this.#pairs.delete(first);
    this.#pairs.set(first, { ...pair, until: this.#clock.now() + ttlMs });
  }

  delete(first: L2LeaseToken): void {
    this.#pairs.delete(first);
  }
}
