import type { L2Read } from '@tierwise/l2';
import type { Entry } from './entry.js';
import type { Flight, Reading } from './flight.js';
import { type L2Guard, UNANSWERED, type Unanswered } from './l2-guard.js';
import { admit, isFresh } from './promote.js';
import type { Space } from './space.js';
import { count } from './stats.js';

const NO_ANSWER: Reading = { entry: undefined, seen: undefined, answered: false };

/**
 * The looks into L2 of one namespace. Those of one turn of the event loop are one command, and one piece of work: what is done for each key
 * of it is to see what came back, and to fill L1 with it through the fence.
 */
export class Looks {
  readonly #space: Space;
  readonly #guard: L2Guard;
  #waiting: Flight[] = [];

  constructor(space: Space, guard: L2Guard) {
    this.#space = space;
    this.#guard = guard;
  }

  /** Has L2 asked for the key of a flight, with those of all others of this turn. The flight will {@link Flight.land}, whatever happens. */
  add(flight: Flight): void {
    this.#waiting.push(flight);
    const { correlation, work } = this.#space.core;
    flight.account = correlation.current();
    if (this.#waiting.length > 1) return;
    // From now on, so that close() waits for it.
    work.begin();
    // Runs when the promise jobs of this turn are done: questions that come by way of promises are gathered too.
    process.nextTick(() => void this.#look());
  }

  async #look(): Promise<void> {
    const space = this.#space;
    const { work, clock, correlation } = space.core;
    let flights: readonly Flight[] | undefined;
    try {
      const attached = space.attach();
      const isAttached = attached === true || (await attached);
      // Those of the turns that this took are part of it.
      flights = this.#take();
      const asked = clock.now();
      const ids = flights.map(({ id }) => id);
      const answers = isAttached ? await this.#guard.read(space.name, ids) : UNANSWERED;
      // This runs on the account of whoever came first; what it tells of a key is told on that of who asked for it.
      const account = correlation.current();
      for (let i = 0; i < flights.length; i += 1) {
        const flight = flights[i] as Flight;
        const read = answers === UNANSWERED ? UNANSWERED : answers[i];
        if (flight.account === account) this.#land(flight, read, asked);
        else correlation.on(flight.account, () => this.#land(flight, read, asked));
      }
    } catch {
      // An L2 that answers what is no answer; nobody is to wait for ever.
      for (const flight of flights ?? this.#take()) flight.land(report(flight, UNANSWERED, UNANSWERED));
    } finally {
      work.end();
    }
  }

  #take(): readonly Flight[] {
    const flights = this.#waiting;
    this.#waiting = [];
    return flights;
  }

  #land(flight: Flight, read: L2Read | Unanswered, asked: number): void {
    try {
      const entry =
        read === UNANSWERED
          ? UNANSWERED
          : admit(this.#space, flight.key, flight.id, flight.token, read, asked, flight.policy);
      if (entry instanceof Promise) void this.#landLater(flight, read, entry);
      else flight.land(report(flight, read, entry));
    } catch {
      flight.land(report(flight, UNANSWERED, UNANSWERED));
    }
  }

  async #landLater(flight: Flight, read: L2Read | Unanswered, entry: Promise<Entry | undefined | Unanswered>) {
    const { work } = this.#space.core;
    work.begin();
    try {
      flight.land(report(flight, read, await entry));
    } catch {
      flight.land(report(flight, UNANSWERED, UNANSWERED));
    } finally {
      work.end();
    }
  }
}

/** Counts and tells what a look found. */
function report(flight: Flight, read: L2Read | Unanswered, entry: Entry | undefined | Unanswered): Reading {
  const { space, key, tally } = flight;
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
