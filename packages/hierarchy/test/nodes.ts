import { MemoryStore, memoryL2 } from '@tierwise/l2/memory';
import { afterEach, expect } from 'vitest';
import { createHierarchy, type Hierarchy, type HierarchyOptions, type LoadContext } from '../src/index.js';
import { HeldL2 } from './held-l2.js';
import { ManualClock, settle } from './manual-clock.js';

/** A node of a test: a hierarchy over an L2 that is driven by hand. */
export interface Node {
  readonly cache: Hierarchy;
  readonly l2: HeldL2;
  readonly clock: ManualClock;
}

export interface Cluster {
  readonly store: MemoryStore;
  /** The clock of the store, and of nodes that get no other. */
  readonly clock: ManualClock;
  node(
    options?: Partial<HierarchyOptions> & {
      without?: readonly ('leases' | 'time' | 'feed' | 'transactions' | 'replay')[];
    },
  ): Promise<Node>;
}

const open: Node[] = [];

afterEach(async () => {
  const nodes = open.splice(0);
  await settle();
  // Whatever a test did, nothing may be left under way.
  for (const { cache } of nodes) expect(cache.stats().underWay).toEqual({ flights: 0, tokens: 0 });
  // An L2 that a test left broken is given up on in time.
  for (const { cache, clock } of nodes) await whileTimePasses(clock, cache.close());
  for (const { clock } of nodes) expect(clock.timers).toBe(0);
});

async function whileTimePasses(clock: ManualClock, end: Promise<void>): Promise<void> {
  let ended = false;
  end.then(() => {
    ended = true;
  });
  for (await settle(); !ended; await clock.advance(1_000));
}

/** Nodes on one store in memory. They are closed after the test, which fails if one has anything left under way. */
export function cluster(): Cluster {
  const clock = new ManualClock();
  const store = new MemoryStore({ now: () => clock.now() });
  return {
    store,
    clock,
    node: async ({ without, ...options } = {}) => {
      const l2 = new HeldL2(memoryL2(store), without);
      const nodeClock = (options.clock as ManualClock | undefined) ?? clock;
      const cache = createHierarchy({ namespace: 'test', l2, clock: nodeClock, ...options });
      const node = { cache, l2, clock: nodeClock };
      open.push(node);
      await cache.ready();
      return node;
    },
  };
}

/** A hierarchy without an L2, closed after the test. */
export function lonely(options: Partial<HierarchyOptions> = {}): { cache: Hierarchy; clock: ManualClock } {
  const clock = new ManualClock();
  const cache = createHierarchy({ namespace: 'test', clock, ...options });
  open.push({ cache, clock, l2: undefined as never });
  return { cache, clock };
}

/** A loader that is driven by hand. */
export class HandLoader<V> {
  /** The contexts of the loads so far. */
  readonly contexts: LoadContext[] = [];
  readonly #settle: { resolve: (value: V) => void; reject: (error: unknown) => void }[] = [];
  readonly #waiting: { count: number; wake: () => void }[] = [];

  /** To be given as the loader. */
  readonly load = (context: LoadContext): Promise<V> => {
    this.contexts.push(context);
    return new Promise((resolve, reject) => {
      this.#settle.push({ resolve, reject });
      for (const { count, wake } of this.#waiting) if (this.count >= count) wake();
    });
  };

  get count(): number {
    return this.contexts.length;
  }

  /** Resolves when `count` loads have begun. */
  async begun(count = 1): Promise<void> {
    if (this.count >= count) return;
    await new Promise<void>((resolve) => this.#waiting.push({ count, wake: resolve }));
  }

  /** Ends the first load that has not ended. */
  finish(value: V): void {
    this.#settle.shift()?.resolve(value);
  }

  fail(error: unknown): void {
    this.#settle.shift()?.reject(error);
  }
}
