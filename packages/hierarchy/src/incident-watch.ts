import type { L1Store } from '@tierwise/l1';
import type { Clock } from './clock.js';
import type { Entry } from './entry.js';
import { textOf } from './error-text.js';
import type { Events, HierarchyEventOf } from './events.js';
import type { IncidentList } from './incident.js';
import type { ResolvedIncidentOptions } from './incident-options.js';
import { Responder } from './incident-response.js';
import { Burst, diagnose, isAbort, Latency } from './incident-signals.js';
import { Incidents } from './incidents.js';
import { Pressure } from './pressure.js';

export interface IncidentWatchOptions {
  readonly clock: Clock;
  readonly events: Events;
  readonly options: ResolvedIncidentOptions;
  /** L1's bounds, as they were asked for. */
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly l1: () => Pick<L1Store<Entry>, 'size' | 'bytes' | 'resize'>;
}

/** By default, a turnover of L1 within the window is many evictions, but fewer than this never are. */
const LEAST_EVICTIONS = 1000;

/** The reasons of a `damaged` event that have to do with keys. */
const UNDECRYPTABLE = new Set(['unsealed', 'sealed', 'unknown-key', 'undecryptable']);

/**
 * Turns what happens in a hierarchy into incidents. It is told only when something happens that costs far more than telling it (a load, a
 * fill, an eviction, an answer or an error of L2): an L1 hit knows nothing of it, and nothing ticks while all is well.
 */
export class IncidentWatch {
  readonly #incidents: Incidents;
  readonly #pressure: Pressure;
  readonly #latency: Latency;
  readonly #timeouts: Burst;
  #evictions: Burst;
  #evictionLimit: number;
  #isRebounding = false;
  readonly #clock: Clock;
  readonly #options: ResolvedIncidentOptions;
  readonly #loads = new Map<string, { since: number; loads: number; failed: number }>();
  readonly #unsubscribe: (() => void)[];

  constructor({ clock, events, options, maxEntries, maxBytes, l1 }: IncidentWatchOptions) {
    this.#clock = clock;
    this.#options = options;
    const { windowMs } = options;
    const responder = new Responder({
      clock,
      handlers: options.handlers,
      get enabled() {
        return options.enabled;
      },
      get warnEveryMs() {
        return options.warnEveryMs;
      },
      shrink: () => this.#pressure.shrink(),
    });
    this.#incidents = new Incidents({
      clock,
      quietMs: options.quietMs,
      history: options.history,
      onPhase: (incident, phase) => {
        if (events.wants('incident')) events.emit({ type: 'incident', phase, incident });
        responder.answer(incident, phase);
      },
    });
    this.#pressure = new Pressure(
      {
        clock,
        maxEntries,
        maxBytes,
        ...options.memory,
        onPressure: (state) =>
          this.#incidents.sign('memory-pressure', {
            message: `${Math.round(state.share * 100)} % of the memory that there may be is used`,
            numbers: { ...state },
            urgent: true,
          }),
        onRelief: (state) => this.#incidents.end('memory-pressure', undefined, { ...state }),
      },
      l1,
    );
    this.#latency = new Latency({
      clock,
      windowMs,
      factor: options.slowFactor,
      leastMs: options.slowLeastMs,
    });
    this.#timeouts = new Burst(clock, options.timeouts, windowMs);
    this.#evictionLimit = this.#limitFor(maxEntries);
    this.#evictions = new Burst(clock, this.#evictionLimit, windowMs);
    this.#unsubscribe = [
      events.on('l2-error', (event) => this.#onL2Error(event)),
      events.on('breaker', (event) => this.#onBreaker(event)),
      events.on('feed', (event) => this.#onFeed(event)),
      events.on('journal', (event) => this.#onJournal(event)),
      events.on('damaged', (event) => this.#onDamaged(event)),
      events.on('load', (event) => this.#onLoad(event)),
    ];
  }

  list(): IncidentList {
    return this.#incidents.list();
  }

  /** L1 has stored a value of so many bytes. */
  stored(bytes: number): void {
    this.#pressure.filled(bytes);
  }

  /** L1 is given other bounds, unless memory is short: then it comes to them when there is room again. */
  rebound(maxEntries: number, maxBytes: number): void {
    const limit = this.#limitFor(maxEntries);
    if (limit !== this.#evictionLimit) this.#evictions = new Burst(this.#clock, limit, this.#options.windowMs);
    this.#evictionLimit = limit;
    // What has to go now goes because somebody asked for it.
    this.#isRebounding = true;
    this.#pressure.rebound(maxEntries, maxBytes);
    this.#isRebounding = false;
  }

  #limitFor(maxEntries: number): number {
    return this.#options.evictions ?? Math.max(maxEntries, LEAST_EVICTIONS);
  }

  /** L1 has let go of a living entry to keep its bounds. */
  evicted(): void {
    if (this.#isRebounding) return;
    const ms = this.#evictions.add();
    if (ms === undefined) return;
    this.#incidents.sign('evictions-high', {
      message: `L1 let go of ${this.#evictionLimit} entries within ${Math.ceil(ms)} ms to keep its bounds`,
      numbers: { evictions: this.#evictionLimit, ms },
    });
  }

  /** L2 has answered a command. */
  answered(ms: number): void {
    const verdict = this.#latency.answered(ms);
    if (verdict === undefined) return;
    const { slow, meanMs, usualMs } = verdict;
    if (!slow) {
      this.#incidents.end('l2-slow', undefined, { meanMs, usualMs });
    } else if (!this.#incidents.isOpen('l2-down')) {
      this.#incidents.sign('l2-slow', {
        message: 'L2 answers far more slowly than it usually does',
        numbers: { meanMs, usualMs },
      });
    }
  }

  /** Stops watching, and takes all timers back. */
  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#pressure.close();
    this.#incidents.close();
  }

  #onL2Error({ operation, error }: HierarchyEventOf<'l2-error'>): void {
    const message = `${operation}: ${textOf(error)}`;
    const diagnosis = diagnose(error);
    if (diagnosis === 'read-only') this.#incidents.sign('l2-read-only', { message });
    if (diagnosis === 'full') this.#incidents.sign('l2-full', { message });
    if (diagnosis !== 'timeout' || this.#incidents.isOpen('l2-down')) return;
    if (this.#timeouts.add() === undefined) return;
    this.#incidents.sign('l2-slow', {
      message: `L2 does not answer in time (${message})`,
      numbers: { timeouts: this.#options.timeouts },
    });
  }

  #onBreaker({ state }: HierarchyEventOf<'breaker'>): void {
    if (state === 'closed') this.#incidents.end('l2-down');
    if (state !== 'open') return;
    // It was slow; now it is down.
    this.#incidents.end('l2-slow');
    this.#incidents.sign('l2-down', { message: 'L2 is not asked any more until a probe of it succeeds' });
  }

  #onFeed({ state }: HierarchyEventOf<'feed'>): void {
    if (state === 'alive') this.#incidents.end('feed-lost');
    else
      this.#incidents.sign('feed-lost', {
        message: 'news of other nodes does not arrive; L1 answers within maxStaleness',
      });
  }

  #onJournal({ trouble }: HierarchyEventOf<'journal'>): void {
    if (trouble.type === 'recovered') this.#incidents.end('journal-failing');
    if (trouble.type === 'failing') {
      this.#incidents.sign('journal-failing', { message: `the journal is in memory alone: ${textOf(trouble.error)}` });
    }
  }

  #onDamaged({ namespace, reason, detail }: HierarchyEventOf<'damaged'>): void {
    const kind = UNDECRYPTABLE.has(reason) ? 'bytes-undecryptable' : 'bytes-undecodable';
    this.#incidents.sign(kind, { subject: namespace, message: `bytes in L2 count as a miss: ${reason}, ${detail}` });
  }

  #onLoad({ namespace, outcome, error }: HierarchyEventOf<'load'>): void {
    const now = this.#clock.now();
    let tally = this.#loads.get(namespace);
    if (tally === undefined) {
      tally = { since: now, loads: 0, failed: 0 };
      this.#loads.set(namespace, tally);
    } else if (now - tally.since > this.#options.windowMs) {
      if (tally.loads > tally.failed * 2) this.#incidents.end('load-failing', namespace);
      tally.since = now;
      tally.loads = 0;
      tally.failed = 0;
    }
    if (outcome === 'failed' && isAbort(error)) return;
    tally.loads += 1;
    if (outcome !== 'failed') return;
    tally.failed += 1;
    const { loads, failed } = tally;
    if (failed < this.#options.failures || failed * 2 < loads) return;
    this.#incidents.sign('load-failing', {
      subject: namespace,
      message: `loads fail: ${textOf(error)}`,
      numbers: { failed, loads },
    });
  }
}
