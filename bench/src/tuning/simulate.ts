import { type Clock, createHierarchy, type DefinitionOptions, type L1Advice } from '@tierwise/hierarchy';
import type { Trace } from '../traces/trace.js';
import { type ChangeSpan, ChangingSource } from './changes.js';

/** Between two reads: 50 reads a second. */
const READ_EVERY_MS = 20;

/** What a way to choose the `ttl` came to, each in reads of a thousand. */
export interface TtlResult {
  readonly loads: number;
  /** Answers that were older than the source. */
  readonly stale: number;
  /** What a stale answer is as bad as a load: both together. */
  readonly cost: number;
  /** The `ttl` of the last loads, in milliseconds. */
  readonly ttlMs: number;
}

/** Only the simulation moves it. Nothing that waits for a timer happens: what is dead is not answered all the same. */
class SimulatedClock implements Clock {
  #now = 0;

  readonly now = (): number => this.#now;
  readonly setTimer = (): undefined => undefined;
  readonly clearTimer = (): void => {};

  advance(ms: number): void {
    this.#now += ms;
  }
}

type TtlChoice = Pick<DefinitionOptions<number, number>, 'ttl' | 'tuning'>;

/** Reads a trace through a hierarchy from a source that changes. Ends after so many reads. */
export async function readTrace(
  trace: Trace,
  span: ChangeSpan,
  { ttl, tuning }: TtlChoice,
  most = trace.accesses.length,
): Promise<TtlResult> {
  const clock = new SimulatedClock();
  const source = new ChangingSource(trace.keys, span);
  const cache = createHierarchy({ namespace: 'tuning', clock, l1: { maxEntries: trace.keys + 1 } });
  const values = cache.define({
    ...{ name: 'value', key: String, ttl, tuning },
    load: (key: number) => source.valueOf(key, clock.now()),
  });
  const accesses = trace.accesses.subarray(0, most);
  let stale = 0;
  for (const key of accesses) {
    clock.advance(READ_EVERY_MS);
    if ((await values.get(key)) !== source.valueOf(key, clock.now())) stale += 1;
  }
  const figures = cache.stats().definitions.value;
  await values.set(0, 0);
  const ttlMs = (await cache.getEntry('0'))?.freshMs ?? Number.NaN;
  await cache.close();
  const perThousand = (count: number) => (1_000 * count) / accesses.length;
  const loads = perThousand(figures?.loads.started ?? Number.NaN);
  return { loads, stale: perThousand(stale), cost: loads + perThousand(stale), ttlMs };
}

/** What an L1 of so many places answers of a trace, in parts of one, and what it says of itself. */
export interface SizeResult {
  readonly hitRatio: number;
  readonly advice: L1Advice | undefined;
}

export async function readThroughL1(
  trace: Trace,
  maxEntries: number,
  most = trace.accesses.length,
): Promise<SizeResult> {
  const clock = new SimulatedClock();
  const cache = createHierarchy({ namespace: 'tuning', clock, ttl: '1w', l1: { maxEntries }, tuning: { l1: true } });
  for (const key of trace.accesses.subarray(0, most)) await cache.getOrSet(`${key}`, () => key);
  const { l1, memory } = cache.stats();
  await cache.close();
  return { hitRatio: l1.hits / l1.gets, advice: memory.advice };
}
