import { type L2, L2InUseError } from '@tierwise/l2';
import { Breaker, type BreakerState } from './breaker.js';
import type { Correlation } from './correlation.js';
import type { Events } from './events.js';
import type { FeedMeter } from './feed-meter.js';
import { L2Guard } from './l2-guard.js';
import { L2Line } from './l2-line.js';
import type { ResolvedOptions } from './options.js';
import { Outbox, type OutboxStats } from './outbox.js';
import { Recovery } from './recovery.js';
import { Replay } from './replay.js';
import type { Space } from './space.js';
import type { Tracing } from './tracing.js';
import type { ValueCodec } from './value-codec.js';

/** All that lies between a hierarchy and its L2. */
export interface WayToL2 {
  readonly guard: L2Guard;
  /** Undefined where orders that do not reach L2 are not made up for. */
  readonly outbox: Outbox | undefined;
  /** To be called before L2 is opened: what earlier processes left counts before anything that L2 says. */
  prepare(): Promise<void>;
  /** L2 has answered `open`, be it by an error. */
  opened(error?: unknown): void;
  /** A namespace was opened here. */
  introduce(space: Space): void;
  stats(): { readonly breaker: BreakerState; readonly inFlight: number; readonly skipped: number };
  outboxStats(): OutboxStats;
  /** Sends what is pending a last time, closes L2 if it is ours and the journal, all within `limitMs` each. Never rejects. */
  close(limitMs: number): Promise<void>;
}

export interface WayToL2Options {
  readonly l2: L2;
  readonly options: ResolvedOptions;
  readonly events: Events;
  readonly tracing: Tracing;
  readonly correlation: Correlation;
  readonly meter: FeedMeter;
  readonly codec: ValueCodec;
  readonly spaces: ReadonlyMap<string, Space>;
  /** Hears how long L2 took for each command that it answered, in milliseconds. */
  readonly onAnswer: (ms: number) => void;
}

/** Makes the parts and joins them. Options that `reconfigure` changes are handed on as getters, to be looked at each time. */
export function wayToL2(parts: WayToL2Options): WayToL2 {
  const { l2, options, events, tracing, correlation, meter, codec, spaces, onAnswer } = parts;
  const { clock, outages } = options;
  let openness: 'no' | 'yes' | 'never' = 'no';
  const breaker = new Breaker({
    get failures() {
      return outages.failures;
    },
    onChange: (state) => {
      if (state === 'open') recovery.breakerOpened();
      if (events.wants('breaker')) events.emit({ type: 'breaker', state });
    },
  });
  const line = new L2Line({
    name: l2.name,
    clock,
    breaker,
    tracing,
    get limitMs() {
      return options.l2TimeoutMs;
    },
    get maxInFlight() {
      return outages.maxInFlight;
    },
    onAnswer,
  });
  const outbox = outages.defers
    ? new Outbox({
        journal: outages.journal,
        clock,
        wallNow: Date.now,
        events,
        correlation,
        keepsValues: outages.replaysValues && l2.replay !== undefined,
        hasTime: l2.time !== undefined,
        onWork: () => recovery.wake(),
        onMarks: (namespace, tags, mode) => spaces.get(namespace)?.time.defer(tags, mode),
      })
    : undefined;
  const recovery: Recovery = new Recovery({
    clock,
    random: Math.random,
    events,
    tracing,
    correlation,
    breaker,
    line,
    outbox,
    replay: outbox && new Replay({ l2, line, clock, events, correlation, codec, outbox, spaces }),
    isOpen: () => openness === 'yes',
    probe: async () => (await l2.health()).status === 'up',
    get openForMs() {
      return outages.openForMs;
    },
    get maxOpenForMs() {
      return outages.maxOpenForMs;
    },
  });
  const guard = new L2Guard({
    l2,
    line,
    get leaseTtlMs() {
      return options.leaseTtlMs;
    },
    events,
    correlation,
    meter,
    isPending: (namespace, key) => outbox?.isPending(namespace, key) === true,
  });
  return {
    guard,
    outbox,
    prepare: async () => outbox?.open(),
    opened: (error) => {
      // One that rejects goes on trying to connect; only one that serves another hierarchy never will be ours.
      if (error instanceof L2InUseError) {
        openness = 'never';
        line.disown(error);
        recovery.stop();
      } else {
        openness = 'yes';
      }
    },
    introduce: (space) => outbox?.introduce(space.name, (tags, mode) => space.time.defer(tags, mode)),
    stats: () => ({ breaker: breaker.state, inFlight: line.inFlight, skipped: line.skipped }),
    outboxStats: () => outbox?.stats() ?? NOTHING_PENDING,
    close: async (limitMs) => {
      await recovery.close(limitMs);
      const lost = outages.journal === undefined ? (outbox?.pending.size ?? 0) : 0;
      if (lost > 0 && events.wants('lost')) events.emit({ type: 'lost', items: lost });
      const closing = [openness === 'never' ? undefined : l2.close(), outbox?.close()];
      let timer: unknown;
      const late = new Promise<void>((resolve) => {
        timer = clock.setTimer(resolve, limitMs);
      });
      await Promise.race([Promise.allSettled(closing), late]);
      clock.clearTimer(timer);
    },
  };
}

const NOTHING_PENDING: OutboxStats = { items: 0, bytes: 0, journal: undefined };
