import type { L2MarkMode } from '@tierwise/l2';
import { isMadeUpFor, reportDeferred } from './deferral.js';
import type { Space } from './space.js';

/** `delete`: every earlier value is dead. `expire`: it is no longer fresh. */
export type InvalidationMode = 'delete' | 'expire';

/**
 * How an invalidation of tags or of a whole namespace travels: L2 advances the namespace's counter and raises the marks, in
 * one step with the news to peers; this node takes the new number over. No entry is visited: each one meets the marks when it is
 * looked at next. So the cost does not depend on how many entries there are.
 */
export async function invalidate(
  space: Space,
  userTags: readonly string[] | null,
  invalidationMode: InvalidationMode,
): Promise<void> {
  const { core, counters, name, time } = space;
  const mode = invalidationMode === 'delete' ? 'dead' : 'stale';
  const tags = userTags?.map((tag) => core.codec.hideTag(tag)) ?? null;
  if (core.guard !== undefined && space.timeIsShared) {
    let before = time.generation;
    try {
      await space.reach();
      before = time.generation;
      const generation = await core.guard.advance(name, tags, mode, before);
      if (generation !== undefined) time.invalidated(tags, mode, generation);
    } catch (error) {
      if (!isMadeUpFor(space, error)) {
        time.doubt(tags, mode, before);
        throw error;
      }
      await defer(space, userTags, tags, mode, error);
    }
  } else {
    time.advance(tags, mode);
    if (tags === null && core.guard !== undefined) {
      try {
        await purge(space);
      } catch (error) {
        if (!isMadeUpFor(space, error)) throw error;
        await defer(space, userTags, tags, mode, error);
      }
    }
  }
  if (tags === null && mode === 'dead' && core.spaces.size === 1) core.l1.clear();
  counters.invalidations += 1;
  if (core.events.wants('invalidate')) core.events.emit({ type: 'invalidate', namespace: name, tags: userTags, mode });
}

/** L2 will be told later; until then this node holds to it by itself. */
async function defer(
  space: Space,
  userTags: readonly string[] | null,
  tags: readonly string[] | null,
  mode: L2MarkMode,
  error: unknown,
): Promise<void> {
  const written = space.core.outbox?.deferMarks(space.name, tags, mode);
  reportDeferred(space, { op: 'invalidate', keys: [], tags: userTags, error });
  await written;
}

/**
 * Physically removes what a namespace has in L2. Where logical time is not shared, this is what `clear` has: then nothing read
 * before or during it is kept here.
 */
async function purge(space: Space): Promise<number> {
  const { guard } = space.core;
  if (guard === undefined) return 0;
  space.fences.nextEpoch();
  await space.reach();
  await Promise.allSettled(space.fences.fillsUnderWay());
  try {
    return await guard.purge(space.name);
  } finally {
    space.fences.nextEpoch();
  }
}

/** As {@link purge}, by a call of the user's. */
export async function purgeAndTell(space: Space): Promise<number> {
  const entries = await purge(space);
  const { events } = space.core;
  if (events.wants('purge')) events.emit({ type: 'purge', namespace: space.name, entries });
  return entries;
}
