/**
 * What tuning gains and loses: fixed times to live beside one that is tuned, and what L1 says of its size beside what is so.
 *
 *   node bench/dist/tuning/index.js [--most READS]
 *
 * On the traces of the folder `TIERWISE_TRACES`, as `bench/dist/traces/index.js` takes them, or else on a made-up one; of each, the first 200,000
 * accesses. It is the product itself that runs, on a simulated clock, so every run comes to the same figures on every machine.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Duration } from '@tierwise/hierarchy';
import { readTraces, type Trace, zipfTrace } from '../traces/trace.js';
import type { ChangeSpan } from './changes.js';
import { readThroughL1, readTrace, type TtlResult } from './simulate.js';

const MINUTE = 60_000;
const SPANS: readonly ChangeSpan[] = [
  { name: '1 minute', leastMs: MINUTE, mostMs: MINUTE },
  { name: '1 hour', leastMs: 60 * MINUTE, mostMs: 60 * MINUTE },
  { name: '1 minute to 1 day', leastMs: MINUTE, mostMs: 1_440 * MINUTE },
];
const FIXED: readonly Duration[] = ['1s', '10s', '1m', '10m', '1h'];
const STARTS: readonly Duration[] = ['10s', '10m'];
const PLACES: readonly number[] = [256, 1_024, 4_096];

async function tracesOf(folder = process.env.TIERWISE_TRACES): Promise<Trace[]> {
  if (folder !== undefined) return readTraces(folder);
  return [zipfTrace({ keys: 20_000, accesses: 200_000, exponent: 0.9, seed: 1 })];
}

function print(title: string, header: readonly string[], rows: readonly (readonly string[])[]): void {
  console.log([title, '', lineOf(header), `|${'---|'.repeat(header.length)}`, ...rows.map(lineOf), ''].join('\n'));
}

function lineOf(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function cellsOf({ loads, stale, cost, ttlMs }: TtlResult): string[] {
  return [loads.toFixed(0), stale.toFixed(0), cost.toFixed(0), `${(ttlMs / 1_000).toFixed(0)} s`];
}

async function printTtls(trace: Trace, most: number): Promise<void> {
  for (const span of SPANS) {
    const rows: string[][] = [];
    for (const ttl of FIXED) rows.push([`${ttl}`, ...cellsOf(await readTrace(trace, span, { ttl }, most))]);
    for (const ttl of STARTS) {
      const tuning = { ttl: { min: '1s', max: '1h', mode: 'auto' } } as const;
      rows.push([`tuned, from ${ttl}`, ...cellsOf(await readTrace(trace, span, { ttl, tuning }, most))]);
    }
    print(`${trace.name}, values change every ${span.name}`, ['ttl', 'loads', 'stale', 'both', 'at the end'], rows);
  }
}

async function printSizes(trace: Trace, most: number): Promise<void> {
  const rows: string[][] = [];
  for (const places of PLACES) {
    const [one, two] = [await readThroughL1(trace, places, most), await readThroughL1(trace, 2 * places, most)];
    const percent = (part: number | undefined) => (part === undefined ? '–' : (100 * part).toFixed(1));
    const gain = two.hitRatio - one.hitRatio;
    rows.push([`${places}`, percent(one.hitRatio), percent(gain), percent(one.advice?.gain), one.advice?.size ?? '–']);
  }
  print(`${trace.name}, L1`, ['places', 'hits in %', 'more with twice as many', 'as told', 'advice'], rows);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { most: { type: 'string', default: '200000' } } });
  for (const trace of await tracesOf()) {
    await printTtls(trace, Number(values.most));
    await printSizes(trace, Number(values.most));
  }
}
