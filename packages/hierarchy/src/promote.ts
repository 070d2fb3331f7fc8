import type { L2Read } from '@tierwise/l2';
import type { Candidate, Entry } from './entry.js';
import type { Token } from './fence.js';
import { UNANSWERED, type Unanswered } from './l2-guard.js';
import type { Verdict } from './logical-time.js';
import type { Policy } from './policy.js';
import type { Space } from './space.js';

/**
 * Promotion: decides what may be made of what L2 has: opens the bytes, judges tags, and fills L1 with what
 * may be kept.
 *
 * @param asked when L2 was asked. How long its answer was on its way nobody knows, so what remains of a life is counted from there (law 3).
 * @returns what is not dead, fresh or stale; at once, unless marks have to be asked for.
 */
export function admit(
  space: Space,
  key: string,
  id: string,
  token: Token,
  read: L2Read,
  asked: number,
  policy: Policy,
): Entry | undefined | Unanswered | Promise<Entry | undefined | Unanswered> {
  if (read === undefined) return undefined;
  if (read.status === 'damaged') return damaged(space, key, 'foreign', read.reason);
  const opened = space.core.codec.unpack(read.bytes, { namespace: space.name, key: id });
  if (!opened.ok) return damaged(space, key, opened.reason, opened.detail);
  // Without shared logical time the numbers of other nodes mean nothing here; what is in L2 then has no tags.
  const generation = space.timeIsShared ? opened.generation : space.time.generation;
  const { tags } = opened;
  const candidate = {
    key,
    payload: opened.payload,
    generation,
    tags,
    userTags: opened.userTags,
    version: read.version,
    writtenAt: asked - read.ageMs,
    freshUntil: asked + read.freshMs,
    keepUntil: asked + read.keepMs,
  };
  const { time } = space;
  const isKnown = !space.timeIsShared || (time.relied && time.judge(generation, tags) !== 'unknown');
  if (isKnown) return keep(space, id, token, candidate, policy);
  return learnMarks(space, tags).then((learned) => (learned ? keep(space, id, token, candidate, policy) : UNANSWERED));
}

/** Fills L1 through the fence with what can be judged. */
function keep(space: Space, id: string, token: Token, candidate: Candidate, policy: Policy): Entry | undefined {
  const { entry } = space.fill(id, token, candidate, policy);
  try {
    entry.value();
  } catch (error) {
    space.drop(id);
    return damaged(space, candidate.key, 'undecodable', String(error));
  }
  return isDead(space, entry) || entry.keepUntil <= space.core.clock.now() ? undefined : entry;
}

/**
 * Asks L2 for marks that a verdict needs and this node does not know: one round trip, whatever the number of tags.
 *
 * @returns whether a verdict can be given now.
 */
async function learnMarks({ time, core, name }: Space, tags: readonly string[]): Promise<boolean> {
  const marks = await core.guard?.marks(name, tags, { known: time.generation });
  if (marks === undefined || marks === UNANSWERED) return false;
  time.learned(tags, marks);
  return true;
}

/** Whether an entry may be handed out as fresh right now. It may have been a while since it was read. */
export function isFresh(space: Space, entry: Entry): boolean {
  return entry.freshUntil > space.core.clock.now() && isAlive(space, entry);
}

/** Whether an entry was not invalidated in any way, as far as is known. */
export function isAlive(space: Space, entry: Entry): boolean {
  const { stamp } = entry;
  // Nothing has changed since it was found to be.
  if (stamp.judgedAt === space.time.change && stamp.epoch === space.fences.epoch) return true;
  return judge(space, entry) === 'alive';
}

/** Not known to be alive or stale is dead (law 5). */
function isDead(space: Space, entry: Entry): boolean {
  if (isAlive(space, entry)) return false;
  const verdict = judge(space, entry);
  return verdict === 'dead' || verdict === 'unknown';
}

function judge({ time }: Space, { generation, tags, deferrals }: Entry): Verdict {
  return time.judge(generation, tags, time.relied, deferrals);
}

/** Bad bytes are a miss (law 9). */
function damaged(space: Space, key: string, reason: string, detail: string): undefined {
  space.counters.l2Damaged += 1;
  const { events } = space.core;
  if (events.wants('damaged')) events.emit({ type: 'damaged', namespace: space.name, key, reason, detail });
}
