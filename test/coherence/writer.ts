import { type Attempt, now, type Operation } from './history.js';
import { ALL_KEYS, ALL_TAGS, keysOf, pickKey, pickKeys } from './keys.js';
import type { NodeHandle } from './node-handle.js';
import type { Random } from './random.js';
import type { Source } from './source.js';
import type { Order } from './subject.js';

/** How often which operation comes. */
const KINDS = {
  delete: 30,
  deleteMany: 8,
  set: 22,
  setMany: 8,
  expire: 8,
  tags: 14,
  'tags expire': 6,
  clear: 0.7,
  'clear expire': 0.3,
};
type Kind = keyof typeof KINDS;

/** Between two operations of a worker, in milliseconds. */
export const LONGEST_PAUSE_MS = 400;
/** An operation is followed at once by another one of the same key so often: the second meets the loads after the first. */
const TWICE = 0.3;
const LONGEST_PAUSE_BETWEEN_TWO_MS = 25;
/** Before an attempt is repeated, in milliseconds. */
const REPEAT_MS = 100;

/** What to do, without the versions, which are known only once the source has them. */
interface Plan {
  readonly kind: Kind;
  readonly keys: readonly string[];
  readonly order: (attempt: string, versions: ReadonlyMap<string, number>) => Order;
}

/**
 * Updates the source and then tells the caches, through one of the nodes; repeated, on another one if need be, until it is
 * acknowledged. Several workers do so at once, never with the same key: what a value should be is then beyond dispute.
 */
export class Writer {
  readonly operations: Operation[] = [];
  readonly #nodes: readonly NodeHandle[];
  readonly #source: Source;
  readonly #longestPauseMs: number;
  readonly #locks = new Locks();
  #running = true;

  constructor(nodes: readonly NodeHandle[], source: Source, longestPauseMs: number) {
    this.#nodes = nodes;
    this.#source = source;
    this.#longestPauseMs = longestPauseMs;
  }

  /** Resolves when {@link stop} was called and the last operation is acknowledged. */
  async work(random: Random): Promise<void> {
    while (this.#running) {
      await sleep(random.between(0, this.#longestPauseMs));
      const plan = this.#plan(random, random.weighted(KINDS), pickKey(random));
      await this.#carryOut(random, plan);
      if (!random.chance(TWICE)) continue;
      await sleep(random.between(0, LONGEST_PAUSE_BETWEEN_TWO_MS));
      await this.#carryOut(
        random,
        this.#plan(random, random.pick(['delete', 'set', 'tags'] as const), plan.keys[0] ?? ''),
      );
    }
  }

  stop(): void {
    this.#running = false;
  }

  #plan(random: Random, kind: Kind, key: string): Plan {
    switch (kind) {
      case 'delete':
      case 'expire':
        return { kind, keys: [key], order: () => ({ kind, keys: [key] }) };
      case 'deleteMany': {
        const keys = pickKeys(random, 2 + random.below(4));
        return { kind, keys, order: () => ({ kind: 'delete', keys }) };
      }
      case 'set':
      case 'setMany': {
        const keys = kind === 'set' ? [key] : pickKeys(random, 2 + random.below(4));
        const order: Plan['order'] = (from, versions) => ({
          kind: 'set',
          values: [...versions].map(([each, version]) => ({ key: each, version, from })),
        });
        return { kind, keys, order };
      }
      case 'tags':
      case 'tags expire': {
        const tags = random.chance(0.8) ? [random.pick(ALL_TAGS)] : [random.pick(ALL_TAGS), random.pick(ALL_TAGS)];
        const mode = kind === 'tags' ? 'delete' : 'expire';
        return { kind, keys: keysOf(tags), order: () => ({ kind: 'tags', tags, mode }) };
      }
      case 'clear':
      case 'clear expire':
        return {
          kind,
          keys: ALL_KEYS,
          order: () => ({ kind: 'clear', mode: kind === 'clear' ? 'delete' : 'expire' }),
        };
    }
  }

  async #carryOut(random: Random, plan: Plan): Promise<void> {
    const unlock = await this.#locks.lock(plan.keys);
    const versions = this.#source.update(plan.keys);
    const attempts: Attempt[] = [];
    const id = this.operations.length + 1;
    this.operations.push({ id, kind: plan.kind, versions, attempts });
    let turn = random.below(this.#nodes.length);
    for (;;) {
      const node = this.#nodes[turn % this.#nodes.length];
      turn += 1;
      if (node?.isUp !== true) {
        await sleep(REPEAT_MS / this.#nodes.length);
        continue;
      }
      const name = `set ${id}.${attempts.length + 1}`;
      const begin = now();
      const attempt = await node.order(plan.order(name, versions));
      attempts.push({ ...attempt, name, begin: Math.min(begin, attempt.begin) });
      if (attempt.outcome === 'acknowledged') break;
      await sleep(REPEAT_MS);
    }
    unlock();
  }
}

/** Keys that an operation is at. */
class Locks {
  readonly #held = new Set<string>();
  readonly #waiting: (() => void)[] = [];

  /** Resolves when all of the keys are free, and takes them. @returns how to give them back. */
  async lock(keys: readonly string[]): Promise<() => void> {
    while (keys.some((key) => this.#held.has(key))) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    for (const key of keys) this.#held.add(key);
    return () => {
      for (const key of keys) this.#held.delete(key);
      for (const wake of this.#waiting.splice(0)) wake();
    };
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
