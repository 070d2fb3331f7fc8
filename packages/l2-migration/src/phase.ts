/** One of the two stores of a migration. */
export type Side = 'from' | 'to';

/**
 * The way from one store to another, step by step. Neighbours get along: nodes of two neighbouring phases may work at the same time, and
 * no more than two are ever in use. After "Online, Asynchronous Schema Change in F1" (Rae et al., VLDB 2013), whose delete-only state
 * is `joining` here.
 *
 * - `from`: the old store alone.
 * - `joining`: the new store hears of everything that makes values invalid, and takes none.
 * - `moving`: both take values and give them, by percentage.
 * - `leaving`: the old store hears of everything that makes values invalid, and takes none.
 * - `to`: the new store alone, for good.
 */
export type MigrationPhase = 'from' | 'joining' | 'moving' | 'leaving' | 'to';

export const PHASES: readonly MigrationPhase[] = ['from', 'joining', 'moving', 'leaving', 'to'];

/** What a phase asks of each store. */
export interface Duties {
  /** Arbitrates: logical time, versions, and leases before the other one is asked. */
  readonly lead: Side;
  /** Is told of every invalidation as well, before it counts as done. */
  readonly follower: Side | undefined;
  /** Whether the follower also takes values and gives them, and its leases are needed too. */
  readonly isShared: boolean;
}

const DUTIES: Readonly<Record<MigrationPhase, Duties>> = {
  from: { lead: 'from', follower: undefined, isShared: false },
  joining: { lead: 'from', follower: 'to', isShared: false },
  moving: { lead: 'from', follower: 'to', isShared: true },
  leaving: { lead: 'to', follower: 'from', isShared: false },
  to: { lead: 'to', follower: undefined, isShared: false },
};

export function dutiesOf(phase: MigrationPhase): Duties {
  return DUTIES[phase];
}

/** The stores that a phase needs. */
export function sidesOf({ lead, follower }: Duties): readonly Side[] {
  return follower === undefined ? [lead] : [lead, follower];
}

/** Whose news of keys a node listens to. */
export function heardOf({ lead, follower, isShared }: Duties): readonly Side[] {
  return follower !== undefined && isShared ? [lead, follower] : [lead];
}

export function otherThan(side: Side): Side {
  return side === 'from' ? 'to' : 'from';
}
