import { createHierarchy, type Hierarchy } from '@tierwise/hierarchy';
import { logTo } from '@tierwise/telemetry/logging';
import { prometheusMetrics } from '@tierwise/telemetry/prometheus';
import { Registry } from 'prom-client';
import { shuffle, summarise } from './statistics.js';

/**
 * What telemetry costs an L1 hit. Hierarchies that differ in nothing else are measured in turn, in an order of chance, in one process; what
 * is compared is each round's figure with that of the same round without telemetry. Time is the CPU's, so that a busy machine does no harm.
 *
 *     node bench/dist/telemetry-overhead.js [rounds]
 *
 * Ends with code 1 if metrics cost 15 % or more.
 */

const KEYS = 1_000;
const HITS_PER_ROUND = 50_000;
const SCRAPE_EVERY_MS = 250;
const MOST = 0.15;

type Variant = 'off' | 'off, once more' | 'metrics' | 'metrics, scraped' | 'logs';

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const ends: (() => unknown)[] = [];

async function prepare(variant: Variant): Promise<Hierarchy> {
  const cache = createHierarchy({ namespace: `bench-${variant.replaceAll(/\W+/g, '-')}` });
  ends.push(() => cache.close());
  if (variant.startsWith('metrics')) {
    const registry = new Registry();
    const metrics = prometheusMetrics({ registry });
    metrics.watch(cache);
    ends.push(() => metrics.close());
    if (variant === 'metrics, scraped') {
      const scraping = setInterval(() => registry.metrics(), SCRAPE_EVERY_MS);
      ends.push(() => clearInterval(scraping));
    }
  }
  if (variant === 'logs') ends.push(logTo(cache, silent));
  for (let key = 0; key < KEYS; key += 1) await cache.set(`key:${key}`, { id: key, name: `name of ${key}` });
  return cache;
}

type Call = (cache: Hierarchy, key: string) => unknown;
const CALLS: Readonly<Record<string, Call>> = {
  get: (cache, key) => cache.get(key),
  getOrSet: (cache, key) => cache.getOrSet(key, missing),
  peek: (cache, key) => cache.peek(key),
};

function missing(): never {
  throw new Error('an L1 hit was to be measured');
}

/** @returns nanoseconds of CPU time for one hit. */
async function measure(cache: Hierarchy, call: Call): Promise<number> {
  const began = process.cpuUsage();
  for (let hit = 0; hit < HITS_PER_ROUND; hit += 1) {
    const value = await call(cache, keys[hit % KEYS] as string);
    if (value === undefined) missing();
  }
  const { user, system } = process.cpuUsage(began);
  return ((user + system) * 1_000) / HITS_PER_ROUND;
}

const keys = Array.from({ length: KEYS }, (_, key) => `key:${key}`);
const variants: readonly Variant[] = ['off', 'off, once more', 'metrics', 'metrics, scraped', 'logs'];
const rounds = Number(process.argv[2] ?? 15);
const caches = new Map<Variant, Hierarchy>();
for (const variant of variants) caches.set(variant, await prepare(variant));
console.log(`${rounds} rounds of ${HITS_PER_ROUND} hits, Node ${process.version}; medians; the range is of all rounds`);
for (const [name, call] of Object.entries(CALLS)) {
  for (const cache of caches.values()) await measure(cache, call);
  const ratios = new Map<Variant, number[]>(variants.map((variant) => [variant, []]));
  const offs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const took = new Map<Variant, number>();
    for (const [variant, cache] of shuffle([...caches])) took.set(variant, await measure(cache, call));
    const off = took.get('off') as number;
    offs.push(off);
    for (const [variant, ns] of took) ratios.get(variant)?.push(ns / off - 1);
  }
  console.log(`\n${name}: an L1 hit takes ${summarise(offs).median.toFixed(0)} ns with everything off`);
  for (const [variant, costs] of ratios) {
    if (variant === 'off') continue;
    const { median, min, max } = summarise(costs);
    const percent = (part: number) => `${(part * 100).toFixed(1)} %`;
    console.log(`  ${variant.padEnd(18)} ${percent(median).padStart(7)}   (${percent(min)} to ${percent(max)})`);
    if (variant.startsWith('metrics') && median >= MOST) process.exitCode = 1;
  }
}
for (const end of ends.reverse()) await end();
