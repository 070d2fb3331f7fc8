import { SlotMap } from '@tierwise/l1';
import { Backoff } from './backoff.js';
import type { Core } from './core.js';
import { type Candidate, Entry, Stamp, type StampFacts } from './entry.js';
import { L2FailedError } from './errors.js';
import { Fences, type Token } from './fence.js';
import type { Flight } from './flight.js';
import { UNANSWERED } from './l2-guard.js';
import { LogicalTime, type Verdict } from './logical-time.js';
import { Looks } from './looks.js';
import type { Policy } from './policy.js';
import { Counters } from './stats.js';

/** Keys of failed writes that are remembered. What comes later than so many other failures is met by its ttl. */
const MAX_DOUBTFUL = 10_000;

/** One namespace on this node: what it holds, what is under way in it, and what it knows of logical time. */
export class Space {
  readonly core: Core;
  readonly name: string;
  readonly fences: Fences;
  readonly flights = new SlotMap<Flight>();
  /** Undefined where there is no L2. */
  readonly looks: Looks | undefined;
  readonly time: LogicalTime;
  readonly counters = new Counters();
  readonly backoff: Backoff;
  /** Keys that are being loaded anew behind a stale value. */
  readonly refreshing = new Set<string>();
  /** What L1 holds of it, by id. Only L1 changes it. */
  readonly home: SlotMap<Entry>;
  readonly #l1: Core['l1'];
  readonly #l1Clock: Core['l1Clock'];
  #stamp: Stamp | undefined;
  #attached: 'never' | 'now' | 'before' = 'never';
  #attaching: Promise<boolean> | undefined;
  /** Whether the feed tells of this namespace, as long as it is alive. */
  #followed = false;
  /** Whether anything may be known here by now, so that losing the feed is a loss. */
  #begun = false;
  /** Keys of which a write was given up without an answer. */
  readonly #doubtful = new Set<string>();
  /** The epoch that ended when the feed was lost. */
  #epochBeforeDeafness: number | undefined;

  constructor(core: Core, name: string) {
    this.core = core;
    this.name = name;
    this.home = core.l1.addHome();
    this.#l1 = core.l1;
    this.#l1Clock = core.l1Clock;
    this.fences = new Fences(() => core.clock.now());
    this.backoff = new Backoff(core.clock);
    this.looks = core.guard && new Looks(this, core.guard);
    this.time = new LogicalTime({ local: !this.timeIsShared });
  }

  /** Whether logical time is L2's, and so every node's. Else tags work on this node alone, and tagged values stay in L1. */
  get timeIsShared(): boolean {
    return this.core.guard?.hasTime === true;
  }

  /** How long a look into L2 can take at the most, in milliseconds: to attach to it in four steps, to read, and to learn marks. */
  get lookLimitMs(): number {
    return this.core.guard === undefined ? 0 : 6 * this.core.options.l2TimeoutMs;
  }

  /** What a key or tag is called within Tierwise and in L2: itself, or its keyed hash. */
  idOf(key: string): string {
    return this.core.codec.hideKey(key);
  }

  // L1 ------------------------------------------------------------------------------------------------------------------

  /**
   * The entry of a key in L1 if it may be served right now as fresh. The whole cost of an L1 hit is here: no allocation, one look
   * at the clock, and one at the marks only if any has changed since the last time.
   */
  held(id: string): Entry | undefined {
    const entry = this.home.get(id);
    if (entry === undefined) return undefined;
    // Before anything is judged: that the process stood still is noticed here.
    const now = this.#l1Clock.now();
    if (now >= entry.answerUntil) return this.#tooOld(entry, now);
    const { stamp } = entry;
    const hasChanged = stamp.epoch !== this.fences.epoch || stamp.judgedAt !== this.time.change;
    if (hasChanged && !this.#isAliveStill(entry)) return undefined;
    this.#l1.use(entry);
    return entry;
  }

  #tooOld(entry: Entry, now: number): undefined {
    if (now >= entry.deadline) this.#l1.delete(entry, now);
  }

  /** Looks again at an entry about which something may have changed since it was found alive. */
  #isAliveStill(entry: Entry): boolean {
    const { stamp } = entry;
    const isOld = stamp.epoch !== this.fences.epoch;
    if (isOld && !this.#stillTrusts(stamp.epoch)) return false;
    if (stamp.judgedAt === this.time.change) return true;
    if (this.#judge(entry, isOld) !== 'alive') return false;
    stamp.judgedAt = this.time.change;
    return true;
  }

  /** The time, for whoever goes on from L1: that the process stood still is noticed here. */
  now(): number {
    // Where there is nothing to be too old, nobody needs to watch the time.
    return this.#l1.size === 0 ? this.core.clock.now() : this.#l1Clock.now();
  }

  /** What L1 has of a key that is not known to be dead: fresh or stale. */
  known(id: string, now = this.now()): Entry | undefined {
    const entry = this.home.get(id);
    if (entry === undefined || now >= entry.deadline) return undefined;
    const verdict = this.verdictOf(entry);
    return verdict === 'alive' || verdict === 'stale' ? entry : undefined;
  }

  /** Whether a value that this node has read or held is still valid, as far as it can tell. */
  verdictOf({ stamp }: Pick<Entry, 'stamp'>): Verdict {
    const isOld = stamp.epoch !== this.fences.epoch;
    return isOld && !this.#stillTrusts(stamp.epoch) ? 'unknown' : this.#judge(stamp, isOld);
  }

  /**
   * Stores in L1 what is still allowed to be stored. Absolute deadlines are kept; L1's own ttl and, without a live feed,
   * `maxStaleness` may only shorten them (laws 3 and 8).
   *
   * @returns the entry, for those who wait for it, stored or not.
   */
  fill(id: string, token: Token, candidate: Candidate, policy: Policy): { entry: Entry; stored: boolean } {
    const entry = this.entryOf(id, candidate);
    return { entry, stored: !token.doomed && this.#keep(entry, policy, token.began) };
  }

  /** What is held of a value, or would be. */
  entryOf(id: string, candidate: Candidate): Entry {
    return new Entry(id, this.#stampOf(candidate), candidate, candidate.payload);
  }

  /** Gives an entry that lives in L1 alone another life. */
  prolong(entry: Entry, life: { freshMs: number; keepMs: number }, policy: Policy): void {
    const now = this.core.clock.now();
    this.#keep(entry.withLife(now + life.freshMs, now + life.keepMs), policy);
  }

  /** Makes what L1 has of a key stale, as of when it was written. */
  expire(id: string): void {
    const entry = this.known(id);
    // While deaf, its time is bounded already, by a moment that is not known here any more.
    if (entry === undefined || entry.keepUntil <= entry.freshUntil || this.trustMs < Number.POSITIVE_INFINITY) {
      this.drop(id);
    } else if (!entry.isExpired) {
      const stale = entry.withLife(entry.writtenAt, entry.keepUntil);
      stale.deadline = stale.keepUntil;
      this.core.l1.put(stale);
    }
  }

  /** @param since when it may have been read: without a feed, nobody has told of what was changed after that. */
  #keep(entry: Entry, policy: Policy, since = this.core.clock.now()): boolean {
    const { clock, l1 } = this.core;
    const verdict = this.#judge(entry, this.time.relied);
    if (verdict !== 'alive' && verdict !== 'stale') return false;
    const now = clock.now();
    const trustUntil = since + this.trustMs;
    entry.answerUntil = Math.floor(Math.min(entry.freshUntil, trustUntil, now + policy.l1TtlMs));
    // Past that, it is held for `staleIfError` and the like, if it has any such time.
    entry.deadline =
      entry.keepUntil > entry.freshUntil ? Math.floor(Math.min(entry.keepUntil, trustUntil)) : entry.answerUntil;
    if (entry.deadline <= now) return false;
    entry.refreshFrom = refreshFrom(entry, policy);
    if (verdict === 'alive') entry.stamp.judgedAt = this.time.change;
    return l1.put(entry) === 'stored';
  }

  #stampOf(facts: StampFacts): Stamp {
    const { epoch } = this.fences;
    if (this.#stamp?.is(epoch, facts) === true) return this.#stamp;
    const stamp = new Stamp(this, epoch, facts);
    if (facts.userTags.length === 0) this.#stamp = stamp;
    return stamp;
  }

  /** What was held when the feed was lost is judged by what was known then: for as long as it is trusted at all. */
  #judge({ generation, tags, deferrals }: Entry | Stamp, asBeforeDeafness: boolean): Verdict {
    return this.time.judge(generation, tags, asBeforeDeafness || this.time.relied, deferrals);
  }

  /** Drops a key from L1. */
  drop(id: string): void {
    const entry = this.home.get(id);
    if (entry !== undefined) this.core.l1.delete(entry);
    else this.core.adviser?.forget(this, id);
  }

  /** Something happened to a key elsewhere, or is about to happen to it here: nothing read before it may be kept. */
  invalidate(id: string): void {
    this.fences.doom(id, 'all');
    this.drop(id);
  }

  /** A write of a key failed, and nobody knows whether it will still take effect: then its news is the only word of it. */
  doubt(id: string): void {
    this.#doubtful.add(id);
    const [oldest] = this.#doubtful;
    if (this.#doubtful.size > MAX_DOUBTFUL && oldest !== undefined) this.#doubtful.delete(oldest);
  }

  /**
   * News of a write of this very node: it may be of one that was given up, and takes effect now, behind what was read since.
   * Which one it is of cannot be told, so the doubt stays: such a key leaves L1 with every write of it.
   */
  hearOwn(id: string): void {
    if (this.#doubtful.has(id)) this.invalidate(id);
  }

  // The feed ------------------------------------------------------------------------------------------------------------

  /**
   * Makes sure that this namespace is followed and its logical time is known. To be awaited before anything of it is read from or
   * written to L2.
   *
   * @returns whether L2 answered.
   */
  attach(): boolean | Promise<boolean> {
    const { guard, feed } = this.core;
    if (guard === undefined || this.#attached === 'now') return true;
    // Deaf: there is nothing to rely on, and whatever L2 says is asked for anew. The feed's return brings us back here.
    if (this.#attached === 'before' && feed.state === 'deaf') return true;
    this.#attaching ??= this.#attach().finally(() => {
      this.#attaching = undefined;
    });
    return this.#attaching;
  }

  /**
   * As {@link Space.attach}, for orders: they go out even where the feed does not follow, but never to an L2 that has not opened for
   * this hierarchy, since it would tell them to peers as another's.
   */
  async reach(): Promise<void> {
    if ((await this.attach()) || (await this.core.feed.opened())) return;
    throw new L2FailedError('L2 has not opened for this hierarchy, so nothing was sent to it', {
      namespace: this.name,
      cause: this.core.guard?.notOpen(),
    });
  }

  /**
   * The feed was lost, or came back, or says that anything may have changed: nothing from before is certain any more. What was
   * held when the feed was lost is served for a while, unless something else happens.
   */
  lose(why: 'deaf' | 'alive' | 'reset'): void {
    if (!this.#begun) return;
    if (this.#attached === 'now') this.#attached = 'before';
    if (why === 'deaf') this.#epochBeforeDeafness = this.fences.epoch;
    this.fences.nextEpoch();
    if (this.timeIsShared) this.time.distrust();
  }

  /** For how long from now what is filled may be served, in milliseconds. */
  get trustMs(): number {
    const { guard, feed, options } = this.core;
    return guard?.hasFeed === true && !this.#followed ? options.maxStalenessMs : feed.trustMs;
  }

  /** Whether an entry of another epoch than the present one may be served: only one of the time before deafness, for a while. */
  #stillTrusts(epoch: number): boolean {
    return epoch === this.#epochBeforeDeafness && epoch === this.fences.epoch - 1 && this.core.feed.isLostOfLate;
  }

  async #attach(): Promise<boolean> {
    const { guard, feed } = this.core;
    if (guard === undefined) return true;
    if (!(await feed.opened())) return false;
    if (guard.hasFeed && !(await guard.follow(this.name))) {
      this.#begun = true;
      return false;
    }
    // What was stored here before the feed told of it is not certain.
    if (!this.#followed && this.#begun) this.fences.nextEpoch();
    this.#followed = true;
    await feed.aliveOrLate();
    this.#begun = true;
    const { epoch } = this.fences;
    // Asked for after the feed is followed: what happens later will be heard of.
    const marks = await guard.marks(this.name, [], { known: this.time.generation });
    if (marks === UNANSWERED) return false;
    if (marks !== undefined) this.time.learned([], marks);
    if (feed.state === 'alive' && this.fences.epoch === epoch) {
      if (marks !== undefined) this.time.relyFrom(marks.generation);
      this.#attached = 'now';
    } else if (!guard.hasFeed) {
      this.#attached = 'now';
    } else if (this.#attached === 'never') {
      this.#attached = 'before';
    }
    return true;
  }
}

/** When `refreshAhead` of an entry's life is over, give or take a tenth of that. Before this node's time began: as soon as that. */
function refreshFrom(entry: Entry, policy: Policy): number {
  if (policy.refreshAhead === undefined) return 0;
  const part = policy.refreshAhead * (0.9 + 0.2 * Math.random());
  return Math.max(1, Math.floor(entry.writtenAt + (entry.freshUntil - entry.writtenAt) * Math.min(part, 1)));
}
