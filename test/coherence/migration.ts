import { MigrationError } from '@tierwise/l2-migration';
import type { Random } from './random.js';
import { migratingTier } from './second-tier.js';
import type { MigrationPlace } from './subject.js';

/** Between two changes of the percentage, in milliseconds. */
const LONGEST_PAUSE_MS = 300;
/** Before an order is repeated, in milliseconds: while the old store is down, nothing can be ordered. */
const REPEAT_MS = 100;
/** How many changes of the percentage there are in a row, at the most. */
const MOST_CHANGES = 6;

/** What was done, by the phases and percentages that were gone through. */
export type Steps = Map<string, number>;

/**
 * An operator, in a process of its own as far as the nodes can tell: starts, moves keys over and back, leaves the old store and comes back
 * to it, rolls back; from when it is to end on, moves everything over and finishes.
 */
export async function operate(place: MigrationPlace, random: Random, ended: Promise<void>): Promise<Steps> {
  const steps: Steps = new Map();
  const l2 = migratingTier(place, () => performance.now());
  // The old store may be down: it goes on trying.
  await l2.open({ origin: 'operator', onNews: () => {}, onFeedState: () => {} }).catch(() => {});
  const { migration } = l2;
  migration.on('phase', ({ phase }) => count(steps, phase));
  let isEnding = false;
  void ended.then(() => {
    isEnding = true;
  });
  const wander = async () => {
    for (let left = random.below(MOST_CHANGES); left > 0 && !isEnding; left -= 1) {
      await insist(() => migration.setPercentage(Math.floor(random.between(0, 101))));
      count(steps, 'percentage');
      await sleep(random.between(0, LONGEST_PAUSE_MS));
    }
  };
  try {
    while (!isEnding) {
      await insist(() => migration.start());
      await wander();
      if (random.chance(0.5) && !isEnding) {
        await insist(() => migration.setPercentage(100));
        await insist(() => migration.leave());
        await sleep(random.between(0, LONGEST_PAUSE_MS));
      }
      if (!isEnding) await insist(() => migration.rollBack());
    }
    if (migration.phase !== 'leaving') {
      await insist(() => migration.start());
      await insist(() => migration.setPercentage(100));
    }
    await insist(() => migration.finish());
  } finally {
    await l2.close();
  }
  return steps;
}

/** Orders until it is done: what is half done goes on where it stands. */
async function insist(order: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await order();
      return;
    } catch (error) {
      if (error instanceof MigrationError && !REPEATED.includes(error.code)) throw error;
      await sleep(REPEAT_MS);
    }
  }
}

const REPEATED: readonly MigrationError['code'][] = [
  'ERR_TIERWISE_MIGRATION_UNKNOWN',
  'ERR_TIERWISE_MIGRATION_CONFLICT',
];

function count(steps: Steps, what: string): void {
  steps.set(what, (steps.get(what) ?? 0) + 1);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
