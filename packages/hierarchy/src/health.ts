import type { L2FeedState } from '@tierwise/l2';
import type { BreakerState } from './breaker.js';
import type { FeedStats } from './feed-meter.js';
import type { L2Probed } from './health-probe.js';
import { type HealthReason, reasonsOf } from './health-reasons.js';
import type { IncidentList } from './incident.js';
import type { OutboxStats } from './outbox.js';
import type { MemoryUse } from './pressure.js';
import type { HierarchyStats } from './stats.js';

/**
 * `ok`: all is well. `degraded`: calls are answered, at a cost or a risk that the reasons name. `down`: what L1 does not hold, nothing
 * answers; or the hierarchy is closed.
 */
export type HealthState = 'ok' | 'degraded' | 'down';

/** How a hierarchy is. Holds no keys, no values, no addresses beyond what an error of L2 says. */
export interface Health {
  readonly state: HealthState;
  /** Why it is not `ok`, the gravest first. Empty if it is. */
  readonly reasons: readonly HealthReason[];
  /** How long it took to find out, in milliseconds. */
  readonly tookMs: number;
  readonly l1: {
    readonly entries: number;
    readonly maxEntries: number;
    readonly bytes: number;
    readonly maxBytes: number;
  };
  /** `undefined` where there is no L2. */
  readonly l2:
    | {
        readonly name: string;
        /** Whether something was just written to it, read from it and deleted from it. */
        readonly status: 'up' | 'down';
        /** How long these three took together, in milliseconds; `undefined` when they did not succeed. */
        readonly latencyMs: number | undefined;
        readonly breaker: BreakerState;
        readonly inFlight: number;
      }
    | undefined;
  readonly feed: { readonly state: 'none' | L2FeedState; readonly lagMs: number | undefined };
  /** What L2 has yet to be told. */
  readonly outbox: OutboxStats;
  /** What happened of late: within the last one to two minutes in which the health was asked for, or since the start. */
  readonly recent: RecentFigures;
  /** Of the process, as `incidents.memory.measure` says; `NaN` where that throws. */
  readonly memory: MemoryUse & { readonly share: number };
  /** How many incidents are open: see `incidents()`. */
  readonly openIncidents: number;
}

export interface RecentFigures {
  /** The time that the figures are about, in milliseconds. */
  readonly ms: number;
  /** Answered by L1 or L2, of all reads: 0 to 1; `undefined` where there were none. */
  readonly hitRatio: number | undefined;
  /** Entries that L1 gave up to keep its bounds. */
  readonly evictions: number;
  readonly loads: number;
  readonly failedLoads: number;
}

export interface HealthCheckOptions {
  readonly now: () => number;
  readonly isClosed: () => boolean;
  readonly stats: () => HierarchyStats;
  readonly incidents: () => IncidentList;
  readonly measure: () => MemoryUse;
  /** What L2 is called, and how it is found out whether it answers. Undefined where there is none. */
  readonly l2: { readonly name: string; readonly probe: () => Promise<L2Probed> } | undefined;
}

/** Figures are about a window of this length up to twice that, in milliseconds. */
const WINDOW_MS = 60_000;

/** A moment's counts. */
interface Sample {
  readonly at: number;
  readonly reads: number;
  readonly hits: number;
  readonly evictions: number;
  readonly loads: number;
  readonly failed: number;
}

/** The user's own measure may fail, and the rest is worth knowing all the same. */
function measured(measure: () => MemoryUse): MemoryUse {
  try {
    return measure();
  } catch {
    return { used: Number.NaN, limit: Number.POSITIVE_INFINITY };
  }
}

/** Finds out how a hierarchy is, when it is asked. Nothing ticks in between. */
export class HealthCheck {
  readonly #options: HealthCheckOptions;
  #running: Promise<Health> | undefined;
  #before: Sample;
  #latest: Sample;

  constructor(options: HealthCheckOptions) {
    this.#options = options;
    this.#latest = { at: options.now(), reads: 0, hits: 0, evictions: 0, loads: 0, failed: 0 };
    this.#before = this.#latest;
  }

  /** Callers at one time share one check. Never rejects. */
  check(): Promise<Health> {
    this.#running ??= this.#check().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #check(): Promise<Health> {
    const { now, isClosed, l2, incidents, measure } = this.#options;
    const began = now();
    const probed: L2Probed = isClosed() || l2 === undefined ? { status: 'skipped' } : await l2.probe();
    const stats = this.#options.stats();
    const feed: FeedStats = stats.feed;
    const { open } = incidents();
    const reasons = reasonsOf({ isClosed: isClosed(), hasL2: l2 !== undefined, probed, stats, incidents: open });
    const memory = measured(measure);
    return {
      state: reasons[0]?.state ?? 'ok',
      reasons,
      tookMs: now() - began,
      l1: {
        entries: stats.memory.entries,
        maxEntries: stats.memory.maxEntries,
        bytes: stats.memory.bytes,
        maxBytes: stats.memory.maxBytes,
      },
      l2: l2 && {
        name: l2.name,
        status: probed.status === 'up' ? 'up' : 'down',
        latencyMs: probed.status === 'up' ? probed.latencyMs : undefined,
        breaker: stats.l2.breaker,
        inFlight: stats.l2.inFlight,
      },
      feed: { state: feed.state, lagMs: feed.lagMs },
      outbox: stats.outbox,
      recent: this.#recent(stats),
      memory: { ...memory, share: memory.used / memory.limit },
      openIncidents: open.length,
    };
  }

  #recent({ l1, l2, loads, memory }: HierarchyStats): RecentFigures {
    const at = this.#options.now();
    const sample = {
      at,
      reads: l1.gets,
      hits: l1.hits + l2.hits,
      evictions: (memory.removed['entries'] ?? 0) + (memory.removed['bytes'] ?? 0),
      loads: loads.started,
      failed: loads.failed,
    };
    if (at - this.#latest.at >= WINDOW_MS) {
      this.#before = this.#latest;
      this.#latest = sample;
    }
    const since = this.#before;
    const reads = sample.reads - since.reads;
    return {
      ms: at - since.at,
      hitRatio: reads === 0 ? undefined : Math.min((sample.hits - since.hits) / reads, 1),
      evictions: sample.evictions - since.evictions,
      loads: sample.loads - since.loads,
      failedLoads: sample.failed - since.failed,
    };
  }
}
