import type { L2, L2CallOptions, L2FeedState, L2Health } from '@tierwise/l2';
import type { MigrationClock } from './clock.js';
import { dutiesOf, type Side, sidesOf } from './phase.js';
import type { MigrationRecord } from './record.js';

/** Up is a migration whose phase is known, and whose stores are up, as far as the phase needs them. */
export async function healthOf(
  stores: Readonly<Record<Side, L2>>,
  record: MigrationRecord | undefined,
  feed: L2FeedState | undefined,
  clock: MigrationClock,
  options: L2CallOptions | undefined,
): Promise<L2Health> {
  options?.signal?.throwIfAborted();
  const began = clock.now();
  if (record === undefined) {
    return { status: 'down', latencyMs: 0, feed: feed && 'deaf', detail: 'not open, or the phase is not known' };
  }
  const { phase, percentage } = record;
  const all = await Promise.all(
    sidesOf(dutiesOf(phase)).map(async (side) => ({ side, health: await stores[side].health(options) })),
  );
  return {
    status: all.every(({ health }) => health.status === 'up') ? 'up' : 'down',
    latencyMs: clock.now() - began,
    feed,
    detail: [`${phase}, ${percentage} %`, ...all.map(({ side, health }) => `${side}: ${health.detail}`)].join('; '),
  };
}
