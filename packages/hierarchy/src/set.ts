import type { L2Life, L2Write, L2Written } from '@tierwise/l2';
import { isMadeUpFor, mayHaveArrived, prepare, reportDeferred, tryOrder } from './deferral.js';
import { detached } from './detached.js';
import type { Token } from './fence.js';
import { ensureMarks } from './load.js';
import type { KeyOrder } from './pending.js';
import { lifeOf, longestLifeMs, type Policy } from './policy.js';
import type { Space } from './space.js';
import { remove } from './write.js';

/**
 * How a value is set: encode → L2 → L1 → peers (who hear by the feed, from the same step in L2).
 *
 * What must not happen: that a read or load begun before the write stores the old value after it; that of two writes at once
 * L1 keeps the one that lost in L2; that a peer's write, heard of while this one was on its way, is forgotten. So every write,
 * when it is done, breaks the reads of its keys that are under way, and stores in L1 only by an unbroken token of its own.
 * Until then L1 goes on answering with the old value, as it may.
 */

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

/** As of when values are written. L2 begins to count later, when the write arrives there: L1 never outlives it. */
interface Moment {
  readonly generation: number;
  readonly deferrals: number;
  readonly tags: readonly string[];
  readonly userTags: readonly string[];
  readonly writtenAt: number;
}

/** What became of a write in L2. */
interface Fate {
  readonly answer: L2Written | boolean | undefined;
  /** L2 has to be told later. */
  readonly isLate: boolean;
  /** And it may have been told all the same. */
  readonly isInDoubt: boolean;
}

const NO_TAGS: readonly string[] = [];

/** Stores values. All are encoded before anything is done, so that one bad value leaves everything as it was. */
export async function set(
  space: Space,
  items: readonly (readonly [key: string, value: unknown])[],
  policy: Policy,
  userTags: readonly string[],
): Promise<void> {
  const { core } = space;
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
  const writes = all
    .filter(({ life }) => life.freshMs > 0)
    .map(({ key, id, payload, life }) => begin(space, key, id, payload, life));
  const [first] = writes;
  const isSimple = writes.length === 1 && userTags.length === 0 && core.guard !== undefined;
  if (first !== undefined && isSimple) await putOne(space, first, policy);
  else await putAll(space, writes, policy, userTags);
  tell(space, items);
}

/** As {@link set} for one value without tags. Nearly always it is that. */
export async function setOne(space: Space, key: string, value: unknown, policy: Policy): Promise<void> {
  const life = lifeOf(policy, value);
  if (life.freshMs === 0 || space.core.guard === undefined) return set(space, [[key, value]], policy, NO_TAGS);
  const id = space.idOf(key);
  await putOne(space, begin(space, key, id, space.core.codec.encode(value), life), policy);
  tell(space, [[key, value]]);
}

function begin(space: Space, key: string, id: string, payload: Uint8Array, life: L2Life): Write {
  const token = space.fences.begin(id, 'write');
  return { key, id, payload, life, token, since: space.core.guard?.moment(space.name, id) ?? '' };
}

function momentOf(space: Space, tags: readonly string[], userTags: readonly string[]): Moment {
  const { generation, deferrals } = space.time;
  return { generation, deferrals, tags, userTags, writtenAt: space.core.clock.now() };
}

/** What {@link putAll} does, for one value without tags: in as few steps as there can be. */
async function putOne(space: Space, write: Write, policy: Policy): Promise<void> {
  const { guard, outbox } = space.core;
  let moment: Moment | undefined;
  let fate: Fate = LATE;
  let error: unknown;
  try {
    // Nothing overtakes what is pending for its key.
    if (outbox?.isPending(space.name, write.id) !== true) {
      try {
        const ready = prepare(space, [write.id]);
        if (ready !== undefined) await ready;
        moment = momentOf(space, NO_TAGS, NO_TAGS);
        const answer = await guard?.write(space.name, toWrite(space, write, moment), write.key);
        fate = { answer, isLate: false, isInDoubt: false };
      } catch (failure) {
        if (!isMadeUpFor(space, failure)) throw failure;
        error = failure;
        fate = mayHaveArrived(failure) ? IN_DOUBT : LATE;
      }
    }
    const order = settle(space, write, moment ?? momentOf(space, NO_TAGS, NO_TAGS), fate, policy, true);
    if (order !== undefined) await defer(space, [write.key], [order], error);
  } catch (failure) {
    doubt(space, write);
    throw failure;
  } finally {
    space.fences.end(write.id, write.token);
  }
}

const LATE: Fate = { answer: undefined, isLate: true, isInDoubt: false };
const IN_DOUBT: Fate = { answer: undefined, isLate: true, isInDoubt: true };

async function putAll(
  space: Space,
  writes: readonly Write[],
  policy: Policy,
  userTags: readonly string[],
): Promise<void> {
  const { core, name } = space;
  try {
    const tags = userTags.length === 0 ? userTags : userTags.map((tag) => core.codec.hideTag(tag));
    const inL2 = core.guard !== undefined && (tags.length === 0 || space.timeIsShared);
    let moment = momentOf(space, tags, userTags);
    const ids = writes.map(({ id }) => id);
    const first = writes[0]?.key;
    const { answers, late, inDoubt, error } = await tryOrder<L2Written | boolean>(space, ids, async (now) => {
      moment = momentOf(space, tags, userTags);
      // Another node may hold an untagged value, which this tagged one, living in L1 alone, replaces.
      if (!inL2) return core.guard?.delete(name, now, first);
      const going = new Set(now.length === ids.length ? [] : now);
      const sent = going.size === 0 ? writes : writes.filter(({ id }) => going.has(id));
      return writeL2(
        space,
        sent.map((write) => toWrite(space, write, moment)),
        userTags,
        policy,
        first,
      );
    });
    const orders: KeyOrder[] = [];
    for (const write of writes) {
      const { id } = write;
      const fate = { answer: answers.get(id), isLate: late.has(id), isInDoubt: inDoubt.has(id) };
      const order = settle(space, write, moment, fate, policy, inL2);
      if (order !== undefined) orders.push(order);
    }
    const deferred = writes.filter(({ id }) => late.has(id)).map(({ key }) => key);
    if (orders.length > 0) await defer(space, deferred, orders, error);
  } catch (error) {
    for (const write of writes) doubt(space, write);
    throw error;
  } finally {
    for (const { id, token } of writes) space.fences.end(id, token);
  }
}

/** L2 has answered, or has not: L1 follows. @returns what L2 has to be told later, if anything. */
function settle(
  space: Space,
  { key, id, payload, life, token, since }: Write,
  moment: Moment,
  { answer, isLate, isInDoubt }: Fate,
  policy: Policy,
  inL2: boolean,
): KeyOrder | undefined {
  const version = typeof answer === 'object' && answer.status === 'stored' ? answer.version : 0;
  space.fences.doom(id, 'reads');
  // Another order of the key came between, and L2 has not been told of it: which of the two was the later one, nobody knows.
  const overtaken = space.core.outbox?.isPending(space.name, id) === true && (isInDoubt || !isLate);
  if (isInDoubt) space.doubt(id);
  if (version >= token.rival || isLate || overtaken) space.drop(id);
  if (version >= token.rival && !overtaken) {
    const { writtenAt, generation, deferrals, tags, userTags } = moment;
    const freshUntil = writtenAt + life.freshMs;
    const keepUntil = writtenAt + life.keepMs;
    space.fill(
      id,
      token,
      { key, payload, version, generation, deferrals, tags, userTags, writtenAt, freshUntil, keepUntil },
      policy,
    );
    space.fences.tellRivals(id, token, version);
  }
  if (!isLate) return undefined;
  const value = inL2 && !isInDoubt ? toWrite(space, { id, payload, life }, moment) : undefined;
  return {
    op: 'set',
    key: id,
    value: value && { ...value, bytes: detached(value.bytes), since, at: moment.writtenAt },
    inDoubt: inL2 && isInDoubt,
  };
}

async function defer(space: Space, keys: string[], orders: readonly KeyOrder[], error: unknown): Promise<void> {
  reportDeferred(space, { op: 'set', keys, error });
  await space.core.outbox?.defer(space.name, orders);
}

/** Nobody knows whether L2 has it: what is held here is not certain any more. */
function doubt(space: Space, { id }: Write): void {
  space.invalidate(id);
  space.doubt(id);
}

/** Counts and tells. */
function tell({ core, counters, name }: Space, items: readonly (readonly [key: string, value: unknown])[]): void {
  counters.sets += items.length;
  if (!core.events.wants('set')) return;
  for (const [key, value] of items) core.events.emit({ type: 'set', namespace: name, key, value });
}

/** What goes to L2. */
function toWrite(
  space: Space,
  { id, payload, life }: Pick<Write, 'id' | 'payload' | 'life'>,
  { generation, tags, userTags }: Moment,
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
  const writing = () => space.core.guard?.writeMany(space.name, entries, key);
  if (userTags.length === 0) return writing();
  // Both are on their way at once. A value whose mark was not made is dead, which is safe.
  const [written] = await Promise.all([writing(), ensureMarks(space, userTags, longestLifeMs(policy))]);
  return written;
}
