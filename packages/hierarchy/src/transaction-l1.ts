import type { Candidate, Entry } from './entry.js';
import type { Token } from './fence.js';
import type { Space } from './space.js';
import type { Change, Ground, Look, Looks, NewValue } from './transaction-ground.js';

/**
 * Transactions without an L2: the identity of a value is its entry in L1, and as nothing of a commit waits for anything, it is one step. What
 * L1 evicts meanwhile has changed.
 */
export function groundInL1(space: Space): Ground {
  const identify = (key: string): Entry | undefined => space.held(space.idOf(key));
  const changedOf = (read: ReadonlyMap<string, Look>): string[] =>
    [...read].flatMap(([key, { identity }]) => (identify(key) === identity ? [] : [key]));

  return {
    async look(before, keys): Promise<Looks> {
      const changed = changedOf(before);
      if (changed.length > 0) return { changed };
      return {
        looks: new Map(
          keys.map((key) => {
            const entry = identify(key);
            return [key, { identity: entry, value: () => entry?.value(), isDead: () => false, tags: [] }];
          }),
        ),
      };
    },

    async commit(read, changes) {
      const changed = changedOf(read);
      if (changed.length > 0) return changed;
      for (const [key, { id, value }] of changes) {
        if (value === undefined) space.invalidate(id);
        else fillAs(space, id, space.fences.begin(id, 'write'), toCandidate(space, key, value, 0), value);
      }
      return [];
    },
  };
}

/** What a write of this node, done now, is in L1. */
export function toCandidate(space: Space, key: string, value: NewValue, version: number): Candidate {
  const { core, time } = space;
  const { payload, life, userTags } = value;
  const writtenAt = core.clock.now();
  return {
    ...{ key, payload, version, writtenAt, userTags },
    generation: time.generation,
    deferrals: time.deferrals,
    tags: userTags.map((tag) => core.codec.hideTag(tag)),
    freshUntil: writtenAt + life.freshMs,
    keepUntil: writtenAt + life.keepMs,
  };
}

/** Ends a write that is done: what was read before it is not kept, and L1 has it, unless a later one has overtaken it. See `set.ts`. */
export function fillAs(space: Space, id: string, token: Token, candidate: Candidate, { policy }: NewValue): void {
  space.fences.doom(id, 'reads');
  if (candidate.version >= token.rival) {
    space.drop(id);
    space.fill(id, token, candidate, policy);
    space.fences.tellRivals(id, token, candidate.version);
  }
  space.fences.end(id, token);
}

/** Which of the changes are writes. */
export function writesOf(changes: ReadonlyMap<string, Change>): { key: string; id: string; value: NewValue }[] {
  return [...changes].flatMap(([key, { id, value }]) => (value === undefined ? [] : [{ key, id, value }]));
}
