import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type Hierarchy, type L2Trace, type ReadTrace, TRACING_CHANNELS } from '@tierwise/hierarchy';
import { Histogram, type Registry } from 'prom-client';

/** From what memory takes to what a time limit allows, in seconds. */
const L2_BUCKETS = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** From a look-up in a database to what users put up with, in seconds. */
const LOAD_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export interface TimingsOptions {
  readonly registry: Registry;
  /** What a hierarchy is called; `undefined` if it is not watched. */
  readonly nameOf: (hierarchy: Hierarchy) => string | undefined;
  readonly loadBuckets?: readonly number[] | undefined;
  readonly l2Buckets?: readonly number[] | undefined;
}

/**
 * How long loads, commands to L2 and reads that L1 could not answer take. These are heard of as they happen: loads by the `load` event, the
 * others by the tracing channels, which belong to the process, so what is of another hierarchy is left alone. L1 hits pass none of them.
 */
export class Timings {
  readonly #options: TimingsOptions;
  readonly #loads: Histogram;
  readonly #commands: Histogram;
  readonly #reads: Histogram;
  /** When what is under way began. */
  readonly #began = new WeakMap<object, number>();
  readonly #subscriptions: readonly (readonly [channel: string, listener: (message: unknown) => void])[];

  constructor(options: TimingsOptions) {
    this.#options = options;
    const registers = [options.registry];
    this.#loads = new Histogram({
      name: 'tierwise_load_duration_seconds',
      help: 'How long loaders ran.',
      labelNames: ['hierarchy', 'namespace', 'outcome'],
      buckets: [...(options.loadBuckets ?? LOAD_BUCKETS)],
      registers,
    });
    this.#commands = new Histogram({
      name: 'tierwise_l2_command_duration_seconds',
      help: 'How long commands to L2 took, coalesced ones counted once. Those that were not sent are not in it.',
      labelNames: ['hierarchy', 'operation', 'outcome'],
      buckets: [...(options.l2Buckets ?? L2_BUCKETS)],
      registers,
    });
    this.#reads = new Histogram({
      name: 'tierwise_read_duration_seconds',
      help: 'How long reads took that L1 could not answer, by who answered.',
      labelNames: ['hierarchy', 'outcome'],
      buckets: [...(options.loadBuckets ?? LOAD_BUCKETS)],
      registers,
    });
    this.#subscriptions = [
      [`tracing:${TRACING_CHANNELS.l2}:start`, (trace) => this.#start(trace as L2Trace)],
      [`tracing:${TRACING_CHANNELS.l2}:asyncEnd`, (trace) => this.#endCommand(trace as L2Trace)],
      [`tracing:${TRACING_CHANNELS.read}:start`, (trace) => this.#start(trace as ReadTrace)],
      [`tracing:${TRACING_CHANNELS.read}:asyncEnd`, (trace) => this.#endRead(trace as ReadTrace)],
    ];
    for (const [channel, listener] of this.#subscriptions) subscribe(channel, listener);
  }

  /** A loader has ended. */
  loaded(hierarchy: string, namespace: string, outcome: string, ms: number): void {
    this.#loads.observe({ hierarchy, namespace, outcome }, ms / 1000);
  }

  close(): void {
    for (const [channel, listener] of this.#subscriptions) unsubscribe(channel, listener);
  }

  #start(trace: L2Trace | ReadTrace): void {
    if (this.#options.nameOf(trace.hierarchy) !== undefined) this.#began.set(trace, performance.now());
  }

  #endCommand(trace: L2Trace): void {
    const hierarchy = this.#options.nameOf(trace.hierarchy);
    const began = this.#began.get(trace);
    const failure = errorName(trace.error);
    if (hierarchy === undefined || began === undefined || failure === 'L2SkippedError') return;
    const outcome = trace.answered === true ? 'answered' : failure === 'L2TimeoutError' ? 'timeout' : 'failed';
    const { operation } = trace;
    this.#commands.observe({ hierarchy, operation, outcome }, (performance.now() - began) / 1000);
  }

  #endRead(trace: ReadTrace): void {
    const hierarchy = this.#options.nameOf(trace.hierarchy);
    const began = this.#began.get(trace);
    // What goes on behind a stale value is not what anybody waited for.
    if (hierarchy === undefined || began === undefined || trace.behind) return;
    this.#reads.observe({ hierarchy, outcome: trace.outcome ?? 'failed' }, (performance.now() - began) / 1000);
  }
}

/** By name: whoever has two copies of a package has two classes of each error. */
export function errorName(error: unknown): string | undefined {
  return error instanceof Error ? error.name : undefined;
}
