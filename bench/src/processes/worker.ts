/** One of the processes that share a Redis: opens a cache, and works or looks when it is told. */
import { openCache } from '../contestants/roster.js';
import { forEach } from '../keys.js';
import type { Context } from '../scenario.js';
import { sample } from '../values.js';
import { KEYS, keyOf, L1_ENTRIES, mixedLoad, type Work, type Writable } from './load.js';

/** What a worker is told. Each order is answered once. */
export type WorkerOrder =
  | { readonly do: 'open'; readonly name: string; readonly context: Context; readonly seed: number }
  /** Stores all keys. */
  | { readonly do: 'fill' }
  /** Reads the most popular keys, the least popular of them first: the state that its memory is in after a while. */
  | { readonly do: 'warm' }
  | { readonly do: 'work'; readonly budgetMs: number }
  | { readonly do: 'set'; readonly value: string }
  /** Reads the watched key until it has this value. */
  | { readonly do: 'see'; readonly value: string }
  | { readonly do: 'close' };

export type WorkerReport = { readonly work?: Work } | { readonly error: string };

const WATCHED = 'watched';
/** Within this time news must have arrived, in milliseconds. */
const HEARS_WITHIN_MS = 5_000;

let cache: Writable | undefined;
let work: ((budgetMs: number) => Promise<Work>) | undefined;

process.on('message', async (order: WorkerOrder) => {
  let report: WorkerReport;
  try {
    report = await obey(order);
  } catch (error) {
    report = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  process.send?.(report);
  if (order.do === 'close') process.disconnect();
});
process.on('disconnect', () => process.exit());

async function obey(order: WorkerOrder): Promise<WorkerReport> {
  switch (order.do) {
    case 'open':
      cache = (await openCache(order.name, order.context, L1_ENTRIES)) as Writable;
      work = mixedLoad(cache, order.seed);
      return {};
    case 'fill':
      await forEach(
        Array.from({ length: KEYS }, (_, index) => keyOf(index)),
        (key) => opened().set(key, sample('1 KB')),
      );
      return {};
    case 'warm':
      await forEach(
        Array.from({ length: L1_ENTRIES }, (_, index) => keyOf(L1_ENTRIES - 1 - index)),
        (key) => opened().getOrSet(key, async () => sample('1 KB')),
      );
      return {};
    case 'work':
      return { work: await work?.(order.budgetMs) } as WorkerReport;
    case 'set':
      await opened().set(WATCHED, order.value);
      return {};
    case 'see':
      await see(order.value);
      return {};
    case 'close':
      await cache?.close();
      return {};
  }
}

async function see(wanted: string): Promise<void> {
  const began = performance.now();
  for (;;) {
    const value = await opened().getOrSet(WATCHED, async () => 'loaded');
    if (value === wanted) return;
    if (performance.now() - began > HEARS_WITHIN_MS) throw new Error(`still sees ${String(value)}, not ${wanted}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function opened(): Writable {
  if (cache === undefined) throw new Error('not open');
  return cache;
}
