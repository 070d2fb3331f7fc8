import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel';
import type { L2News } from '@tierwise/l2';
import type { Entry } from './entry.js';
import { InvalidOptionError } from './errors.js';
import type { Flight } from './flight.js';
import type { Hierarchy } from './hierarchy.js';
import type { ReplayCounts } from './replay.js';
import type { Space } from './space.js';

/**
 * What can be watched while it happens: by `node:diagnostics_channel`, as tracing channels of the names below, and by an
 * {@link Instrumentation}. With neither, each place asks one boolean and goes on; an L1 hit passes none of them. See `docs/tracing.md`.
 */

interface TraceOf<K extends string> {
  readonly kind: K;
  /** What {@link createHierarchy} returned. */
  readonly hierarchy: Hierarchy;
  /** What it failed with, once it has. */
  error?: unknown;
}

/** A read that L1 did not answer, `tierwise:read`. Of a batch, each key is one. */
export interface ReadTrace extends TraceOf<'read'> {
  readonly namespace: string;
  /** As the user spells it. */
  readonly key: string;
  /** Whether it loads what L2 does not have. */
  readonly mayLoad: boolean;
  /** Whether nobody waits for it: it brings a fresh value in place of a stale one, or ahead of a value's end. */
  readonly behind: boolean;
  /**
   * How it ended; `undefined` while it runs and when it failed. `l2`: a fresh value was in L2. `loaded`: it began the load. `shared`: it
   * waited for a load that another read of this node had begun. `elsewhere`: it was about to load when another node's value came into L2.
   * `stale`: a stale value was answered. `none`: there is no value.
   */
  outcome?: 'l2' | 'loaded' | 'shared' | 'elsewhere' | 'stale' | 'none' | undefined;
  /** The load that it began or waited for. */
  load?: LoadTrace | undefined;
}

/** One run of a loader, with the fill of both tiers after it, `tierwise:load`. */
export interface LoadTrace extends TraceOf<'load'> {
  readonly namespace: string;
  /** As the user spells it. */
  readonly key: string;
  /** See the `load` event. */
  outcome?: 'stored' | 'fenced' | 'uncached' | 'failed';
}

/** One command to L2, `tierwise:l2`, from when it is to be sent until it was answered or given up. */
export interface L2Trace extends TraceOf<'l2'> {
  /** What the backend calls itself, such as `redis`. */
  readonly backend: string;
  /** The call of the L2 contract, such as `read`, `fill` (a write by lease) or `acquire`. */
  readonly operation: string;
  /** `undefined` for what is of no namespace, such as `health`. */
  readonly namespace: string | undefined;
  /** How many keys or tags it names. */
  readonly count: number;
  /** Whether L2 answered it in time; `undefined` while that is open. If not, `error` says why: `L2SkippedError` if it was not sent at all. */
  answered?: boolean;
}

/** One message of the feed being handled, `tierwise:feed`. The only one that is synchronous. */
export interface FeedTrace extends TraceOf<'feed'> {
  readonly news: L2News;
  /** Whether it tells of what this very node did. */
  readonly own: boolean;
}

/** One try to come back to an L2 that was away, `tierwise:recovery`: the probe, and the replay of what L2 missed. */
export interface RecoveryTrace extends TraceOf<'recovery'> {
  /** Keys and invalidations that waited for it when it began. */
  readonly pending: number;
  /** `recovered`: L2 has all that it missed. `pending`: it answers, and what came meanwhile follows. `failed`: it does not. */
  outcome?: 'recovered' | 'pending' | 'failed';
  /** What was made up for since the trouble began. */
  replayed?: ReplayCounts;
}

export type Trace = ReadTrace | LoadTrace | L2Trace | FeedTrace | RecoveryTrace;
export type TraceKind = Trace['kind'];

/** The names of the tracing channels. */
export const TRACING_CHANNELS = {
  read: 'tierwise:read',
  load: 'tierwise:load',
  l2: 'tierwise:l2',
  feed: 'tierwise:feed',
  recovery: 'tierwise:recovery',
} as const;

/** Stands around what a hierarchy does, so that what is done inside (the user's loader, say) runs in a context of its choice. */
export interface Instrumentation {
  /**
   * Must call `run` once, at once, and return what it returns: a promise for all but `feed`. Fields of `trace` that tell how it ended
   * are set when that promise settles. Must not throw.
   */
  around<T>(trace: Trace, run: () => T): T;
  /** Hears which hierarchy it belongs to, when that is created. */
  attached?(hierarchy: Hierarchy): void;
}

/** Held for good: a channel that nobody refers to is forgotten, and its subscribers with it. */
const CHANNELS: Record<TraceKind, TracingChannel<unknown, object>> = {
  read: tracingChannel(TRACING_CHANNELS.read),
  load: tracingChannel(TRACING_CHANNELS.load),
  l2: tracingChannel(TRACING_CHANNELS.l2),
  feed: tracingChannel(TRACING_CHANNELS.feed),
  recovery: tracingChannel(TRACING_CHANNELS.recovery),
};

/** The watchers of one hierarchy. */
export class Tracing {
  readonly #instrumentation: Instrumentation | undefined;
  #hierarchy: Hierarchy | undefined;

  constructor(instrumentation: Instrumentation | undefined) {
    this.#instrumentation = instrumentation;
  }

  /** To be called before anything is traced. */
  attach(hierarchy: Hierarchy): void {
    this.#hierarchy = hierarchy;
    this.#instrumentation?.attached?.(hierarchy);
  }

  get hierarchy(): Hierarchy {
    return this.#hierarchy as Hierarchy;
  }

  wants(kind: TraceKind): boolean {
    return this.#instrumentation !== undefined || CHANNELS[kind].hasSubscribers;
  }

  run<T>(trace: Exclude<Trace, FeedTrace>, work: () => Promise<T>): Promise<T> {
    const channel = CHANNELS[trace.kind];
    const published = channel.hasSubscribers ? () => publish(channel, trace, work) : work;
    return this.#instrumentation === undefined ? published() : this.#instrumentation.around(trace, published);
  }

  runSync(trace: FeedTrace, work: () => void): void {
    const published = () => CHANNELS[trace.kind].traceSync(work, trace);
    if (this.#instrumentation === undefined) published();
    else this.#instrumentation.around(trace, published);
  }
}

/** What comes of it is not published: values are the user's. */
async function publish<T>(channel: TracingChannel<unknown, object>, trace: Trace, work: () => Promise<T>): Promise<T> {
  let result: T | undefined;
  await channel.tracePromise(async () => {
    result = await work();
  }, trace);
  return result as T;
}

/** Runs a read with a trace of it. */
export function traceRead(
  space: Space,
  read: Pick<ReadTrace, 'key' | 'mayLoad' | 'behind'>,
  work: (trace: ReadTrace) => Promise<Entry | undefined>,
): Promise<Entry | undefined> {
  const { tracing } = space.core;
  const trace: ReadTrace = { kind: 'read', hierarchy: tracing.hierarchy, namespace: space.name, ...read };
  return tracing.run(trace, async () => {
    try {
      const entry = await work(trace);
      const waited = trace.outcome === 'loaded' || trace.outcome === 'shared';
      // Whatever it was on its way to.
      if (entry === undefined) trace.outcome = 'none';
      // It waited for a load that found, when it was its turn, that there is no need of it.
      else if (waited && trace.load === undefined) trace.outcome = 'elsewhere';
      return entry;
    } catch (error) {
      trace.outcome = undefined;
      throw error;
    }
  });
}

/** Runs a load, with a trace of it if anybody wants one of it, or of the reads that wait for it. */
export function traceLoad<T>(flight: Flight, key: string, work: () => Promise<T>): Promise<T> {
  const { core, name } = flight.space;
  const { tracing } = core;
  if (!tracing.wants('load') && !tracing.wants('read')) return work();
  const trace: LoadTrace = { kind: 'load', hierarchy: tracing.hierarchy, namespace: name, key };
  flight.loadTrace = trace;
  return tracing.run(trace, work);
}

/** @throws {@link InvalidOptionError} */
export function checkInstrumentation(instrumentation: Instrumentation | undefined): Instrumentation | undefined {
  if (instrumentation === undefined || typeof instrumentation?.around === 'function') return instrumentation;
  throw new InvalidOptionError(
    "instrumentation must be an object with around(), such as openTelemetry() from '@tierwise/telemetry/opentelemetry'",
  );
}
