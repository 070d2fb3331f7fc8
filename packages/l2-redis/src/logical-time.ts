import {
  checkDuration,
  checkGeneration,
  type L2LogicalTime,
  type L2Mark,
  type L2MarkMode,
  type L2Marks,
  type L2MarksOptions,
  type L2TimeOptions,
} from '@tierwise/l2';
import type { Context } from './context.js';
import { NAME } from './name.js';
import { ADVANCE, MARKS } from './scripts/logical-time.js';

/**
 * Logical time in Redis. All bookkeeping of a namespace shares one slot, so reading and advancing are one script each. They
 * are not split into parts, however many tags there are: both are as of one moment.
 */
export class LogicalTime implements L2LogicalTime {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  async marks(namespace: string, tags: readonly string[], options: L2MarksOptions): Promise<L2Marks> {
    const names = this.#context.enter(options, namespace, tags, 'tag');
    checkGeneration(NAME, options.known);
    if (options.ensureMs !== undefined) checkDuration(NAME, 'ensureMs', options.ensureMs);
    const args = [options.known, options.ensureMs ?? ''];
    return this.#context.run('marks', options, async (answered) => {
      const reply = await answered(this.#context.topology.run(MARKS, [names.time, ...tags.map(names.mark)], args));
      const [generation = 0, ...marks] = (reply as unknown[]).map(toNumber);
      return {
        generation,
        namespace: markAt(marks, 0) ?? { dead: generation, stale: generation },
        tags: tags.map((_, i) => markAt(marks, 2 + 2 * i)),
      };
    });
  }

  async advance(
    namespace: string,
    tags: readonly string[] | null,
    mode: L2MarkMode,
    options: L2TimeOptions,
  ): Promise<number> {
    const names = this.#context.enter(options, namespace, tags ?? [], 'tag');
    checkGeneration(NAME, options.known);
    const keys = [names.time, ...(tags ?? []).map(names.mark)];
    const args = [options.known, mode, ...this.#context.newsHead(namespace, options), JSON.stringify(tags)];
    return this.#context.run('advance', options, async (answered) => {
      const generation = toNumber(await answered(this.#context.topology.run(ADVANCE, keys, args)));
      this.#context.recent.addMark(namespace, tags, mode, generation);
      return generation;
    });
  }
}

/** The scripts answer with digits. */
function toNumber(digits: unknown): number {
  return Number(String(digits));
}

function markAt(numbers: readonly number[], at: number): L2Mark | undefined {
  const dead = numbers[at];
  const stale = numbers[at + 1];
  return dead && stale ? { dead, stale } : undefined;
}
