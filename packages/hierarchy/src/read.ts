import type { L2Read } from '@tierwise/l2';
import { untilAborted } from './abort.js';
import { LATE } from './deadline.js';
import type { ReadTally } from './definition-stats.js';
import type { Entry } from './entry.js';
import { HierarchyClosedError, LoadTimeoutError } from './errors.js';
import type { StaleReason } from './events.js';
import { Flight, type Reading } from './flight.js';
import { type L2Guard, UNANSWERED, type Unanswered } from './l2-guard.js';
import { startLoad, type Wish } from './load.js';
import { Patience } from './patience.js';
import type { Policy } from './policy.js';
import { admit, isAlive, isFresh } from './promote.js';
import type { Space } from './space.js';
import { answersAtOnce } from './stale.js';
import { count } from './stats.js';
import { type ReadTrace, traceRead } from './tracing.js';

/**
 * How a read travels: L1 → the key's flight → L2 → (for reads that may load) the lease → the loader → both tiers. Where a stale
 * value may answer, it answers at once, at the soft limit or when the load fails (`stale.ts`), and the load goes on behind.
 * This file is the way down to L2; `load.ts` is the rest.
 */

/** After so many invalidations in a row between a caller's look into L2 and its load, it loads without being joined. */
const MAX_RESTARTS = 3;

/** L1 only. Counts the look-up. */
export function lookUp(space: Space, key: string): Entry | undefined {
  const { counters, core } = space;
  const entry = space.held(space.idOf(key));
  if (entry === undefined) {
    counters.l1Misses += 1;
    if (core.events.hearsMisses) core.events.emit({ type: 'miss', tier: 'l1', namespace: space.name, key });
    return undefined;
  }
  counters.l1Hits += 1;
  if (core.events.hearsHits) {
    core.events.emit({ type: 'hit', tier: 'l1', namespace: space.name, key, value: entry.value() });
  }
  return entry;
}

/** L2, for a key that L1 does not have. Takes part in the key's flight. */
export async function find(
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
  const flight = board(space, key, policy);
  try {
    const { entry } = await untilAborted(flight.found, signal);
    const found = entry !== undefined && isFresh(space, entry) ? entry : undefined;
    if (trace !== undefined) trace.outcome = 'l2';
    return found;
  } finally {
    flight.leave();
  }
}

/** L2, then the source, for a key that L1 does not have fresh (or is not asked). `undefined`: the loader had nothing. */
export function findOrLoad(space: Space, wish: Wish): Promise<Entry | undefined> {
  if (wish.trace === undefined && space.core.tracing.wants('read')) {
    const read = { key: wish.key, mayLoad: true, behind: false };
    return traceRead(space, read, (trace) => findOrLoad(space, { ...wish, trace }));
  }
  const id = space.idOf(wish.key);
  const known = wish.force ? undefined : space.known(id);
  if (known !== undefined && answersAtOnce(space, id, known, wish.policy)) {
    return Promise.resolve(answerAndRefresh(space, wish, known));
  }
  const isCounted = wish.trace !== undefined || wish.tally !== undefined;
  const isPlain = known === undefined && wish.signal === undefined && !isCounted && !wish.force;
  return isPlain ? bringTogether(space, id, wish) : bring(space, wish, known);
}

/** For callers of whom there may be ten thousand at once: those between whom there is no difference are one. */
function bringTogether(space: Space, id: string, wish: Wish): Promise<Entry | undefined> {
  const { policy } = wish;
  const { generation, deferrals } = space.time;
  const at = Math.floor(space.core.clock.now());
  const flight = space.flights.get(id);
  const crowd = flight?.crowd;
  if (
    flight !== undefined &&
    crowd?.at === at &&
    crowd.policy === policy &&
    crowd.generation === generation &&
    crowd.deferrals === deferrals &&
    flight.isJoinable
  ) {
    space.counters.readsCoalesced += 1;
    if (flight.load === undefined) flight.crowded += 1;
    else space.counters.loadsShared += 1;
    return crowd.wait;
  }
  const wait = bring(space, wish, undefined);
  const boarded = space.flights.get(id);
  if (boarded !== undefined) boarded.crowd = { at, generation, deferrals, policy, wait };
  return wait;
}

/** After a hit in L1: if the entry's life is so far gone that it is to be loaded ahead of its end, this begins it. Never waits. */
export function refreshAhead(space: Space, wish: Wish, entry: Entry): void {
  const id = space.idOf(wish.key);
  if (space.core.clock.now() < entry.refreshFrom || space.refreshing.has(id) || space.backoff.isResting(id)) return;
  count('refreshesAhead', space, wish.tally);
  refreshBehind(space, { ...wish, replaces: entry.version });
}

/** @param stale what L1 has, to answer with if the load fails or takes too long. */
async function bring(space: Space, wish: Wish, stale: Entry | undefined): Promise<Entry | undefined> {
  const { key, signal, force, policy, trace } = wish;
  const patience = new Patience(space, wish, stale);
  for (let restarts = 0; ; restarts += 1) {
    const flight = board(space, key, policy, wish.tally);
    // What this node knew when this caller came: results that were dead by then are not for this caller.
    const { generation, deferrals } = space.time;
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
function board(space: Space, key: string, policy: Policy, tally?: ReadTally): Flight {
  const id = space.idOf(key);
  space.core.adviser?.missed(space, id);
  let flight = space.flights.get(id);
  if (flight === undefined || !flight.isJoinable) {
    const { guard } = space.core;
    const look = guard && ((flight: Flight) => readL2(flight, guard, key, policy, tally));
    flight = new Flight(space, id, space.fences.begin(id, 'read'), look);
    space.flights.set(id, flight);
  } else {
    count('readsCoalesced', space, tally);
  }
  flight.board();
  return flight;
}

const NO_ANSWER: Reading = { entry: undefined, seen: undefined, answered: false };

/** One look into L2. What it finds fills L1 through the fence. Never rejects. */
async function readL2(
  flight: Flight,
  guard: L2Guard,
  key: string,
  policy: Policy,
  tally: ReadTally | undefined,
): Promise<Reading> {
  const { space, id } = flight;
  const { core } = space;
  core.work.begin();
  try {
    const attached = space.attach();
    const isAttached = attached === true || (await attached);
    const asked = core.clock.now();
    const read = isAttached ? await guard.read(space.name, id) : UNANSWERED;
    const admitted = read === UNANSWERED ? UNANSWERED : admit(space, key, id, flight.token, read, asked, policy);
    return report(space, key, read, admitted instanceof Promise ? await admitted : admitted, tally);
  } finally {
    core.work.end();
    flight.leave();
  }
}

/** Counts and tells what a look into L2 found. */
function report(
  space: Space,
  key: string,
  read: L2Read | Unanswered,
  entry: Entry | undefined | Unanswered,
  tally: ReadTally | undefined,
): Reading {
  const { core, name } = space;
  if (read === UNANSWERED || entry === UNANSWERED) {
    count('l2Misses', space, tally);
    count('l2Unanswered', space, tally);
    return NO_ANSWER;
  }
  if (entry === undefined || !isFresh(space, entry)) {
    count('l2Misses', space, tally);
    if (core.events.hearsMisses) core.events.emit({ type: 'miss', tier: 'l2', namespace: name, key });
  } else {
    count('l2Hits', space, tally);
    if (core.events.hearsHits) {
      core.events.emit({ type: 'hit', tier: 'l2', namespace: name, key, value: entry.value() });
    }
  }
  return { entry, seen: read?.version, answered: true };
}
