import type { BreakerState } from './breaker.js';
import type { ByteFigures } from './byte-meter.js';
import type { DefinitionStats } from './definition-stats.js';
import type { FeedStats } from './feed-meter.js';
import type { L1Advice } from './l1-advice.js';
import type { OutboxStats } from './outbox.js';

/** Counts of one namespace since the hierarchy was created. */
export class Counters {
  l1Hits = 0;
  l1Misses = 0;
  l2Hits = 0;
  l2Misses = 0;
  /** Of the misses: those where there were bytes that could not be read. */
  l2Damaged = 0;
  /** Of the misses: those where L2 did not answer. */
  l2Unanswered = 0;
  loads = 0;
  loadsStored = 0;
  loadsFenced = 0;
  loadsUncached = 0;
  loadsFailed = 0;
  /** Of the failed: those whose loader took longer than it may. */
  loadsTimedOut = 0;
  /** Misses that needed no load of their own, since one was under way here. */
  loadsShared = 0;
  /** Loads that this node waited for because another node ran them. */
  loadsElsewhere = 0;
  /** Calls that ended by `loadTimeout.hard`. */
  loadTimeouts = 0;
  /** Stale values answered, by reason. */
  staleRevalidate = 0;
  staleError = 0;
  staleTimeout = 0;
  refreshesAhead = 0;
  sets = 0;
  deletes = 0;
  invalidations = 0;
  /** Reads that L1 could not answer, and that joined another's look into L2. */
  readsCoalesced = 0;
  /** How often a load waited for another node's lease, and for how long altogether, in milliseconds. */
  leaseWaits = 0;
  leaseWaitMs = 0;
  /** Entries that left L1, by cause: to keep a bound, or because their time was over. */
  evictedByEntries = 0;
  evictedByBytes = 0;
  expired = 0;
}

/** Looked-up and found, of one tier. `gets` = `hits` + `misses`. */
export interface TierStats {
  readonly gets: number;
  readonly hits: number;
  readonly misses: number;
}

/** The figures of one namespace, or of all of them together. */
export interface CacheStats {
  readonly l1: TierStats;
  readonly l2: TierStats & { readonly damaged: number; readonly unanswered: number };
  /** `started` = `stored` + `fenced` + `uncached` + `failed` + those that run right now. See the `load` event for the words. */
  readonly loads: {
    readonly started: number;
    readonly stored: number;
    readonly fenced: number;
    readonly uncached: number;
    readonly failed: number;
    /** Of the failed: those whose loader took longer than `loadTimeout.hard` and `late`. */
    readonly timedOut: number;
    /** Misses that shared a load of this node. */
    readonly shared: number;
    /** Misses answered by another node's load. */
    readonly elsewhere: number;
    /** Calls that ended by `loadTimeout.hard`. */
    readonly timeouts: number;
    /** Begun ahead of the end of a value's life. */
    readonly ahead: number;
  };
  /** Stale values answered, by reason: see the `stale` event. */
  readonly stale: { readonly revalidate: number; readonly error: number; readonly timeout: number };
  /** Keys set, deleted (with expired and touched ones), and calls of `invalidateTags` and `clear`. */
  readonly writes: { readonly sets: number; readonly deletes: number; readonly invalidations: number };
  /** Reads that L1 could not answer, and that shared the look into L2 of another read. */
  readonly coalesced: number;
  /** How often a load waited while another node held the lease, and for how long altogether. */
  readonly leases: { readonly waits: number; readonly waitMs: number };
  /** Entries that left L1 to keep its bounds, by bound, and those whose time was over. */
  readonly evictions: { readonly entries: number; readonly bytes: number; readonly expired: number };
}

/** All figures of a hierarchy. */
export interface HierarchyStats extends CacheStats {
  readonly l2: CacheStats['l2'] & {
    /** The circuit breaker. */
    readonly breaker: BreakerState;
    /** Commands that L2 has not settled, given-up ones included. */
    readonly inFlight: number;
    /** Commands that were not sent: the breaker was open, or too many were under way. */
    readonly skipped: number;
  };
  /** What L2 has yet to be told. */
  readonly outbox: OutboxStats;
  /** News of other nodes, and of this one's own writes. */
  readonly feed: FeedStats;
  /** What became of values on their way to L2 and from it. */
  readonly bytes: ByteFigures;
  /** L1 is shared by all namespaces. */
  readonly memory: {
    readonly entries: number;
    /** The encoded length of all values in L1. */
    readonly bytes: number;
    /** The bounds as they are now: smaller than was asked for while memory is short. */
    readonly maxEntries: number;
    readonly maxBytes: number;
    /** Entries that left L1, by cause. */
    readonly removed: Readonly<Record<string, number>>;
    /** Whether a larger L1 would pay, where `tuning.l1` is on and anything is known of it. */
    readonly advice: L1Advice | undefined;
  };
  /** What is going on right now: keys being read or loaded, and fills and writes that are not decided yet. */
  readonly underWay: { readonly flights: number; readonly tokens: number };
  readonly namespaces: Readonly<Record<string, CacheStats>>;
  /** Definitions with a name, by that: the first 100. All later ones are `other` together. */
  readonly definitions: Readonly<Record<string, DefinitionStats>>;
}

/** Counts for a namespace and, where there is one, for the definition that asks. */
export function count(
  name: keyof Counters,
  space: { readonly counters: Counters },
  definition: { readonly counters: Counters } | undefined,
  by = 1,
): void {
  space.counters[name] += by;
  if (definition !== undefined) definition.counters[name] += by;
}

/** Counts an entry that left L1 by itself, rather than by a call. */
export function countRemoval(counters: Counters, cause: string): void {
  if (cause === 'entries') counters.evictedByEntries += 1;
  else if (cause === 'bytes') counters.evictedByBytes += 1;
  else if (cause === 'expired') counters.expired += 1;
}

export function toStats(counters: readonly Counters[]): CacheStats {
  const sum = (name: keyof Counters) => counters.reduce((total, each) => total + each[name], 0);
  const tier = (hits: number, misses: number): TierStats => ({ gets: hits + misses, hits, misses });
  return {
    l1: tier(sum('l1Hits'), sum('l1Misses')),
    l2: { ...tier(sum('l2Hits'), sum('l2Misses')), damaged: sum('l2Damaged'), unanswered: sum('l2Unanswered') },
    loads: {
      started: sum('loads'),
      stored: sum('loadsStored'),
      fenced: sum('loadsFenced'),
      uncached: sum('loadsUncached'),
      failed: sum('loadsFailed'),
      timedOut: sum('loadsTimedOut'),
      shared: sum('loadsShared'),
      elsewhere: sum('loadsElsewhere'),
      timeouts: sum('loadTimeouts'),
      ahead: sum('refreshesAhead'),
    },
    stale: { revalidate: sum('staleRevalidate'), error: sum('staleError'), timeout: sum('staleTimeout') },
    writes: { sets: sum('sets'), deletes: sum('deletes'), invalidations: sum('invalidations') },
    coalesced: sum('readsCoalesced'),
    leases: { waits: sum('leaseWaits'), waitMs: sum('leaseWaitMs') },
    evictions: { entries: sum('evictedByEntries'), bytes: sum('evictedByBytes'), expired: sum('expired') },
  };
}
