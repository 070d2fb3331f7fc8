import { type L2Commit, type L2Committed, L2InvalidError, L2NotColocatedError, type L2Read } from '@tierwise/l2';
import type { Candidate, Entry } from './entry.js';
import { L2FailedError } from './errors.js';
import { type L2Guard, UNANSWERED } from './l2-guard.js';
import { ensureMarks } from './load.js';
import { longestLifeMs, type Policy } from './policy.js';
import { admit, isFresh } from './promote.js';
import type { Space } from './space.js';
import { TransactionUnsupportedError } from './transaction-errors.js';
import { type Change, deadOf, type Ground, type Look, type Looks } from './transaction-ground.js';
import { fillAs, toCandidate, writesOf } from './transaction-l1.js';

/**
 * Transactions in L2: the identity of a value is its version there. Reads go past L1, and fill it as any read does. A commit is one atomic
 * step of L2, which peers hear of by the feed as of any write; then it is a write for L1, with the fences of one (see `set.ts`).
 *
 * A commit of which nobody knows whether it was done is not repeated later: the values that it had read would be checked at another time.
 */
export function groundInL2(space: Space, guard: L2Guard, policy: Policy): Ground {
  const { name } = space;
  return {
    async look(before, keys): Promise<Looks> {
      const all = [...before.keys(), ...keys];
      const ids = all.map((key) => space.idOf(key));
      await reach(space, ids);
      const tokens = ids.map((id) => space.fences.begin(id, 'read'));
      const asked = space.core.clock.now();
      try {
        const reads = await supported(space, guard.transactionalRead(name, ids, keys[0]));
        const changed = [...before].flatMap(([key, { identity }], index) =>
          reads[index]?.version === identity ? [] : [key],
        );
        if (changed.length > 0) return { changed };
        const looks = new Map<string, Look>();
        for (let index = before.size; index < all.length; index++) {
          const [key, id, token] = [all[index] ?? '', ids[index] ?? '', tokens[index]];
          if (token === undefined) continue;
          const entry = await admit(space, key, id, token, reads[index], asked, policy);
          if (entry === UNANSWERED) throw unanswered(space, key);
          looks.set(key, toLook(space, reads[index], entry));
        }
        return { looks };
      } finally {
        for (const [index, token] of tokens.entries()) space.fences.end(ids[index] ?? '', token);
      }
    },

    async commit(read, changes) {
      const ids = [...changes.values()].map(({ id }) => id);
      await reach(space, [...ids, ...[...read.keys()].map((key) => space.idOf(key))]);
      if (!space.time.relied) await learnMarks(space, guard, read);
      const dead = deadOf(read);
      if (dead.length > 0) return dead;
      const committed = await commitChanges(space, guard, read, changes);
      if (committed.status === 'committed') return [];
      const changed = new Set(committed.keys);
      return [...read.keys()].filter((key) => changed.has(space.idOf(key)));
    },
  };
}

async function commitChanges(
  space: Space,
  guard: L2Guard,
  read: ReadonlyMap<string, Look>,
  changes: ReadonlyMap<string, Change>,
): Promise<L2Committed> {
  const written = writesOf(changes);
  const tagged = written.find(({ value }) => value.userTags.length > 0 && !space.timeIsShared);
  if (tagged !== undefined) {
    const message = 'this L2 has no logical time, so that values with tags stay in L1: a transaction cannot write them';
    throw new TransactionUnsupportedError(message, { namespace: space.name, key: tagged.key });
  }
  // For what is removed as well: it must not come back by an older write of this node that is still on its way.
  const tokens = [...changes.values()].map(({ id }) => ({ id, token: space.fences.begin(id, 'write') }));
  const candidates = written.map(({ key, value }) => toCandidate(space, key, value, 0));
  const commit: L2Commit = {
    expect: [...read].map(([key, { identity }]) => ({ key: space.idOf(key), version: identity as number | undefined })),
    writes: written.map(({ id, value }, index) => ({
      key: id,
      bytes: pack(space, id, candidates[index]),
      ...value.life,
    })),
    deletes: [...changes.values()].flatMap(({ id, value }) => (value === undefined ? [id] : [])),
  };
  try {
    const [committed] = await Promise.all([
      supported(space, guard.commit(space.name, commit, [...changes.keys()][0])),
      // A value whose mark was not made is dead, which is safe.
      ...written.map(({ value }) => ensureMarks(space, value.userTags, longestLifeMs(value.policy))),
    ]);
    if (committed.status === 'conflict') return committed;
    for (const [index, { id, value }] of written.entries()) {
      const token = tokens.find((each) => each.id === id)?.token;
      const candidate = candidates[index];
      if (token === undefined || candidate === undefined) continue;
      // Another order of the key came between, and L2 has yet to be told of it: which of the two was the later one, nobody knows.
      if (space.core.outbox?.isPending(space.name, id) === true) {
        space.invalidate(id);
        continue;
      }
      fillAs(space, id, token, { ...candidate, version: committed.versions[index] ?? 0 }, value);
    }
    for (const id of commit.deletes) space.invalidate(id);
    return committed;
  } catch (error) {
    // Nobody knows whether L2 has it: what is held here is not certain any more.
    if (!(error instanceof TransactionUnsupportedError)) {
      for (const { id } of tokens) {
        space.invalidate(id);
        space.doubt(id);
      }
    }
    throw error;
  } finally {
    for (const { id, token } of tokens) space.fences.end(id, token);
  }
}

function pack(space: Space, id: string, candidate: Candidate | undefined): Uint8Array {
  if (candidate === undefined) throw new Error('a write without a candidate');
  const { generation, tags, userTags, payload } = candidate;
  return space.core.codec.pack(payload, { namespace: space.name, key: id, generation, tags, userTags });
}

function toLook(space: Space, read: L2Read, entry: Entry | undefined): Look {
  const fresh = entry !== undefined && isFresh(space, entry) ? entry : undefined;
  return {
    identity: read?.version,
    value: () => fresh?.value(),
    tags: fresh?.tags ?? [],
    isDead: () =>
      fresh !== undefined && space.time.judge(fresh.generation, fresh.tags, true, fresh.deferrals) !== 'alive',
  };
}

/** Without a feed to rely on, marks are asked for. */
async function learnMarks(space: Space, guard: L2Guard, read: ReadonlyMap<string, Look>): Promise<void> {
  if (read.size === 0) return;
  const tags = [...new Set([...read.values()].flatMap((look) => look.tags))];
  const marks = await guard.marks(space.name, tags, { known: space.time.generation });
  if (marks === UNANSWERED) throw unanswered(space, undefined);
  if (marks !== undefined) space.time.learned(tags, marks);
}

/** What must hold before L2 is asked anything: it is open for this hierarchy, and has been told all that this node did to the keys. */
async function reach(space: Space, ids: readonly string[]): Promise<void> {
  const { guard, outbox } = space.core;
  await space.reach();
  if (guard?.hasLeases === false) await Promise.allSettled(ids.flatMap((id) => space.fences.fillsUnderWay(id)));
  if (outbox !== undefined && ids.some((id) => outbox.isPending(space.name, id))) {
    const message = 'L2 has yet to be told of earlier changes of these keys; nothing of the transaction was done';
    throw new L2FailedError(message, { namespace: space.name });
  }
}

/** L2's answer. @throws what tells that L2 cannot do it at all apart from that it did not now. */
async function supported<T>(space: Space, answer: Promise<T | undefined>): Promise<T> {
  const place = { namespace: space.name };
  try {
    const given = await answer;
    if (given !== undefined) return given;
  } catch (error) {
    const cause = error instanceof L2FailedError ? error.cause : undefined;
    if (cause instanceof L2NotColocatedError) {
      const advice = 'the keys of a transaction have to lie together: see the option colocate of redisL2';
      throw new TransactionUnsupportedError(`${advice} (${cause.message})`, { ...place, cause });
    }
    if (cause instanceof L2InvalidError) throw new TransactionUnsupportedError(cause.message, { ...place, cause });
    throw error;
  }
  throw new TransactionUnsupportedError('this L2 has no transactions', place);
}

function unanswered(space: Space, key: string | undefined): L2FailedError {
  return new L2FailedError('L2 did not say which tags were invalidated', { namespace: space.name, key });
}
