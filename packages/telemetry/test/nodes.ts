import { createHierarchy, type Hierarchy, type HierarchyOptions } from '@tierwise/hierarchy';
import { MemoryStore, memoryL2 } from '@tierwise/l2/memory';
import { afterEach } from 'vitest';
import { HeldL2, type Operation } from '../../hierarchy/test/held-l2.js';
import { ManualClock, settle } from '../../hierarchy/test/manual-clock.js';

export { ManualClock, settle };

/** A hierarchy of a test, over an L2 in memory that can be taken away. */
export interface Node {
  readonly cache: Hierarchy;
  readonly l2: HeldL2;
  readonly clock: ManualClock;
}

const open: Node[] = [];
afterEach(async () => {
  for (const { cache, l2, clock } of open.splice(0)) {
    l2.mend();
    let isClosed = false;
    const closing = cache.close().then(() => {
      isClosed = true;
    });
    for (await settle(); !isClosed; await clock.advance(1_000));
    await closing;
  }
});

/** Nodes on one store, closed after the test. */
export function cluster(): (options?: Partial<HierarchyOptions>) => Promise<Node> {
  const clock = new ManualClock();
  const store = new MemoryStore({ now: () => clock.now() });
  return async (options = {}) => {
    const l2 = new HeldL2(memoryL2(store));
    const cache = createHierarchy({ namespace: 'shop', l2, clock, incidents: { enabled: false }, ...options });
    const node = { cache, l2, clock };
    open.push(node);
    await cache.ready();
    await cache.get('warm');
    return node;
  };
}

const EVERYTHING: Operation[] = [
  ...(['read', 'write', 'delete', 'expire', 'touch', 'purge', 'acquire', 'renew', 'release'] as const),
  ...(['marks', 'advance', 'follow', 'health', 'replay'] as const),
];

/** L2 cannot be reached by this node any more. */
export function cut({ l2 }: Node, error = new Error('L2 is down')): void {
  l2.break(error, ...EVERYTHING);
}

/** L2 can be reached again, and has been told what it missed. */
export async function mend({ cache, l2, clock }: Node): Promise<void> {
  l2.mend();
  for (let tries = 0; cache.stats().outbox.items > 0 || cache.stats().l2.breaker !== 'closed'; tries += 1) {
    if (tries > 200) throw new Error('never recovers');
    await clock.advance(500);
  }
  await settle();
}
