import type { L2Life, L2Write, L2Written } from '@tierwise/l2';
import { reportDeferred, tryOrder } from './deferral.js';
import type { Entry } from './entry.js';
import type { Token } from './fence.js';
import type { L2Guard } from './l2-guard.js';
import { ensureMarks } from './load.js';
import type { KeyOrder } from './pending.js';
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

/** Stores values. All are encoded before anything is done, so that one bad value leaves everything as it was. */
export async function set(
  space: Space,
  items: readonly (readonly [key: string, value: unknown])[],
  policy: Policy,
  userTags: readonly string[],
): Promise<void> {
  const { core, counters, name } = space;
  const all = items.map(([key, value]) => ({
    key,
    id: space.idOf(key),
    payload: core.codec.encode(value),
    life: lifeOf(policy, value),
  }));
  const unborn = all.filter(({ life }) => life.freshMs === 0);
  if (unborn.length > 0)
    await remove(
      space,
      unborn.map(({ key }) => key),
      'delete',
    );
  if (unborn.length === all.length) return;
  const writes: Write[] = [];
  for (const { key, id, payload, life } of all) {
    if (life.freshMs === 0) continue;
    const token = space.fences.begin(id, 'write');
    writes.push({ key, id, payload, life, token, since: core.guard?.moment(name, id) ?? '' });
  }
  try {
    const tags = userTags.length === 0 ? userTags : userTags.map((tag) => core.codec.hideTag(tag));
    const inL2 = core.guard !== undefined && (tags.length === 0 || space.timeIsShared);
    // L2 begins to count later, when the write arrives there: L1 never outlives it.
    const stamp = () => ({
      generation: space.time.generation,
      deferrals: space.time.deferrals,
      tags,
      userTags,
      writtenAt: core.clock.now(),
    });
    let candidate = stamp();
    const ids = writes.map(({ id }) => id);
    const { answers, late, inDoubt, error } = await tryOrder<L2Written | boolean>(space, ids, async (now) => {
      candidate = stamp();
      // Another node may hold an untagged value, which this tagged one, living in L1 alone, replaces.
      if (!inL2) return core.guard?.delete(name, now, items[0]?.[0]);
      const going = new Set(now.length === ids.length ? [] : now);
      const sent = going.size === 0 ? writes : writes.filter(({ id }) => going.has(id));
      return writeL2(
        space,
        sent.map((write) => toWrite(space, write, candidate)),
        userTags,
        policy,
        items[0]?.[0],
      );
    });
    const orders: KeyOrder[] = [];
    for (const { key, id, payload, life, token, since } of writes) {
      const answer = answers.get(id);
      const version = typeof answer === 'object' && answer.status === 'stored' ? answer.version : 0;
      space.fences.doom(id, 'reads');
      // Another order of the key came between, and L2 has not been told of it: which of the two was the later one, nobody knows.
      const overtaken = core.outbox?.isPending(name, id) === true && (inDoubt.has(id) || !late.has(id));
      if (inDoubt.has(id)) space.doubt(id);
      if (version >= token.rival || late.has(id) || overtaken) space.drop(id);
      if (version >= token.rival && !overtaken) {
        const { writtenAt, generation, deferrals } = candidate;
        const freshUntil = writtenAt + life.freshMs;
        const keepUntil = writtenAt + life.keepMs;
        const value = {
          key,
          payload,
          version,
          generation,
          deferrals,
          tags,
          userTags,
          writtenAt,
          freshUntil,
          keepUntil,
        };
        space.fill(id, token, value, policy);
        space.fences.tellRivals(id, token, version);
      }
      if (!late.has(id)) continue;
      const value = inL2 && !inDoubt.has(id) ? toWrite(space, { id, payload, life }, candidate) : undefined;
      const order = value && { ...value, since, at: candidate.writtenAt };
      orders.push({ op: 'set', key: id, value: order, inDoubt: inL2 && inDoubt.has(id) });
    }
    if (orders.length > 0) {
      reportDeferred(space, { op: 'set', keys: writes.filter(({ id }) => late.has(id)).map(({ key }) => key), error });
      await core.outbox?.defer(name, orders);
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
    for (const [key, value] of items) core.events.emit({ type: 'set', namespace: name, key, value });
  }
}

/** A value on its way. */
interface Write {
  readonly key: string;
  readonly id: string;
  readonly payload: Uint8Array;
  readonly life: L2Life;
  readonly token: Token;
  /** L2's moment when it began: see `replay.ts`. */
  readonly since: string;
}

/** What goes to L2. */
function toWrite(
  space: Space,
  { id, payload, life }: Pick<Write, 'id' | 'payload' | 'life'>,
  { generation, tags, userTags }: { generation: number; tags: readonly string[]; userTags: readonly string[] },
): L2Write {
  const bytes = space.core.codec.pack(payload, { namespace: space.name, key: id, generation, tags, userTags });
  return { key: id, bytes, freshMs: life.freshMs, keepMs: life.keepMs };
}

async function writeL2(
  space: Space,
  entries: readonly L2Write[],
  userTags: readonly string[],
  policy: Policy,
  key: string | undefined,
): Promise<readonly L2Written[] | undefined> {
  if (userTags.length === 0) return space.core.guard?.write(space.name, entries, key);
  // Both are on their way at once. A value whose mark was not made is dead, which is safe.
  const [written] = await Promise.all([
    space.core.guard?.write(space.name, entries, key),
    ensureMarks(space, userTags, longestLifeMs(policy)),
  ]);
  return written;
}

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
