import { reportDeferred, tryOrder } from './deferral.js';
import type { Entry } from './entry.js';
import type { L2Guard } from './l2-guard.js';
import { ensureMarks } from './load.js';
import { lifeOf, type Policy } from './policy.js';
import type { Space } from './space.js';

/**
 * How keys are removed, expired and touched. See `set.ts` for what every write sees to; these store nothing in L1, and so they break all
 * that is under way for their keys, other writes of this node included.
 */

/** Removes keys or makes them stale. @returns per key whether there was a value. */
export async function remove(space: Space, keys: readonly string[], how: 'delete' | 'expire'): Promise<boolean[]> {
  const ids = keys.map((key) => space.idOf(key));
  const held = ids.map((id) => space.held(id) !== undefined);
  const removed = await change(space, keys, ids, how, async (guard, ids) => guard[how](space.name, ids, keys[0]));
  report(space, how, keys);
  return ids.map((id, index) => held[index] === true || removed.get(id) === true);
}

/**
 * Gives keys a new life. @returns per key whether there was a value. Where L2 cannot be reached, it is not made up for: a life that ends
 * early does no harm.
 */
export async function touch(space: Space, keys: readonly string[], policy: Policy): Promise<boolean[]> {
  if (policy.ttlMs === 0) return remove(space, keys, 'delete');
  const life = lifeOf(policy, undefined);
  const { core, name } = space;
  const ids = keys.map((key) => space.idOf(key));
  const held = ids.map((id) => space.held(id));
  const livesHereAlone = (entry: Entry | undefined) =>
    core.guard === undefined || (!space.timeIsShared && (entry?.tags.length ?? 0) > 0);
  for (const entry of held) {
    if (entry !== undefined && livesHereAlone(entry)) space.prolong(entry, life, policy);
  }
  const inL2 = ids.filter((_, index) => !livesHereAlone(held[index]));
  // Marks have to last as long as the values whose tags they are. Tags that this node does not know just die early.
  const tags = [...new Set(held.flatMap((entry) => entry?.userTags ?? []))];
  const touched = await change(space, keys, inL2, 'touch', async (guard, ids) => {
    await ensureMarks(space, tags, life.keepMs);
    return guard.touch(name, ids, life, keys[0]);
  });
  report(space, 'touch', keys);
  return ids.map((id, index) => held[index] !== undefined || touched.get(id) === true);
}

/** Does something to keys in L2. Nothing read before or meanwhile is kept, whether it succeeds or not. @returns L2's answers by id. */
async function change(
  space: Space,
  keys: readonly string[],
  ids: readonly string[],
  how: 'delete' | 'expire' | 'touch',
  act: (guard: L2Guard, ids: readonly string[]) => Promise<readonly boolean[] | undefined>,
): Promise<ReadonlyMap<string, boolean>> {
  const { guard, outbox } = space.core;
  const tokens = ids.map((id) => ({ id, token: space.fences.begin(id, 'write') }));
  let untouched: ReadonlySet<string> = new Set();
  try {
    const { answers, late, inDoubt, error } = await tryOrder(space, ids, async (ids) => guard && act(guard, ids));
    for (const id of inDoubt) space.doubt(id);
    if (how === 'touch') untouched = late;
    else if (late.size > 0) {
      reportDeferred(space, { op: how, keys: keys.filter((key) => late.has(space.idOf(key))), error });
      const orders = [...late].map((key) => ({ op: how, key, inDoubt: false }));
      await outbox?.defer(space.name, orders);
    }
    return answers;
  } catch (error) {
    for (const id of ids) space.doubt(id);
    throw error;
  } finally {
    for (const { id, token } of tokens) {
      space.fences.end(id, token);
      if (!untouched.has(id)) dropAs(space, id, how);
    }
  }
}

function dropAs(space: Space, id: string, how: 'delete' | 'expire' | 'touch'): void {
  space.fences.doom(id, 'all');
  if (how === 'expire') space.expire(id);
  else space.drop(id);
}

/** Counts and tells what was done to keys. */
export function report(space: Space, type: 'delete' | 'expire' | 'touch', keys: readonly string[]): void {
  const { counters, core, name } = space;
  counters.deletes += keys.length;
  if (core.events.wants(type)) core.events.emit({ type, namespace: name, keys });
}
