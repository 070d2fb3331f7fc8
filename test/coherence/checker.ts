import type { Attempt, Disturbance, History, Life, Operation, Read } from './history.js';

/** What may be expected, in milliseconds. */
export interface Limits {
  /** How long news may take to a node that nothing disturbs: the network's delay and the busy machine's. */
  readonly grace: number;
  /** After how much silence of its feed a node knows that it is deaf. */
  readonly silence: number;
  /** The hierarchy's option of that name. */
  readonly maxStaleness: number;
  /** How long a read can be under way. Who joins one that began earlier gets what that one saw. */
  readonly flight: number;
}

/** Why a value may be served only so long after the invalidation. */
export type Rule =
  /** This very node had carried the invalidation out (law 1). */
  | 'own invalidation'
  /** The process started afterwards: it can only have it from L2 or the source, which must not have it any more. */
  | 'started afterwards'
  /** The node's feed came back afterwards, and nothing from before may be trusted then (law 8). */
  | 'feed came back'
  /** L2 answered, and it does not hold what was invalidated. */
  | 'from L2'
  /** The node was deaf: `maxStaleness` (law 8). */
  | 'deaf'
  /** The feed had not delivered, and the node could not know: until it must have found out, and `maxStaleness` from there. */
  | 'disturbed'
  /** Nothing disturbed the feed: as soon as it delivers. */
  | 'undisturbed'
  /** The value is another key's. */
  | 'foreign';

export interface Violation {
  readonly rule: Rule;
  readonly read: Read;
  /** The invalidation that forbids it. */
  readonly operation: Operation;
  /** By which the invalidation was acknowledged. */
  readonly attempt: Attempt;
  /** How long before the read that was, in milliseconds. */
  readonly staleMs: number;
  /** How long it may be, in milliseconds. */
  readonly allowedMs: number;
}

/** How many reads returned what had been invalidated when they began, allowed or not, and by how much at the worst. */
export interface Staleness {
  readonly reads: number;
  readonly worstMs: number;
}

export interface Judgement {
  readonly violations: readonly Violation[];
  /** Stale reads of a value that an attempt wrote which was never acknowledged: nobody can say when such a write takes effect. */
  readonly unacknowledgedWrites: number;
  readonly sameNode: Staleness;
  readonly otherNodes: { readonly undisturbed: Staleness; readonly disturbed: Staleness };
}

/**
 * Decides for each read whether a value that old was allowed.
 *
 * A value of version v is outdated by every operation that gave its key a higher one and was acknowledged before the read began.
 * On the node that carried the operation out that is never allowed; on others until the news must have arrived, see
 * {@link Rule}. An operation that was never acknowledged forbids nothing. Operations of one key never overlap.
 */
export function judge(history: History, limits: Limits): Judgement {
  const lives = new Map(history.lives.map((life) => [life.name, life]));
  const outdating = byKey(history.operations);
  const lost = new Set(
    history.operations.flatMap(({ attempts }) =>
      attempts.filter(({ outcome }) => outcome !== 'acknowledged').map(({ name }) => name),
    ),
  );
  const violations: Violation[] = [];
  let unacknowledgedWrites = 0;
  const sameNode = new Tally();
  const undisturbed = new Tally();
  const disturbed = new Tally();

  for (const read of history.reads) {
    const { value } = read;
    const life = lives.get(read.life);
    if (value === undefined || life === undefined) continue;
    let worst: Violation | undefined;
    let stale: { own: number; undisturbed: number; disturbed: number } | undefined;
    for (const { operation, attempt, version } of outdating.get(read.key) ?? []) {
      if (attempt.end >= read.begin) break;
      const foreign = value.key !== read.key;
      if (version <= value.version && !foreign) continue;
      const { rule, allowedMs } = foreign
        ? { rule: 'foreign' as const, allowedMs: 0 }
        : allowance(read, life, attempt, history.disturbances, limits);
      const staleMs = read.begin - attempt.end;
      stale ??= { own: 0, undisturbed: 0, disturbed: 0 };
      const kind = rule === 'own invalidation' ? 'own' : rule === 'undisturbed' ? 'undisturbed' : 'disturbed';
      stale[kind] = Math.max(stale[kind], staleMs);
      const excess = staleMs - allowedMs;
      if (excess > 0 && (worst === undefined || excess > worst.staleMs - worst.allowedMs)) {
        worst = { rule, read, operation, attempt, staleMs, allowedMs };
      }
    }
    if (stale === undefined) continue;
    if (lost.has(value.from)) {
      unacknowledgedWrites += 1;
      continue;
    }
    sameNode.add(stale.own);
    undisturbed.add(stale.undisturbed);
    disturbed.add(stale.disturbed);
    if (worst !== undefined) violations.push(worst);
  }
  return { violations, unacknowledgedWrites, sameNode, otherNodes: { undisturbed, disturbed } };
}

class Tally implements Staleness {
  reads = 0;
  worstMs = 0;

  add(staleMs: number): void {
    if (staleMs > 0) this.reads += 1;
    this.worstMs = Math.max(this.worstMs, staleMs);
  }
}

interface Outdating {
  readonly operation: Operation;
  readonly attempt: Attempt;
  readonly version: number;
}

/** The acknowledged operations of each key, in the order of their acknowledgement. */
function byKey(operations: readonly Operation[]): Map<string, Outdating[]> {
  const found = new Map<string, Outdating[]>();
  for (const operation of operations) {
    const attempt = operation.attempts.find(({ outcome }) => outcome === 'acknowledged');
    if (attempt === undefined) continue;
    for (const [key, version] of operation.versions) {
      const list = found.get(key) ?? [];
      list.push({ operation, attempt, version });
      found.set(key, list);
    }
  }
  for (const list of found.values()) list.sort((a, b) => a.attempt.end - b.attempt.end);
  return found;
}

/** For how long after an acknowledged invalidation a node may answer with what it invalidated: the shortest that a rule says. */
function allowance(
  read: Read,
  life: Life,
  { life: actor, end }: Attempt,
  disturbances: readonly Disturbance[],
  limits: Limits,
): { rule: Rule; allowedMs: number } {
  if (actor === life.name) return { rule: 'own invalidation', allowedMs: 0 };
  if (life.startedAt > end) return { rule: 'started afterwards', allowedMs: 0 };
  const { grace, silence, maxStaleness, flight } = limits;
  const rules: { rule: Rule; allowedMs: number }[] = [];
  const deafAtEnd = life.feed.length > 0 && stateAt(life, end) === 'deaf';
  const wentDeaf = life.feed.find(({ at, state }) => state === 'deaf' && at > end);
  const cameBack = life.feed.find(({ at, state }) => state === 'alive' && at > end);
  const isDisturbed = disturbances.some(
    ({ node, from, to }) => (node === undefined || node === life.node) && from <= end + grace && to >= end,
  );
  if (cameBack !== undefined) rules.push({ rule: 'feed came back', allowedMs: cameBack.at - end });
  if (read.tier === 'l2') rules.push({ rule: 'from L2', allowedMs: flight });
  if (deafAtEnd) rules.push({ rule: 'deaf', allowedMs: maxStaleness + grace });
  else if (wentDeaf !== undefined) rules.push({ rule: 'deaf', allowedMs: wentDeaf.at - end + maxStaleness + grace });
  const lostSoon = deafAtEnd || (wentDeaf !== undefined && wentDeaf.at <= end + grace);
  if (isDisturbed || lostSoon) rules.push({ rule: 'disturbed', allowedMs: silence + maxStaleness + grace });
  else rules.push({ rule: 'undisturbed', allowedMs: grace });
  return rules.reduce((least, rule) => (rule.allowedMs < least.allowedMs ? rule : least));
}

function stateAt(life: Life, at: number): 'alive' | 'deaf' {
  return life.feed.findLast((change) => change.at <= at)?.state ?? 'deaf';
}
