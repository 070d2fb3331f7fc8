import type { L2LeaseToken, L2Life, L2Written } from '@tierwise/l2';
import { untilAborted } from './abort.js';
import type { LoadCost } from './cost.js';
import { LATE } from './deadline.js';
import type { ReadTally } from './definition-stats.js';
import { Ending } from './ending.js';
import type { Candidate, Entry } from './entry.js';
import { HierarchyClosedError, LoadTimeoutError } from './errors.js';
import type { Flight, Reading } from './flight.js';
import { type L2Guard, UNANSWERED, type Unanswered } from './l2-guard.js';
import { giveLeaseBack, keepLease, rightToLoad } from './lease.js';
import { type LoadContext, LoaderContext } from './load-context.js';
import { lifeOf, longestLifeMs, type Policy } from './policy.js';
import type { Space } from './space.js';
import { count } from './stats.js';
import { type ReadTrace, traceLoad } from './tracing.js';

/** The user's function. `undefined` is absence: it is handed on and not kept; `null` is a value. */
export type Loader<V> = (context: LoadContext) => V | PromiseLike<V>;

/** What a caller of a loading read wants. */
export interface Wish {
  readonly key: string;
  readonly loader: Loader<unknown>;
  readonly policy: Policy;
  readonly tags: readonly string[];
  readonly signal: AbortSignal | undefined;
  /** Loads although there is a fresh value. */
  readonly force: boolean;
  /** The version of a fresh value that is to be replaced: another one in L2 does as well as a load. */
  readonly replaces?: number | undefined;
  /** Nobody waits for it: a stale value is no answer. */
  readonly behind?: boolean;
  /** Of the read, if anybody wants one. */
  readonly trace?: ReadTrace | undefined;
  /** Of the definition that reads, if it has a name. */
  readonly tally?: ReadTally | undefined;
}

/** The value; or nothing to keep; or something happened that makes it necessary to look again. */
export type Outcome = Entry | undefined | 'restart';

/** Marks are kept for so much longer than the value that needs them, to outlast the load that comes before its write. */
const MARK_MARGIN_MS = 60_000;

/** Begins the load of a flight, of which there is one at a time. */
export function startLoad(flight: Flight, reading: Reading, wish: Wish): Load {
  flight.space.counters.loadsShared += flight.crowded;
  flight.crowded = 0;
  const load = new Load(flight, (ending, onEnd) => run(flight, reading, wish, ending, onEnd));
  // Found and given away already, as it may be when a fresh value is loaded anew: this load can be joined again.
  flight.attach();
  return load;
}

/** One run of a loader, with those who wait for it. */
export class Load {
  readonly #outcome: Promise<Outcome>;
  readonly #ending = new Ending();
  readonly #space: Space;
  #waiting = 0;
  /** The wait of the callers that came last. */
  #shared: { readonly at: number; readonly wait: Promise<Outcome | typeof LATE> } | undefined;
  #lastToGo: AbortSignal | undefined;
  /** When it began, on this node's clock. */
  readonly began: number;

  constructor(flight: Flight, run: (ending: Ending, onEnd: () => void) => Promise<Outcome>) {
    const { work, clock } = flight.space.core;
    this.began = clock.now();
    this.#space = flight.space;
    flight.board();
    work.begin();
    const release = work.abortOnClose(this.#ending);
    this.#outcome = run(this.#ending, () => {
      release();
      // Before those who wait go on: one that asks again at once must not meet this load's end.
      flight.detach();
      flight.leave();
      work.end();
    });
    this.#outcome.catch(() => {});
  }

  /**
   * Waits for the outcome, or resolves with {@link LATE}. Callers whose time is over at the same moment share one wait: ten thousand callers of
   * one cold key do.
   */
  waitUntil(until: number, signal: AbortSignal | undefined): Promise<Outcome | typeof LATE> {
    const { deadlines } = this.#space.core;
    if (signal !== undefined || this.#ending.aborted) return deadlines.within(this.wait(signal), until);
    const at = Math.ceil(until);
    if (this.#shared?.at !== at) this.#shared = { at, wait: deadlines.within(this.#outcome, at) };
    // Whoever has no signal stays until the end: nothing is left to be counted down.
    this.#waiting += 1;
    return this.#shared.wait;
  }

  /** Waits for the outcome. */
  async wait(signal: AbortSignal | undefined): Promise<Outcome> {
    const late = this.#ending.aborted;
    this.#waiting += 1;
    try {
      return await untilAborted(this.#outcome, signal);
    } catch (error) {
      // Came after all others had gone: the load was aborted on their account, not on this caller's.
      const closed = this.#ending.reason instanceof HierarchyClosedError;
      if (late && !closed && signal?.aborted !== true) return 'restart';
      throw error;
    } finally {
      this.#waiting -= 1;
      if (signal?.aborted === true) this.#lastToGo = signal;
    }
  }

  /** Nobody is on the key's flight any more. If they gave up, rather than had their answer, the loader's signal aborts. */
  leftAlone(): void {
    if (this.#waiting === 0 && this.#lastToGo !== undefined) this.#ending.abort(this.#lastToGo.reason);
  }
}

async function run(flight: Flight, reading: Reading, wish: Wish, ending: Ending, onEnd: () => void): Promise<Outcome> {
  const { space } = flight;
  const { policy, tags } = wish;
  let lease: L2LeaseToken | undefined;
  let isLifted = true;
  let stopKeeping: (() => void) | undefined;
  try {
    // Sent along with the request for the lease. Creates the marks of new tags before the load begins, so that another tag's
    // invalidation meanwhile does not make this value's look lost. An L2 that has just not answered is not asked again.
    const marked = reading.answered ? ensureMarks(space, tags, longestLifeMs(policy)) : false;
    ending.onAbort(() => flight.wake());
    const right = await rightToLoad(flight, reading, wish, ending);
    const isMarked = await marked;
    if (right.kind === 'restart') return 'restart';
    if (right.kind === 'found') return right.entry;
    lease = right.lease;
    if (lease !== undefined) {
      isLifted = false;
      stopKeeping = keepLease(space, flight.id, lease);
    }
    // A loader that does not heed its signal may never end.
    ending.onAbort(() => {
      if (ending.reason instanceof HierarchyClosedError) stopKeeping?.();
    });
    ending.throwIfAborted();
    const mayFillL2 = right.mayFillL2 && (isMarked || tags.length === 0);
    const { lease: held } = right;
    const outcome = await traceLoad(flight, wish.key, () =>
      loadAndStore(flight, reading, wish, ending, { lease: held, mayFillL2 }),
    );
    isLifted ||= outcome.lifted;
    return outcome.entry;
  } finally {
    stopKeeping?.();
    // Nobody waits for this: it only spares other nodes the rest of the lease.
    if (!isLifted && lease !== undefined) giveLeaseBack(space, flight.id, lease);
    onEnd();
  }
}

interface Stored {
  readonly entry: Entry | undefined;
  /** Whether the lease has ended already, by the fill or by its refusal. */
  readonly lifted: boolean;
}

async function loadAndStore(
  flight: Flight,
  reading: Reading,
  wish: Wish,
  ending: Ending,
  right: { readonly lease: L2LeaseToken | undefined; readonly mayFillL2: boolean },
): Promise<Stored> {
  const { space, id } = flight;
  const { core } = space;
  const { tally } = wish;
  // What was read before an invalidation is nothing to show to a loader.
  const previous = space.known(id) ?? (flight.token.doomed ? undefined : reading.entry);
  const context = new LoaderContext(wish, ending, previous);
  const began = core.clock.now();
  // Taken before the loader begins: whatever is invalidated from here on, by whichever tag, makes its value dead.
  const { generation, deferrals } = space.time;
  const report = (outcome: 'stored' | 'fenced' | 'uncached' | 'failed', error?: unknown) => {
    const counter = {
      stored: 'loadsStored',
      fenced: 'loadsFenced',
      uncached: 'loadsUncached',
      failed: 'loadsFailed',
    } as const;
    count(counter[outcome], space, tally);
    if (flight.loadTrace !== undefined) flight.loadTrace.outcome = outcome;
    if (!core.events.wants('load')) return;
    const ms = core.clock.now() - began;
    const of = tally && { definition: tally.name, cost };
    core.events.emit({ type: 'load', namespace: space.name, key: wish.key, outcome, ms, error, ...of });
  };

  count('loads', space, tally);
  tally?.loading();
  let cost: LoadCost | undefined;
  let value: unknown;
  let payload: Uint8Array;
  try {
    try {
      const { hardMs, lateMs } = wish.policy.loadTimeout;
      const loaded = await core.deadlines.within(called(wish, context), began + hardMs + lateMs);
      if (loaded === LATE) {
        // Past that its signal aborts, and what comes of it is ignored.
        const error = new LoadTimeoutError(hardMs, { namespace: space.name, key: wish.key });
        ending.abort(error);
        throw error;
      }
      value = loaded;
    } finally {
      cost = tally?.loaded(core.clock.now() - began, value);
    }
    if (value === undefined || context.skipped) {
      space.backoff.succeeded(id);
      report('uncached');
      return { entry: undefined, lifted: false };
    }
    payload = core.codec.encode(value);
    space.backoff.succeeded(id);
  } catch (error) {
    if (!ending.aborted || error instanceof LoadTimeoutError) {
      space.backoff.failed(id, wish.policy.loadBackoff);
    }
    if (error instanceof LoadTimeoutError) count('loadsTimedOut', space, tally);
    report('failed', error);
    throw error;
  }

  const { policy, tags: userTags } = context;
  const life = lifeOf(policy, value);
  tally?.found(id, payload, life.freshMs);
  const tags = userTags.map((tag) => core.codec.hideTag(tag));
  const isMarkedAlready = userTags === wish.tags && life.keepMs <= longestLifeMs(wish.policy);
  const mayFillL2 = right.mayFillL2 && (isMarkedAlready || (await ensureMarks(space, userTags, life.keepMs)));
  // Before the write: L2's own count begins when the write arrives there, which is later.
  const now = core.clock.now();
  const candidate = {
    key: wish.key,
    payload,
    generation,
    deferrals,
    tags,
    userTags,
    version: 0,
    writtenAt: now,
    freshUntil: now + life.freshMs,
    keepUntil: now + life.keepMs,
  };
  const filling = mayFillL2 ? fillL2(flight, candidate, life, right.lease) : undefined;
  const written = filling === undefined ? UNANSWERED : await filling;
  flight.token.filling = undefined;
  const isAnswered = written !== UNANSWERED && written !== undefined;
  const version = isAnswered && written.status === 'stored' ? written.version : 0;
  if (isAnswered && version === 0) flight.token.doom();
  candidate.version = version;
  const { entry, stored } = space.fill(id, flight.token, candidate, policy);
  report(life.freshMs === 0 ? 'uncached' : stored || version > 0 ? 'stored' : 'fenced');
  return { entry, lifted: isAnswered };
}

/** @returns `undefined` if L2 is not to have it. */
function fillL2(
  flight: Flight,
  candidate: Candidate,
  life: L2Life,
  lease: L2LeaseToken | undefined,
): Promise<L2Written | Unanswered | undefined> | undefined {
  const { space, id, token } = flight;
  const { guard, codec } = space.core;
  const { payload, generation, tags, userTags } = candidate;
  const keep =
    guard !== undefined &&
    life.freshMs > 0 &&
    !token.doomed &&
    // Without leases nothing in L2 orders this fill and a write that is on its way: then the write has it.
    (lease !== undefined || !space.fences.isWriting(id)) &&
    (tags.length === 0 || space.timeIsShared) &&
    space.time.judge(generation, tags) !== 'dead';
  if (!keep) return undefined;
  const bytes = codec.pack(payload, { namespace: space.name, key: id, generation, tags, userTags });
  const filling = guard.fill(space.name, { key: id, bytes, ...life, lease });
  // For the same reason a later write waits for this one.
  if (lease === undefined) token.filling = filling;
  return filling;
}

/** Calls the loader. It may throw instead of rejecting. */
function called({ loader }: Wish, context: LoaderContext): Promise<unknown> {
  try {
    return Promise.resolve(loader(context));
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Makes sure that L2 has marks for these tags, for as long as a value of this life can need them.
 *
 * @returns whether it has.
 */
export function ensureMarks(space: Space, userTags: readonly string[], lifeMs: number): true | Promise<boolean> {
  const { guard } = space.core;
  if (userTags.length === 0 || lifeMs === 0 || guard === undefined || !space.timeIsShared) return true;
  return makeMarks(space, guard, userTags, lifeMs);
}

async function makeMarks(space: Space, guard: L2Guard, userTags: readonly string[], lifeMs: number): Promise<boolean> {
  const tags = userTags.map((tag) => space.core.codec.hideTag(tag));
  const marks = await guard.marks(space.name, tags, {
    known: space.time.generation,
    ensureMs: lifeMs + MARK_MARGIN_MS,
  });
  if (marks === undefined || marks === UNANSWERED) return false;
  space.time.learned(tags, marks);
  return true;
}
