import type { Hierarchy } from '@tierwise/hierarchy';

/** What a process holds at one moment. */
export interface Sample {
  readonly at: number;
  /** After a collection of garbage, in bytes. */
  readonly heap: number;
  /** Timers, sockets and whatever else keeps the event loop busy. */
  readonly handles: number;
  /** Flights and tokens. */
  readonly underWay: number;
  /** What L2 has yet to be told. */
  readonly pending: number;
}

/** @throws where node was not started with `--expose-gc`. */
export function sample(caches: readonly Hierarchy[]): Sample {
  if (global.gc === undefined) throw new Error('node has to be started with --expose-gc');
  global.gc();
  const stats = caches.map((cache) => cache.stats());
  return {
    at: performance.now(),
    heap: process.memoryUsage().heapUsed,
    handles: process.getActiveResourcesInfo().length,
    underWay: stats.reduce((sum, { underWay }) => sum + underWay.flights + underWay.tokens, 0),
    pending: stats.reduce((sum, each) => sum + pendingOf(each), 0),
  };
}

function pendingOf(stats: object): number {
  const { outbox } = stats as { outbox?: { items?: number } };
  return outbox?.items ?? 0;
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const BARS = '▁▂▃▄▅▆▇█';

/** Numbers as a row of bars, from 0 to the highest; so many at the most. */
export function sparkline(numbers: readonly number[], width = 80): string {
  const size = Math.max(1, Math.ceil(numbers.length / width));
  const most = Math.max(...numbers, 1);
  const bars = [];
  for (let at = 0; at < numbers.length; at += size) {
    const height = median(numbers.slice(at, at + size)) / most;
    bars.push(BARS[Math.min(BARS.length - 1, Math.floor(height * BARS.length))]);
  }
  return bars.join('');
}
