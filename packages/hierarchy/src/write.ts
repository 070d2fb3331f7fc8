import type { L2Life } from '@tierwise/l2';
import type { Entry } from './entry.js';
import type { L2Guard } from './l2-guard.js';
import { ensureMarks } from './load.js';
import { lifeOf, longestLifeMs, type Policy } from './policy.js';
import type { Space } from './space.js';

/**
 * How a write travels: encode → L2 → L1 → peers (who hear by the feed, from the same step in L2).
 *
 * What must not happen: that a read or load begun before the write stores the old value after it; that of two writes at once
 * L1 keeps the one that lost in L2; that a peer's write, heard of while this one was on its way, is forgotten. So every write,
 * when it is done, breaks the reads of its keys that are under way, and stores in L1 only by an unbroken token of its own.
 * Until then L1 goes on answering with the old value, as it may.
 */

export interface KeyValue {
  readonly key: string;
  readonly value: unknown;
}

/** Stores values. All are encoded before anything is done, so that one bad value leaves everything as it was. */
export async function set(
  space: Space,
  items: readonly KeyValue[],
  policy: Policy,
  userTags: readonly string[],
): Promise<void> {
  const { core, counters, name } = space;
  const all = items.map(({ key, value }) => ({
    key,
    id: space.idOf(key),
    payload: core.codec.encode(value),
    life: lifeOf(policy, value),
  }));
  const unborn = all.filter(({ life }) => life.freshMs === 0).map(({ key }) => key);
  if (unborn.length > 0) await remove(space, unborn, 'delete');
  const encoded = all.filter(({ life }) => life.freshMs > 0);
  if (encoded.length === 0) return;
  const writes = encoded.map((item) => ({ ...item, token: space.fences.begin(item.id, 'write') }));
  try {
    const tags = userTags.map((tag) => core.codec.hideTag(tag));
    const inL2 = core.guard !== undefined && (tags.length === 0 || space.timeIsShared);
    if (core.guard !== undefined)
      await prepare(
        space,
        encoded.map(({ id }) => id),
      );
    const generation = space.time.generation;
    // L2 begins to count later, when the write arrives there: L1 never outlives it.
    const writtenAt = core.clock.now();
    const candidate = { generation, tags, userTags, writtenAt };
    let versions: (number | undefined)[] = [];
    if (inL2) versions = await writeL2(space, writes, candidate, policy);
    // Another node may hold an untagged value, which this tagged one, living in L1 alone, replaces.
    else if (core.guard !== undefined)
      await core.guard.delete(
        name,
        encoded.map(({ id }) => id),
        items[0]?.key,
      );
    for (const [index, { key, id, payload, life, token }] of writes.entries()) {
      const version = versions[index] ?? 0;
      space.fences.doom(id, 'reads');
      if (version < token.rival) continue;
      space.drop(id);
      const lives = { freshUntil: writtenAt + life.freshMs, keepUntil: writtenAt + life.keepMs };
      space.fill(id, token, { ...candidate, ...lives, key, payload, version }, policy);
      space.fences.tellRivals(id, token, version);
    }
  } catch (error) {
    // Nobody knows whether L2 has it: what is held here is not certain any more.
    for (const { id } of writes) {
      space.invalidate(id);
      space.doubt(id);
    }
    throw error;
  } finally {
    for (const { id, token } of writes) space.fences.end(id, token);
  }
  counters.sets += items.length;
  if (core.events.wants('set')) {
    for (const { key, value } of items) core.events.emit({ type: 'set', namespace: name, key, value });
  }
}

async function writeL2(
  space: Space,
  writes: readonly { key: string; id: string; payload: Uint8Array; life: L2Life }[],
  candidate: { generation: number; tags: readonly string[]; userTags: readonly string[] },
  policy: Policy,
): Promise<number[]> {
  const { core, name } = space;
  const { generation, tags, userTags } = candidate;
  const entries = writes.map(({ id, payload, life }) => ({
    key: id,
    bytes: core.codec.pack(payload, { namespace: name, key: id, generation, tags, userTags }),
    ...life,
  }));
  // Both are on their way at once. A value whose mark was not made is dead, which is safe.
  const [written] = await Promise.all([
    core.guard?.write(name, entries, writes[0]?.key),
    ensureMarks(space, userTags, longestLifeMs(policy)),
  ]);
  return (written ?? []).map((answer) => (answer.status === 'stored' ? answer.version : 0));
}

/** Removes keys or makes them stale. @returns per key whether there was a value. */
export async function remove(space: Space, keys: readonly string[], how: 'delete' | 'expire'): Promise<boolean[]> {
  const ids = keys.map((key) => space.idOf(key));
  const held = ids.map((id) => space.held(id) !== undefined);
  const removed = await change(space, ids, async (guard) => guard[how](space.name, ids, keys[0]), how);
  report(space, how, keys);
  return held.map((there, index) => there || removed?.[index] === true);
}

/** Gives keys a new life. @returns per key whether there was a value. */
export async function touch(space: Space, keys: readonly string[], policy: Policy): Promise<boolean[]> {
  if (policy.ttlMs === 0) return remove(space, keys, 'delete');
  const life = lifeOf(policy, undefined);
  const { core, name } = space;
  const ids = keys.map((key) => space.idOf(key));
  const held = ids.map((id) => space.held(id));
  const livesHereAlone = (entry: Entry | undefined) =>
    core.guard === undefined || (!space.timeIsShared && (entry?.tags.length ?? 0) > 0);
  for (const [index, id] of ids.entries()) {
    const entry = held[index];
    if (entry !== undefined && livesHereAlone(entry)) {
      space.prolong(id, entry, life, policy);
    }
  }
  const inL2 = ids.filter((_, index) => !livesHereAlone(held[index]));
  // Marks have to last as long as the values whose tags they are. Tags that this node does not know just die early.
  const tags = [...new Set(held.flatMap((entry) => entry?.userTags ?? []))];
  const touched = await change(space, inL2, async (guard) => {
    await ensureMarks(space, tags, life.keepMs);
    return guard.touch(name, inL2, life, keys[0]);
  });
  report(space, 'touch', keys);
  return ids.map((id, index) => held[index] !== undefined || touched?.[inL2.indexOf(id)] === true);
}

/** Does something to keys in L2. Nothing read before or meanwhile is kept, whether it succeeds or not. */
async function change<T>(
  space: Space,
  ids: readonly string[],
  act: (guard: L2Guard) => Promise<T>,
  how: 'delete' | 'expire' = 'delete',
): Promise<T | undefined> {
  const { guard } = space.core;
  const tokens = ids.map((id) => ({ id, token: space.fences.begin(id, 'write') }));
  try {
    if (guard === undefined) return undefined;
    await prepare(space, ids);
    return await act(guard);
  } catch (error) {
    for (const id of ids) space.doubt(id);
    throw error;
  } finally {
    for (const { id, token } of tokens) {
      space.fences.end(id, token);
      space.fences.doom(id, 'all');
      if (how === 'expire') space.expire(id);
      else space.drop(id);
    }
  }
}

function report(space: Space, type: 'delete' | 'expire' | 'touch', keys: readonly string[]): void {
  const { counters, core, name } = space;
  counters.deletes += keys.length;
  if (core.events.wants(type)) core.events.emit({ type, namespace: name, keys });
}

/** What every write to L2 waits for: to know the present generation, and (in an L2 without leases) fills under way. */
async function prepare(space: Space, ids: readonly string[]): Promise<void> {
  await space.reach();
  if (space.core.guard?.hasLeases === false) {
    await Promise.allSettled(ids.flatMap((id) => space.fences.fillsUnderWay(id)));
  }
}
