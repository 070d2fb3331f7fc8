import type { L2LeaseToken } from '@tierwise/l2';
import type { Ending } from './ending.js';
import type { Entry } from './entry.js';
import type { Flight, Reading } from './flight.js';
import { type L2Guard, UNANSWERED } from './l2-guard.js';
import type { Wish } from './load.js';
import { admit, isFresh } from './promote.js';
import type { Space } from './space.js';
import { count } from './stats.js';

/** Where a node waits for another's load without a feed to wake it, it asks again after so many milliseconds, doubled each time. */
const FIRST_POLL_MS = 10;
const LAST_POLL_MS = 500;
/** A holder that renews does so three times in a lease's life: two renewals may fail. */
const RENEWALS_PER_LIFE = 3;

export type Right =
  | { readonly kind: 'load'; readonly lease: L2LeaseToken | undefined; readonly mayFillL2: boolean }
  /** Another node had loaded it meanwhile. */
  | { readonly kind: 'found'; readonly entry: Entry }
  /** The key changed while this node waited: to be looked up anew. */
  | { readonly kind: 'restart' };

/**
 * Gets the right to load a key: its lease in L2 (law 2). While another node holds it, waits for that node's fill, for the
 * lease to be given back, or for it to run out. Waiting is bounded by `lease.wait`; past that, and where L2 does not
 * answer, this node loads for itself and leaves L2 alone, since without a lease nothing would keep an old value out of it.
 */
export function rightToLoad(flight: Flight, reading: Reading, wish: Wish, ending: Ending): Right | Promise<Right> {
  const { guard } = flight.space.core;
  if (guard === undefined) return ALONE;
  if (!guard.hasLeases) return { kind: 'load', lease: undefined, mayFillL2: true };
  return reading.answered ? waitForLease(flight, guard, reading, wish, ending) : ALONE;
}

/** Without a lease nothing would keep an old value out of L2. */
const ALONE: Right = { kind: 'load', lease: undefined, mayFillL2: false };

async function waitForLease(
  flight: Flight,
  guard: L2Guard,
  reading: Reading,
  wish: Wish,
  ending: Ending,
): Promise<Right> {
  const { space, id, token } = flight;
  const { clock, options, feed } = space.core;
  const giveUpAt = clock.now() + options.leaseWaitMs;
  const doomedBefore = token.doomed;
  let { seen } = reading;
  let pollMs = FIRST_POLL_MS;
  let waited = false;
  for (;;) {
    ending.throwIfAborted();
    // Counted before the question: news that overtakes the answer must not be waited for.
    const { newsHeard } = flight;
    const asked = clock.now();
    const answer = await guard.acquire(space.name, { key: id, seen });
    if (answer === UNANSWERED) return ALONE;
    if (answer.status === 'granted') {
      // Something happened to the key between L2's answer and now, so the lease is revoked: a load would be for nothing.
      if (token.doomed && !doomedBefore) {
        giveLeaseBack(space, id, answer.token);
        return { kind: 'restart' };
      }
      return { kind: 'load', lease: answer.token, mayFillL2: true };
    }
    if (answer.status === 'changed') {
      const entry = await admit(space, wish.key, id, token, answer.entry, asked, wish.policy);
      if (entry === UNANSWERED) return ALONE;
      if (entry !== undefined && !wish.force && isFresh(space, entry)) {
        if (!waited) count('loadsElsewhere', space, wish.tally);
        return { kind: 'found', entry };
      }
      seen = answer.entry.version;
      continue;
    }
    const leftMs = giveUpAt - clock.now();
    if (leftMs <= 0) return ALONE;
    if (!waited) {
      count('loadsElsewhere', space, wish.tally);
      count('leaseWaits', space, wish.tally);
    }
    waited = true;
    const waitingSince = clock.now();
    const untilItRunsOut = Math.ceil(answer.remainingMs) + 1;
    await flight.waitForNews(newsHeard, Math.min(leftMs, untilItRunsOut, feed.state === 'alive' ? leftMs : pollMs));
    count('leaseWaitMs', space, wish.tally, clock.now() - waitingSince);
    pollMs = Math.min(pollMs * 2, LAST_POLL_MS);
    if (token.doomed) return { kind: 'restart' };
  }
}

/** Renews a lease while its load runs, so that a load may take longer than the lease. @returns how to stop. */
export function keepLease(space: Space, id: string, lease: L2LeaseToken): () => void {
  const { guard, clock, options } = space.core;
  // The same all the time, whatever the option becomes: it is renewed in time for what it was renewed for.
  const ttlMs = options.leaseTtlMs;
  const everyMs = ttlMs / RENEWALS_PER_LIFE;
  let stopped = false;
  const renew = async () => {
    const renewed = await guard?.renew(space.name, id, lease, ttlMs);
    // Revoked or run out: a fill would be refused, and there is nothing left to keep.
    if (renewed !== false && !stopped) timer = clock.setTimer(renew, everyMs);
  };
  let timer = clock.setTimer(renew, everyMs);
  return () => {
    stopped = true;
    clock.clearTimer(timer);
  };
}

/** Ends a lease without a fill, so that a waiting node need not wait it out. */
export function giveLeaseBack(space: Space, id: string, lease: L2LeaseToken): void {
  const { guard, work } = space.core;
  if (guard !== undefined) work.track(guard.release(space.name, id, lease));
}
