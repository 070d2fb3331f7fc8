import {
  checkDuration,
  checkGeneration,
  checkNames,
  type L2,
  type L2LogicalTime,
  type L2MarkMode,
  type L2Marks,
  type L2MarksOptions,
  type L2TimeOptions,
} from '@tierwise/l2';
import type { Calls } from './calls.js';
import type { Side } from './phase.js';
import type { Preparation } from './prepare.js';
import type { Tally } from './tally.js';

export interface LogicalTimeParts {
  readonly backend: string;
  readonly stores: Readonly<Record<Side, L2>>;
  readonly calls: Calls;
  readonly preparation: Preparation;
  readonly tally: Tally;
}

/**
 * Logical time of two stores. The lead's numbers are the ones that values carry and are judged by. The follower is kept so that it could take
 * over at any time: whatever is advanced is advanced in both, above whatever either of them has handed out; and its
 * counter stays behind the lead's, so that what is alive by the lead's marks is alive by the follower's.
 */
export class LogicalTime implements L2LogicalTime {
  readonly #parts: LogicalTimeParts;

  constructor(parts: LogicalTimeParts) {
    this.#parts = parts;
  }

  async marks(namespace: string, tags: readonly string[], options: L2MarksOptions): Promise<L2Marks> {
    const { backend, calls, preparation } = this.#parts;
    this.#enter(namespace, tags, options);
    if (options.ensureMs !== undefined) checkDuration(backend, 'ensureMs', options.ensureMs);
    return calls.run('marks', namespace, options, async ({ duties: { lead, follower } }) => {
      let { known } = options;
      if (follower !== undefined) known = (await this.#time(follower).marks(namespace, tags, options)).generation;
      const marks = await this.#time(lead).marks(namespace, tags, { ...options, known });
      preparation.meet(namespace, marks.generation);
      return marks;
    });
  }

  async advance(
    namespace: string,
    tags: readonly string[] | null,
    mode: L2MarkMode,
    options: L2TimeOptions,
  ): Promise<number> {
    const { calls, preparation, tally } = this.#parts;
    this.#enter(namespace, tags ?? [], options);
    return calls.run('advance', namespace, options, async ({ duties: { lead, follower } }) => {
      let { known } = options;
      if (follower !== undefined) {
        // Values may carry any number of the lead's: the follower's mark has to be above it, though this node has not met it.
        const { generation } = await this.#time(lead).marks(namespace, [], options);
        const advance = this.#time(follower).advance(namespace, tags, mode, { ...options, known: generation });
        known = await tally.order(follower, advance);
      }
      const generation = await tally.order(
        lead,
        this.#time(lead).advance(namespace, tags, mode, { ...options, known }),
      );
      preparation.meet(namespace, generation);
      return generation;
    });
  }

  #time(side: Side): L2LogicalTime {
    return this.#parts.stores[side].time as L2LogicalTime;
  }

  #enter(namespace: string, tags: readonly string[], options: L2TimeOptions): void {
    const { backend, calls, preparation } = this.#parts;
    calls.enter(options);
    checkNames(backend, 'namespace', [namespace]);
    checkNames(backend, 'tag', tags);
    checkGeneration(backend, options.known);
    preparation.meet(namespace, options.known);
  }
}
