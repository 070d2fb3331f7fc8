import { untilAborted } from './abort.js';
import { LATE } from './deadline.js';
import type { ReadTally } from './definition-stats.js';
import type { Entry } from './entry.js';
import { HierarchyClosedError, LoadTimeoutError } from './errors.js';
import type { StaleReason } from './events.js';
import { Flight, type Reading } from './flight.js';
import { startLoad, type Wish } from './load.js';
import { Patience } from './patience.js';
import type { Policy } from './policy.js';
import { isAlive, isFresh } from './promote.js';
import type { Space } from './space.js';
import { answersAtOnce } from './stale.js';
import { count } from './stats.js';
import { type ReadTrace, traceRead } from './tracing.js';

/**
 * How a read travels: L1 → the key's flight → L2 → (for reads that may load) the lease → the loader → both tiers. Where a stale
 * value may answer, it answers at once, at the soft limit or when the load fails (`stale.ts`), and the load goes on behind.
 * This file is the way down; `looks.ts` is the look into L2, and `load.ts` the rest.
 */

/** After so many invalidations in a row between a caller's look into L2 and its load, it loads without being joined. */
const MAX_RESTARTS = 3;

/** L1 only. Counts the look-up. */
export function lookUp(space: Space, key: string): Entry | undefined {
  const entry = space.held(space.idOf(key));
  if (entry === undefined) return missed(space, key);
  space.counters.l1Hits += 1;
  if (space.core.events.hearsHits) tellHit(space, key, entry);
  return entry;
}

function missed({ counters, core, name }: Space, key: string): undefined {
  counters.l1Misses += 1;
  if (core.events.hearsMisses) core.events.emit({ type: 'miss', tier: 'l1', namespace: name, key });
}

function tellHit({ core, name }: Space, key: string, entry: Entry): void {
  core.events.emit({ type: 'hit', tier: 'l1', namespace: name, key, value: entry.value() });
}

/** L2, for a key that L1 does not have. Takes part in the key's flight. */
export function find(
  space: Space,
  key: string,
  policy: Policy,
  signal: AbortSignal | undefined,
  trace?: ReadTrace,
): Promise<Entry | undefined> {
  if (trace === undefined && space.core.tracing.wants('read')) {
    const read = { key, mayLoad: false, behind: false };
    return traceRead(space, read, (trace) => find(space, key, policy, signal, trace));
  }
  const flight = board(space, key, space.idOf(key), policy, undefined, space.now());
  const found = ({ entry }: Reading) => {
    flight.leave();
    if (trace !== undefined) trace.outcome = 'l2';
    return entry !== undefined && isFresh(space, entry) ? entry : undefined;
  };
  if (signal === undefined) return flight.found.then(found);
  return untilAborted(flight.found, signal).then(found, (error) => {
    flight.leave();
    throw error;
  });
}

/** L2, then the source, for a key that L1 does not have fresh (or is not asked). `undefined`: the loader had nothing. */
export function findOrLoad(space: Space, wish: Wish): Promise<Entry | undefined> {
  if (wish.trace === undefined && space.core.tracing.wants('read')) {
    const read = { key: wish.key, mayLoad: true, behind: false };
    return traceRead(space, read, (trace) => findOrLoad(space, { ...wish, trace }));
  }
  const id = space.idOf(wish.key);
  const now = space.now();
  const known = wish.force ? undefined : space.known(id, now);
  if (known !== undefined && answersAtOnce(space, id, known, wish.policy)) {
    return Promise.resolve(answerAndRefresh(space, wish, known));
  }
  const isCounted = wish.trace !== undefined || wish.tally !== undefined;
  const isPlain = known === undefined && wish.signal === undefined && !isCounted && !wish.force;
  return isPlain ? bringTogether(space, id, wish, now) : bring(space, wish, known);
}

/**
 * For callers of whom there may be ten thousand at once, and so before anything else is done for one that L1 could not answer: those
 * between whom there is no difference share one wait. They came in the same millisecond, knew the same, have the same policy and nothing
 * of their own.
 *
 * @returns `undefined` if there is nobody to join.
 */
export function joinCrowd(space: Space, id: string, policy: Policy): Promise<Entry | undefined> | undefined {
  const flight = space.flights.get(id);
  const crowd = flight?.crowd;
  if (flight === undefined || crowd === undefined || crowd.policy !== policy) return undefined;
  const now = space.now();
  const { generation, deferrals } = space.time;
  const isOne = crowd.at === Math.floor(now) && crowd.generation === generation && crowd.deferrals === deferrals;
  if (!isOne || !flight.isJoinable(now) || space.home.has(id) || space.core.tracing.wants('read')) return undefined;
  space.counters.readsCoalesced += 1;
  if (flight.load === undefined) flight.crowded += 1;
  else space.counters.loadsShared += 1;
  return crowd.wait;
}

/** A caller who has nothing of its own, and whom others may join. */
function bringTogether(space: Space, id: string, wish: Wish, now: number): Promise<Entry | undefined> {
  const { policy } = wish;
  const crowd = joinCrowd(space, id, policy);
  if (crowd !== undefined) return crowd;
  const flight = board(space, wish.key, id, policy, undefined, now);
  const { generation, deferrals } = space.time;
  const start: Start = { flight, now, generation, deferrals };
  const wait =
    flight.reading === undefined && policy.loadTimeout.hardMs > space.lookLimitMs
      ? flight.found.then(({ entry }) => {
          // Nearly always that is all.
          const isAnswer = entry !== undefined && isFresh(space, entry) && !space.core.work.isOver;
          if (!isAnswer) return bring(space, wish, undefined, start);
          flight.leave();
          return entry;
        })
      : bring(space, wish, undefined, start);
  // It may be over already.
  if (space.flights.get(id) === flight) flight.crowd = { at: Math.floor(now), generation, deferrals, policy, wait };
  return wait;
}

/** After a hit in L1: if the entry's life is so far gone that it is to be loaded ahead of its end, this begins it. Never waits. */
export function refreshAhead(space: Space, wish: Wish, entry: Entry): void {
  const id = space.idOf(wish.key);
  if (space.core.clock.now() < entry.refreshFrom || space.refreshing.has(id) || space.backoff.isResting(id)) return;
  count('refreshesAhead', space, wish.tally);
  refreshBehind(space, { ...wish, replaces: entry.version });
}

/** A caller that has boarded a flight, with what this node knew when it came: results that were dead by then are not for it. */
interface Start {
  readonly flight: Flight;
  /** When it came. */
  readonly now: number;
  readonly generation: number;
  readonly deferrals: number;
}

/** @param stale what L1 has, to answer with if the load fails or takes too long. */
async function bring(
  space: Space,
  wish: Wish,
  stale: Entry | undefined,
  start: Start | undefined = undefined,
): Promise<Entry | undefined> {
  const { key, signal, force, policy, trace } = wish;
  const patience = new Patience(space, wish, stale, start?.now);
  for (let restarts = 0; ; restarts += 1) {
    const isFirst = restarts === 0 && start !== undefined;
    const flight = isFirst
      ? start.flight
      : board(space, key, space.idOf(key), policy, wish.tally, space.core.clock.now());
    const { generation, deferrals } = isFirst ? start : space.time;
    try {
      signal?.throwIfAborted();
      const reading = flight.reading ?? (await patience.whileLooking(flight));
      if (reading === LATE) return tooLate(space, wish, patience);
      space.core.work.checkNotOver();
      const found = force ? undefined : reading.entry;
      if (found !== undefined && found.version !== wish.replaces && isFresh(space, found)) {
        if (trace !== undefined) trace.outcome = restarts > 0 ? 'elsewhere' : 'l2';
        wish.tally?.answered();
        return found;
      }
      if (wish.behind !== true && patience.isUsable(found)) {
        if (answersAtOnce(space, flight.id, found, policy)) return answerAndRefresh(space, wish, found);
        patience.fallback = found;
      }
      if (flight.load === undefined) {
        if (flight.token.doomed && restarts < MAX_RESTARTS) continue;
        flight.load = startLoad(flight, reading, wish);
        if (trace !== undefined) trace.outcome = 'loaded';
      } else {
        count('loadsShared', space, wish.tally);
        if (trace !== undefined) trace.outcome = 'shared';
      }
      const outcome = await patience.whileLoading(flight.load);
      if (outcome === LATE) return tooLate(space, wish, patience);
      if (outcome === 'restart') continue;
      if (outcome === undefined) return undefined;
      // What was expired meanwhile is as good as dead for a caller that came after that.
      const isEarlier = outcome.generation < generation || outcome.deferrals < deferrals;
      if (isEarlier && !isAlive(space, outcome)) continue;
      wish.tally?.answered();
      return outcome;
    } catch (error) {
      const isOwn = signal?.aborted === true || error instanceof HierarchyClosedError;
      if (isOwn || !patience.isUsable(patience.fallback)) throw error;
      return answerStale(space, wish, patience.fallback, 'error');
    } finally {
      if (trace !== undefined) trace.load = flight.loadTrace;
      flight.leave();
    }
  }
}

/** What a caller is answered with whose time is over. */
function tooLate(space: Space, wish: Wish, patience: Patience): Entry {
  const { fallback } = patience;
  if (patience.isUsable(fallback)) {
    // If the time was over before the load had begun, it is still to come.
    if (wish.behind !== true) refreshBehind(space, wish);
    return answerStale(space, wish, fallback, 'timeout');
  }
  count('loadTimeouts', space, wish.tally);
  throw new LoadTimeoutError(wish.policy.loadTimeout.hardMs, { namespace: space.name, key: wish.key });
}

function answerAndRefresh(space: Space, wish: Wish, stale: Entry): Entry {
  const isResting = space.backoff.isResting(space.idOf(wish.key));
  if (!isResting) refreshBehind(space, wish);
  return answerStale(space, wish, stale, isResting ? 'error' : 'revalidate');
}

function answerStale(space: Space, { key, trace, tally }: Wish, entry: Entry, reason: StaleReason): Entry {
  const { core, name } = space;
  if (trace !== undefined) trace.outcome = 'stale';
  const counter = { revalidate: 'staleRevalidate', error: 'staleError', timeout: 'staleTimeout' } as const;
  count(counter[reason], space, tally);
  tally?.answered();
  if (core.events.wants('stale')) {
    core.events.emit({ type: 'stale', namespace: name, key, reason, value: entry.value() });
  }
  return entry;
}

/** Brings a fresh value for later callers. One at a time for a key; who fails is heard of by the `load` event. */
function refreshBehind(space: Space, wish: Wish): void {
  const id = space.idOf(wish.key);
  if (space.refreshing.has(id)) return;
  space.refreshing.add(id);
  const done = () => space.refreshing.delete(id);
  const behind = { ...wish, signal: undefined, behind: true, trace: undefined, tally: wish.tally?.behind() };
  const bringing = space.core.tracing.wants('read')
    ? traceRead(space, { key: wish.key, mayLoad: true, behind: true }, (trace) =>
        bring(space, { ...behind, trace }, undefined),
      )
    : bring(space, behind, undefined);
  space.core.work.track(bringing.then(done, done));
}

/** The key's flight: the one under way, unless it was invalidated, or a new one, which looks into L2 at once. */
function board(
  space: Space,
  key: string,
  id: string,
  policy: Policy,
  tally: ReadTally | undefined,
  now: number,
): Flight {
  space.core.adviser?.missed(space, id);
  let flight = space.flights.get(id);
  if (flight === undefined || !flight.isJoinable(now)) {
    flight = new Flight(space, key, id, policy, tally, now);
    space.flights.set(id, flight);
  } else {
    count('readsCoalesced', space, tally);
  }
  flight.board();
  return flight;
}
