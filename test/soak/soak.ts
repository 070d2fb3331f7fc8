import { setTimeout as sleep } from 'node:timers/promises';
import { createHierarchy } from '@tierwise/hierarchy';
import { redisL2 } from '@tierwise/l2-redis';
import { Random } from '../coherence/random.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { startRedisServer } from '../support/redis-server.js';
import { type LoadCounts, work } from './load.js';
import { median, type Sample, sample } from './samples.js';
import { storm } from './weather.js';

const NODES = 2;
const WORKERS = 8;
const SAMPLE_MS = 1_000;
/** Without faults, under load: so long that L1 is as full as it gets. */
const CALM_MS = 8_000;
/** Of the calm, what is measured: its end. */
const MEASURED = 4;

export interface SoakOptions {
  /** For how long faults come, after the warm-up, in milliseconds. */
  readonly durationMs: number;
  readonly warmUpMs: number;
  readonly seed: string;
}

export interface SoakOutcome {
  readonly samples: readonly Sample[];
  readonly counts: LoadCounts;
  readonly faults: number;
  /** In the calm after the warm-up, and in the one at the end. Medians; heap in bytes. */
  readonly before: Held;
  readonly after: Held;
  /** When all calls were over, and when all was closed. */
  readonly idle: Sample;
  /** Handles before anything was opened, and after all was closed. */
  readonly handles: { readonly atFirst: number; readonly atLast: number };
}

interface Held {
  readonly heap: number;
  readonly handles: number;
}

/** Two nodes in this process, under load, behind a Redis and a network that fail again and again. */
export async function soak({ durationMs, warmUpMs, seed }: SoakOptions): Promise<SoakOutcome> {
  const atFirst = process.getActiveResourcesInfo().length;
  const server = await startRedisServer();
  if (server === undefined) throw new Error('there is no redis-server on PATH: see CONTRIBUTING.md');
  const proxies = await Promise.all(Array.from({ length: NODES }, () => FaultProxy.start({ port: server.port })));
  const caches = proxies.map(({ port }) =>
    createHierarchy({
      namespace: 'soak',
      l2: redisL2({
        url: `redis://127.0.0.1:${port}`,
        commandTimeout: 200,
        connectTimeout: 200,
        maxReconnectDelay: 200,
        heartbeatInterval: 200,
      }),
      l1: { maxEntries: 1_000 },
      ttl: '1m',
      l2Timeout: 300,
      lease: { ttl: 500, wait: 1_000 },
      maxStaleness: '2s',
    }),
  );
  const counts: LoadCounts = { calls: 0, loads: 0, refused: 0, failed: [] };
  const samples: Sample[] = [];
  let isOn = true;
  const workers = caches.flatMap((cache, node) =>
    Array.from({ length: WORKERS }, (_, i) => work(cache, new Random(`${seed} ${node} ${i}`), counts, () => isOn)),
  );
  const sampling = (async () => {
    for (; isOn; await sleep(SAMPLE_MS)) samples.push(sample(caches));
  })();
  const weather = async (ms: number, name: string): Promise<number> => {
    let isStormy = true;
    const storming = storm(proxies, server, new Random(`${seed} ${name}`), () => isStormy);
    await sleep(ms);
    isStormy = false;
    return storming;
  };
  const calm = async (): Promise<Held> => {
    await sleep(CALM_MS);
    const measured = samples.slice(-MEASURED);
    return { heap: median(measured.map(({ heap }) => heap)), handles: median(measured.map(({ handles }) => handles)) };
  };

  await weather(warmUpMs, 'warm-up');
  const before = await calm();
  const faults = await weather(durationMs, 'faults');
  const after = await calm();
  isOn = false;
  await Promise.all([...workers, sampling]);
  // Work behind the calls, such as refreshes, is over as well.
  await sleep(SAMPLE_MS);
  const idle = sample(caches);
  await Promise.all(caches.map((cache) => cache.close()));
  await Promise.all(proxies.map((proxy) => proxy.stop()));
  await server.stop();
  await sleep(SAMPLE_MS);
  const atLast = process.getActiveResourcesInfo().length;
  return { samples, counts, faults, before, after, idle, handles: { atFirst, atLast } };
}
