import { untilAborted } from './abort.js';
import type { Entry } from './entry.js';
import type { Token } from './fence.js';
import { Flight, type Reading } from './flight.js';
import { UNANSWERED } from './l2-guard.js';
import { startLoad, type Wish } from './load.js';
import { admit, isDead, isServable } from './promote.js';
import type { Space } from './space.js';

/**
 * How a read travels: L1 → the key's flight → L2 → (for reads that may load) the lease → the loader → both tiers.
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
    if (core.events.wants('miss')) core.events.emit({ type: 'miss', tier: 'l1', namespace: space.name, key });
    return undefined;
  }
  counters.l1Hits += 1;
  if (core.events.wants('hit')) {
    core.events.emit({ type: 'hit', tier: 'l1', namespace: space.name, key, value: entry.value() });
  }
  return entry;
}

/** L2, for a key that L1 does not have. Takes part in the key's flight. */
export async function find(
  space: Space,
  key: string,
  l1TtlMs: number,
  signal: AbortSignal | undefined,
): Promise<Entry | undefined> {
  const flight = board(space, key, l1TtlMs);
  try {
    const { entry } = await untilAborted(flight.found, signal);
    return entry !== undefined && isServable(space, entry) ? entry : undefined;
  } finally {
    flight.leave();
  }
}

/** L2, then the source, for a key that L1 does not have (or is not asked). `undefined`: the loader had nothing. */
export async function findOrLoad(space: Space, wish: Wish): Promise<Entry | undefined> {
  const { key, signal, force } = wish;
  for (let restarts = 0; ; restarts += 1) {
    const flight = board(space, key, wish.policy.l1TtlMs);
    // What this node knew when this caller came: results that were dead by then are not for this caller.
    const generation = space.time.generation;
    try {
      const reading = await untilAborted(flight.found, signal);
      if (!force && reading.entry !== undefined && isServable(space, reading.entry)) return reading.entry;
      if (flight.load === undefined) {
        if (flight.token.doomed && restarts < MAX_RESTARTS) continue;
        flight.load = startLoad(flight, reading, wish);
      } else {
        space.counters.loadsShared += 1;
      }
      const outcome = await flight.load.wait(signal);
      if (outcome === 'restart') continue;
      if (outcome === undefined) return undefined;
      if (generation > outcome.generation && isDead(space, outcome)) continue;
      return outcome;
    } finally {
      flight.leave();
    }
  }
}

/** The key's flight: the one under way, unless it was invalidated, or a new one, which looks into L2 at once. */
function board(space: Space, key: string, l1TtlMs: number): Flight {
  const id = space.idOf(key);
  let flight = space.flights.get(id);
  if (flight === undefined || !flight.isJoinable) {
    const token = space.fences.begin(id, 'read');
    const found = readL2(space, key, id, token, l1TtlMs);
    flight = new Flight(space, id, token, space.core.work.track(found));
    space.flights.set(id, flight);
    // The look itself is aboard: when all callers have gone, its answer is still to come, and an invalidation has to find its token.
    flight.board();
    found.then(flight.leave, flight.leave);
  }
  flight.board();
  return flight;
}

const NOTHING: Reading = { entry: undefined, seen: undefined, answered: true };
const NO_ANSWER: Reading = { entry: undefined, seen: undefined, answered: false };

/** One look into L2. What it finds fills L1 through the fence. Never rejects. */
async function readL2(space: Space, key: string, id: string, token: Token, l1TtlMs: number): Promise<Reading> {
  const { core, counters, name } = space;
  if (core.guard === undefined) return NOTHING;
  const read = (await space.attach()) ? await core.guard.read(name, id) : UNANSWERED;
  if (read === UNANSWERED) {
    counters.l2Misses += 1;
    counters.l2Unanswered += 1;
    return NO_ANSWER;
  }
  const entry = await admit(space, key, id, token, read, l1TtlMs);
  if (entry === undefined) {
    counters.l2Misses += 1;
    if (core.events.wants('miss')) core.events.emit({ type: 'miss', tier: 'l2', namespace: name, key });
  } else {
    counters.l2Hits += 1;
    if (core.events.wants('hit')) {
      core.events.emit({ type: 'hit', tier: 'l2', namespace: name, key, value: entry.value() });
    }
  }
  return { entry, seen: read?.version, answered: true };
}
