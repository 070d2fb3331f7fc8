import { randomUUID } from 'node:crypto';
import { L1Store } from '@tierwise/l1';
import { type L2, type L2FeedState, L2InUseError, L2TimeoutError } from '@tierwise/l2';
import { Cache } from './cache.js';
import { type Core, Work } from './core.js';
import { Correlation } from './correlation.js';
import { Deadlines } from './deadline.js';
import { Definitions } from './definition-stats.js';
import type { Entry } from './entry.js';
import { HierarchyClosedError, L2FailedError } from './errors.js';
import { Events, type HierarchyEventOf, type HierarchyEventType } from './events.js';
import { FeedWatch } from './feed.js';
import { FeedMeter } from './feed-meter.js';
import { type Health, HealthCheck } from './health.js';
import { L2Probe } from './health-probe.js';
import type { IncidentList } from './incident.js';
import { IncidentWatch } from './incident-watch.js';
import { L1Adviser } from './l1-advice.js';
import { checkNamespace } from './names.js';
import { type HierarchyOptions, type ResolvedOptions, resolveOptions } from './options.js';
import type { ReadOptions } from './policy.js';
import { type Reconfigured, type ReconfigureOptions, reconfigurer } from './reconfigure.js';
import type { SnapshotTaken } from './snapshot.js';
import type { SnapshotRestored } from './snapshot-restore.js';
import { Snapshots } from './snapshots.js';
import { Space } from './space.js';
import { StallWatch } from './stall.js';
import { countRemoval, type HierarchyStats, toStats } from './stats.js';
import { Tracing } from './tracing.js';
import { ValueCodec } from './value-codec.js';
import { type WayToL2, wayToL2 } from './way-to-l2.js';

/** A cache hierarchy: the handle of its own namespace, with the life of the whole. */
export interface Hierarchy extends Cache {
  /**
   * Resolves when L2 is open, and its feed followed, as far as there is one. Nobody has to wait for it: calls do so by
   * themselves. A service may, to learn at its start that L2 cannot be reached.
   *
   * @throws {@link L2FailedError} when L2 did not answer in time. The hierarchy works all the same, and goes on trying.
   */
  ready(): Promise<void>;

  /** Listens to events of one type. @returns a function that takes the listener away again. */
  on<T extends HierarchyEventType>(type: T, listener: (event: HierarchyEventOf<T>) => void): () => void;

  /** The figures of all namespaces together and apart, and of L1. */
  stats(): HierarchyStats;

  /**
   * Writes down what L1 holds right now, for {@link Hierarchy.restore}. The file is whole or not there; a former one stays until then.
   *
   * @param file default: the option `snapshot.file`.
   * @throws {@link SnapshotError} `unwritable`
   */
  snapshot(file?: string, options?: ReadOptions): Promise<SnapshotTaken>;

  /**
   * Fills L1 with what a snapshot names. With an L2 everything comes from there, as it is now; without one, from the file, which is
   * removed. What was invalidated meanwhile, at whatever time and by whomever, does not come back.
   *
   * @param file default: the option `snapshot.file`.
   * @throws {@link SnapshotError} for a file that cannot be used as a whole: nothing is restored then.
   */
  restore(file?: string, options?: ReadOptions): Promise<SnapshotRestored>;

  /**
   * Finds out how the hierarchy is: writes to L2, reads that back and deletes it, and looks at everything else. Takes no longer than
   * `l2Timeout`; callers at one time share one check. Never rejects. Nothing of it can be seen by users of the cache.
   */
  health(): Promise<Health>;

  /** What goes wrong right now, and what went wrong of late. */
  incidents(): IncidentList;

  /** On whose account the caller runs: by {@link withCorrelationId}, else by the option `correlationId`. In a listener: the event's. */
  correlationId(): string | undefined;

  /**
   * Changes options at run time: bounds of L1, times to live and other defaults of calls, limits of time, the breaker, validation, and
   * whether incidents are answered. All that is named is changed, or nothing. Handles from `namespace()` and definitions follow, as far
   * as they did not say otherwise. What is stored keeps its deadlines; calls under way keep what they began with.
   *
   * @returns what is in force now that was not, and what was before. The event `reconfigured` tells the same.
   * @throws {@link ReconfigureError} with the reason for each option that cannot be changed.
   */
  reconfigure(changes: ReconfigureOptions): Reconfigured;

  /**
   * Ends the hierarchy: lets no call begin, waits for loads and writes under way for `closeTimeout` (then aborts them), closes L2.
   * Nothing of it keeps the process alive afterwards. Idempotent, never rejects. Calls afterwards reject with
   * {@link HierarchyClosedError}.
   */
  close(): Promise<void>;
}

/**
 * Makes a cache hierarchy.
 *
 * @throws {@link InvalidOptionError} and the like, saying which option is wrong and what is allowed.
 */
export function createHierarchy(options: HierarchyOptions): Hierarchy {
  const resolved = resolveOptions(options);
  const spaces = new Map<string, Space>();
  const { core, way, incidents, meter, probe, opening, follow, stop } = wire(resolved, spaces);

  const openSpace = (name: string): Space => {
    checkNamespace(name, resolved.rules);
    let space = spaces.get(name);
    if (space === undefined) {
      space = new Space(core, name);
      spaces.set(name, space);
      way?.introduce(space);
    }
    return space;
  };
  const root = openSpace(resolved.namespace);
  const snapshots = new Snapshots(core, openSpace);

  const health = new HealthCheck({
    now: () => core.clock.now(),
    isClosed: () => closing !== undefined,
    stats: () => hierarchyStats(core, way, meter),
    incidents: () => incidents.list(),
    measure: resolved.incidents.memory.measure,
    l2: resolved.l2 && { name: resolved.l2.name, probe: () => probe.run() },
  });

  const reconfigure = reconfigurer({ given: options, resolved, events: core.events, follow });
  let closing: Promise<void> | undefined;
  const close = async () => {
    snapshots.close();
    await core.work.close(core.clock, resolved.closeTimeoutMs);
    core.deadlines.close(new HierarchyClosedError());
    stop();
    await way?.close(resolved.closeTimeoutMs);
    core.l1.close();
  };

  const hierarchy: Hierarchy = Object.assign(new Cache(root, () => resolved.policy, openSpace), {
    ready: async () => {
      core.work.checkOpen();
      await opening;
      if (!(await root.attach())) throw new L2FailedError('L2 does not answer', { namespace: root.name });
      await snapshots.started;
    },
    on: <T extends HierarchyEventType>(type: T, listener: (event: HierarchyEventOf<T>) => void) =>
      core.events.on(type, listener),
    stats: () => hierarchyStats(core, way, meter),
    health: () => health.check(),
    incidents: () => incidents.list(),
    correlationId: () => core.correlation.current(),
    snapshot: async (file?: string, options?: ReadOptions) => {
      core.work.checkOpen();
      return snapshots.take(file, options?.signal);
    },
    restore: async (file?: string, options?: ReadOptions) => {
      core.work.checkOpen();
      return snapshots.restore(file, options?.signal);
    },
    reconfigure: (changes: ReconfigureOptions) => {
      core.work.checkOpen();
      return reconfigure(changes);
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  });
  core.tracing.attach(hierarchy);
  return hierarchy;
}

/** Makes the parts and joins them: what each needs from outside is handed in here. */
function wire(
  options: ResolvedOptions,
  spaces: Map<string, Space>,
): {
  core: Core;
  way: WayToL2 | undefined;
  incidents: IncidentWatch;
  meter: FeedMeter;
  probe: L2Probe;
  /** Settles when L2 has opened or failed to, within the time limit. */
  opening: Promise<void>;
  /** Has those parts look at the options again that keep what they found. */
  follow: () => void;
  /** Takes all timers of the hierarchy's own back. */
  stop: () => void;
} {
  const { clock, l2 } = options;
  const events = new Events();
  const tracing = new Tracing(options.instrumentation);
  const correlation = new Correlation(options.correlationId);
  const codec = new ValueCodec(options);
  const origin = randomUUID();
  const stalls = new StallWatch({
    clock,
    get limitMs() {
      return options.maxStalenessMs;
    },
    isHolding: () => l1.size > 0,
    onStall: () => {
      for (const space of spaces.values()) space.lose('reset');
    },
  });
  const incidents = new IncidentWatch({ ...options, events, options: options.incidents, l1: () => l1 });
  const l1 = new L1Store<Entry>({
    maxEntries: options.maxEntries,
    maxBytes: options.maxBytes,
    policy: options.l1Policy,
    clock: stalls,
    timers: clock,
    onStore: (bytes) => incidents.stored(bytes),
    onRemove: (entry, cause) => {
      if (cause === 'entries' || cause === 'bytes') {
        incidents.evicted();
        adviser?.evicted(entry, cause);
      }
      countRemoval(entry.space.counters, cause);
      if (!events.wants('evict') || cause === 'replaced' || cause === 'deleted') return;
      events.emit({ type: 'evict', namespace: entry.space.name, key: entry.key, cause });
    },
  });
  const now = () => clock.now();
  const lookUps = () => sumOf([...spaces.values()].map(({ counters }) => counters.l1Hits + counters.l1Misses));
  const adviser = options.advisesOnL1
    ? new L1Adviser({ options, now, held: () => l1.size, lookUps, events })
    : undefined;
  const meter = new FeedMeter(clock);
  const onAnswer = (ms: number) => incidents.answered(ms);
  const way = l2 && wayToL2({ l2, options, events, tracing, correlation, meter, codec, spaces, onAnswer });
  const onFeedState = (state: L2FeedState) => {
    feed.onState(state);
    if (state === 'alive') stalls.start();
    else stalls.stop();
  };
  const open = async () => {
    await codec.ready();
    await way?.prepare();
    await l2?.open({ origin, onNews: (news) => feed.onNews(news), onFeedState });
  };
  const feed: FeedWatch = new FeedWatch({
    origin,
    clock,
    events,
    tracing,
    correlation,
    meter,
    start: l2 === undefined ? 'none' : 'deaf',
    hasFeed: l2?.feed !== undefined,
    get maxStalenessMs() {
      return options.maxStalenessMs;
    },
    get patienceMs() {
      return options.l2TimeoutMs;
    },
    // Late first ones wait no longer than that, later ones not at all; once it is open, it is (law 6).
    open: () => Promise.race([usable, late.then(() => false)]),
    spaces,
    clearL1: () => {
      l1.clear();
      adviser?.forgetAll();
    },
  });
  const opened = open();
  const usable = opened.then(
    () => {
      way?.opened();
      return true;
    },
    (error) => {
      if (events.wants('l2-error')) events.emit({ type: 'l2-error', operation: 'open', error });
      way?.opened(error);
      // It goes on trying to connect; only one that serves another hierarchy never will be ours.
      return !(error instanceof L2InUseError);
    },
  );
  let stopWaiting = () => {};
  const late = new Promise<void>((resolve) => {
    if (l2 === undefined) return;
    const timer = clock.setTimer(resolve, options.l2TimeoutMs);
    stopWaiting = () => clock.clearTimer(timer);
    usable.then(() => {
      stopWaiting();
      // A promise that never settles would hold on to all who ever asked.
      resolve();
    });
  });
  const opening = Promise.race([
    opened,
    late.then(() => Promise.reject(new L2TimeoutError(l2?.name ?? 'L2', 'open', options.l2TimeoutMs))),
  ]).catch((error) => Promise.reject(openingFailed(error, l2)));
  // Heard of by those who ask with `ready()`.
  opening.catch(() => {});
  const core: Core = {
    options,
    clock,
    l1Clock: stalls,
    deadlines: new Deadlines(clock),
    events,
    tracing,
    correlation,
    codec,
    copies: options.copies,
    l1,
    guard: way?.guard,
    outbox: way?.outbox,
    feed,
    work: new Work(),
    definitions: new Definitions(now, events),
    adviser,
    spaces,
  };
  const follow = () => {
    incidents.rebound(options.maxEntries, options.maxBytes);
    adviser?.rebound();
    stalls.relimit();
    feed.relimit();
  };
  const stop = () => {
    stopWaiting();
    stalls.stop();
    incidents.close();
  };
  return { core, way, incidents, meter, probe: new L2Probe(core, meter, origin), opening, follow, stop };
}

function openingFailed(error: unknown, l2: L2 | undefined): L2FailedError {
  const reason = error instanceof Error ? error.message : String(error);
  return new L2FailedError(`${l2?.name ?? 'L2'} could not be opened: ${reason}`, { cause: error });
}

function hierarchyStats(core: Core, way: WayToL2 | undefined, meter: FeedMeter): HierarchyStats {
  const { entries, bytes, maxEntries, maxBytes, removed } = core.l1.stats();
  const counted = [...core.spaces].map(([name, space]) => [name, toStats([space.counters])] as const);
  const spaces = [...core.spaces.values()];
  const all = toStats(spaces.map((space) => space.counters));
  return {
    ...all,
    l2: { ...all.l2, ...(way?.stats() ?? { breaker: 'closed', inFlight: 0, skipped: 0 }) },
    outbox: way?.outboxStats() ?? { items: 0, bytes: 0, journal: undefined },
    feed: meter.stats(core.guard?.hasFeed === true ? core.feed.state : 'none'),
    bytes: core.codec.meter.figures(),
    memory: { entries, bytes, maxEntries, maxBytes, removed, advice: core.adviser?.advice },
    underWay: {
      flights: sumOf(spaces.map((space) => space.flights.size)),
      tokens: sumOf(spaces.map((space) => space.fences.size)),
    },
    namespaces: Object.fromEntries(counted),
    definitions: core.definitions.stats(),
  };
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
