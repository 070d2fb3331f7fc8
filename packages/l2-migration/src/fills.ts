import type { L2, L2CallOptions, L2Write, L2Written } from '@tierwise/l2';
import type { Route } from './calls.js';
import { outerWritten } from './entries.js';
import { homeOf } from './home.js';
import type { LeasePairs } from './lease-pairs.js';
import type { Side } from './phase.js';
import type { Tally } from './tally.js';

export interface FillsParts {
  readonly backend: string;
  readonly stores: Readonly<Record<Side, L2>>;
  readonly pairs: LeasePairs;
  readonly tally: Tally;
}

/**
 * Fills in two stores. The lead decides by its lease; what it took goes into the follower too, by the follower's own lease, so that no
 * value gets past an invalidation there either. Without one the follower loses what it has, which is older than this.
 */
export class Fills {
  readonly #parts: FillsParts;

  constructor(parts: FillsParts) {
    this.#parts = parts;
  }

  async fill(
    namespace: string,
    fills: readonly L2Write[],
    { record, duties: { lead, follower, isShared } }: Route,
    options: L2CallOptions | undefined,
  ): Promise<L2Written[]> {
    const { backend, stores, pairs, tally } = this.#parts;
    const seconds = fills.map(({ lease = '' }) => pairs.second(lease));
    const byLead = fills.map((fill, index) =>
      lead === 'to' ? { ...fill, lease: seconds[index] ?? fill.lease } : fill,
    );
    const written = await tally.order(lead, stores[lead].write(namespace, byLead, options));
    const answers = written.map((each) => outerWritten(backend, lead, each));
    for (const { lease = '' } of fills) pairs.delete(lease);
    if (follower === undefined || !isShared) return answers;

    const stored = [...fills.keys()].filter((index) => written[index]?.status === 'stored');
    const paired = stored.filter((index) => seconds[index] !== undefined);
    const others = stored.filter((index) => seconds[index] === undefined).map((index) => fills[index]?.key ?? '');
    const second = paired.map((index) => ({ ...(fills[index] as L2Write), lease: seconds[index] }));
    const refused = [...fills.keys()].filter((index) => written[index]?.status !== 'stored');
    const both = await Promise.all([
      second.length > 0 ? this.#tried(follower, stores[follower].write(namespace, second, options)) : undefined,
      others.length > 0 ? this.#tried(follower, stores[follower].delete(namespace, others, options)) : undefined,
      // It may be a lease of the follower alone, got while that one was the lead: nobody is to wait for its end.
      ...refused.map((index) => {
        const { key, lease = '' } = fills[index] as L2Write;
        return this.#tried(
          follower,
          stores[follower].leases?.release(namespace, key, seconds[index] ?? lease, options),
        );
      }),
    ]);
    for (const [at, index] of paired.entries()) {
      const answer = outerWritten(backend, follower, both[0]?.[at]);
      const isAtHome = homeOf(namespace, fills[index]?.key ?? '', record.percentage) === follower;
      if (answer.status === 'stored' && isAtHome) answers[index] = answer;
    }
    return answers;
  }

  /** The value is in the lead already: what becomes of it in the follower changes nothing but where it is found. */
  async #tried<T>(side: Side, order: Promise<T> | undefined): Promise<T | undefined> {
    try {
      return order && (await this.#parts.tally.order(side, order));
    } catch {
      return undefined;
    }
  }
}
