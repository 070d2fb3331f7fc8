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
  /** Its process had put the invalidation aside, for it or its next one to tell L2 of; this one must know by its journal (law 7). */
  | 'own journal'
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
  /** Stale reads of a value that was set, and a later `set` of the key was deferred: of sets during an outage any one may remain. */
  readonly conflicts: number;
  readonly sameNode: Staleness;
  readonly otherNodes: { readonly undisturbed: Staleness; readonly disturbed: Staleness };
}

/**
 * Decides for each read whether a value that old was allowed.
 *
 * A value of version v is outdated by every operation that gave its key a higher one and was acknowledged before the read began.
 * On the node that carried the operation out that is never allowed; on others until the news must have arrived, see
 * {@link Rule}. An operation that was never acknowledged forbids nothing. Operations of one key never overlap.
 *
 * Where the node could not reach L2, and said so, other nodes cannot know before it has made up for it.
 */
export function judge(history: History, limits: Limits): Judgement {
  const lives = new Map(history.lives.map((life) => [life.name, life]));
  const outdating = byKey(history);
  const lost = new Set(
    history.operations.flatMap(({ attempts }) =>
      attempts.filter(({ outcome }) => outcome !== 'acknowledged').map(({ name }) => name),
    ),
  );
  const arrivedAt = arrivals(history);
  const violations: Violation[] = [];
  let unacknowledgedWrites = 0;
  let conflicts = 0;
  const sameNode = new Tally();
  const undisturbed = new Tally();
  const disturbed = new Tally();

  for (const read of history.reads) {
    const { value } = read;
    const life = lives.get(read.life);
    if (value === undefined || life === undefined) continue;
    let worst: Violation | undefined;
    let stale: { own: number; undisturbed: number; disturbed: number } | undefined;
    let isConflict = false;
    for (const invalidation of outdating.get(read.key) ?? []) {
      const { operation, attempt, version } = invalidation;
      if (attempt.end >= read.begin) break;
      const foreign = value.key !== read.key;
      if (version <= value.version && !foreign) continue;
      const { rule, allowedMs } = foreign
        ? { rule: 'foreign' as const, allowedMs: 0 }
        : allowance(read, life, invalidation, history.disturbances, limits);
      if (!foreign && mayGiveWay(invalidation, arrivedAt.get(value.from), read)) {
        isConflict = true;
        continue;
      }
      const staleMs = read.begin - attempt.end;
      stale ??= { own: 0, undisturbed: 0, disturbed: 0 };
      const wasTold = invalidation.toldAt < read.begin;
      const kind =
        rule === 'own invalidation' ? 'own' : rule === 'undisturbed' && wasTold ? 'undisturbed' : 'disturbed';
      stale[kind] = Math.max(stale[kind], staleMs);
      const excess = staleMs - allowedMs;
      if (excess > 0 && (worst === undefined || excess > worst.staleMs - worst.allowedMs)) {
        worst = { rule, read, operation, attempt, staleMs, allowedMs };
      }
    }
    if (isConflict) conflicts += 1;
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
  return { violations, unacknowledgedWrites, conflicts, sameNode, otherNodes: { undisturbed, disturbed } };
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
  /** From when on other nodes can know of it: `Infinity` if nobody was told to the end. */
  readonly toldAt: number;
  /** The node of the attempt's life. */
  readonly node: string | undefined;
}

/** The acknowledged operations of each key, in the order of their acknowledgement. */
function byKey({ operations, lives }: History): Map<string, Outdating[]> {
  const found = new Map<string, Outdating[]>();
  const nodeOf = new Map(lives.map(({ name, node }) => [name, node]));
  for (const operation of operations) {
    const attempt = operation.attempts.find(({ outcome }) => outcome === 'acknowledged');
    if (attempt === undefined) continue;
    const node = nodeOf.get(attempt.life);
    const toldAt = toldAtOf(attempt, node, lives);
    for (const [key, version] of operation.versions) {
      const list = found.get(key) ?? [];
      list.push({ operation, attempt, version, toldAt, node });
      found.set(key, list);
    }
  }
  for (const list of found.values()) list.sort((a, b) => a.attempt.end - b.attempt.end);
  return found;
}

/** Whether others can know of what was acknowledged. */
export function isTold(attempt: Attempt, lives: readonly Life[]): boolean {
  const node = lives.find(({ name }) => name === attempt.life)?.node;
  return attempt.outcome !== 'acknowledged' || toldAtOf(attempt, node, lives) < Number.POSITIVE_INFINITY;
}

/** A process that is killed leaves what is deferred to the next one of its node. */
function toldAtOf({ deferredAt, end }: Attempt, node: string | undefined, lives: readonly Life[]): number {
  if (deferredAt === undefined) return end;
  const recovered = lives.filter((life) => life.node === node).flatMap((life) => life.recovered ?? []);
  return Math.max(end, Math.min(...recovered.filter((at) => at >= deferredAt)));
}

/** When what was acknowledged reached L2, by the name of its attempt, which is in values that were set. */
function arrivals({ operations, lives }: History): ReadonlyMap<string, number> {
  const nodeOf = new Map(lives.map(({ name, node }) => [name, node]));
  return new Map(
    operations
      .flatMap(({ attempts }) => attempts.filter(({ outcome }) => outcome === 'acknowledged'))
      .map((attempt) => [attempt.name, toldAtOf(attempt, nodeOf.get(attempt.life), lives)]),
  );
}

function isSet(kind: string): boolean {
  return kind.startsWith('set');
}

/** The longest outage, and what it takes to notice its end, in milliseconds. */
const LONGEST_OUTAGE_MS = 30_000;

/**
 * A set that its node could not tell L2 of gives way to one that reached L2 while that node was blind: nobody can say which of them was
 * the later one, and they must only agree. Until the node has told L2 it goes by its own.
 *
 * @param setAt when the set that made the value had reached L2, if one did.
 */
function mayGiveWay({ operation, attempt, toldAt }: Outdating, setAt: number | undefined, read: Read): boolean {
  if (!isSet(operation.kind) || attempt.deferredAt === undefined || setAt === undefined) return false;
  return setAt >= attempt.begin - LONGEST_OUTAGE_MS && read.end > toldAt;
}

/** For how long after an acknowledged invalidation a node may answer with what it invalidated: the shortest that a rule says. */
function allowance(
  read: Read,
  life: Life,
  { attempt: { life: actor, end: acknowledgedAt, deferredAt }, toldAt, node }: Outdating,
  disturbances: readonly Disturbance[],
  limits: Limits,
): { rule: Rule; allowedMs: number } {
  if (actor === life.name) return { rule: 'own invalidation', allowedMs: 0 };
  if (deferredAt !== undefined && life.node === node && life.startedAt > acknowledgedAt)
    return { rule: 'own journal', allowedMs: 0 };
  const after = allowanceOnce(read, life, toldAt, disturbances, limits);
  return { ...after, allowedMs: after.allowedMs + (toldAt - acknowledgedAt) };
}

/** The same for another node, from when on it can know. */
function allowanceOnce(
  read: Read,
  life: Life,
  end: number,
  disturbances: readonly Disturbance[],
  limits: Limits,
): { rule: Rule; allowedMs: number } {
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
