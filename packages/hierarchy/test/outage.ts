import { expect } from 'vitest';
import type { Operation } from './held-l2.js';
import { settle } from './manual-clock.js';
import type { Node } from './nodes.js';

/** How tests take L2 away from a node, and give it back. */

export const EVERYTHING: Operation[] = [
  ...(['read', 'write', 'delete', 'expire', 'touch', 'purge', 'acquire', 'renew', 'release'] as const),
  ...(['marks', 'advance', 'follow', 'health', 'replay'] as const),
];
export const DOWN = new Error('L2 is down');

/** L2 cannot be reached by this node, which knows it: the breaker is open. What is ordered from now on is certain not to arrive. */
export async function cut({ cache, l2 }: Node): Promise<void> {
  l2.break(DOWN, ...EVERYTHING);
  for (let tries = 0; cache.stats().l2.breaker === 'closed' && tries < 10; tries += 1) {
    await cache.get(`nothing ${tries}`);
  }
  expect(cache.stats().l2.breaker).toBe('open');
}

/** The node reaches L2 again, and has told it everything. */
export async function mend(node: Node): Promise<void> {
  node.l2.mend();
  await recovered(node);
}

export async function recovered({ cache, clock }: Node): Promise<void> {
  for (let tries = 0; cache.stats().outbox.items > 0 || cache.stats().l2.breaker !== 'closed'; tries += 1) {
    expect(tries, 'never recovers').toBeLessThan(100);
    await clock.advance(500);
  }
  await settle();
}
