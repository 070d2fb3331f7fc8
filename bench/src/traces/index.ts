/**
 * Hit ratios of L1's policy beside others and the optimum, by the number of places.
 *
 *   node bench/dist/traces/index.js [--json FILE] [--plot FILE]
 *
 * On the traces of the folder `TIERWISE_TRACES` (`NAME.u32le.gz`, one little-endian uint32 per access), or else on a made-up one. Every run comes
 * to the same figures: nothing depends on the machine.
 */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { plotOf } from './plot.js';
import { CONTESTANTS, hitRatios } from './simulate.js';
import { readTraces, type Trace, zipfTrace } from './trace.js';

/** Places, from small to large. */
const CAPACITIES = [64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192];
/** A cache that holds more of all keys than this share is no small one, and the policies come to the same. */
const MOST_OF_KEYS = 0.5;

/** Hit ratios on one trace, in per cent. */
export interface TraceResult {
  readonly trace: string;
  readonly accesses: number;
  readonly keys: number;
  readonly rows: readonly { readonly capacity: number; readonly ratios: Readonly<Record<string, number>> }[];
}

/** Simulates all policies on the traces of a folder, or on the made-up one. */
export async function measureTraces(folder = process.env.TIERWISE_TRACES): Promise<TraceResult[]> {
  const traces = folder === undefined ? [madeUp()] : await readTraces(folder);
  return traces.map((trace) => ({
    trace: trace.name,
    accesses: trace.accesses.length,
    keys: trace.keys,
    rows: CAPACITIES.filter((capacity) => capacity <= MOST_OF_KEYS * trace.keys).map((capacity) => ({
      capacity,
      ratios: hitRatios(trace, capacity),
    })),
  }));
}

/** A table in Markdown, with one line for each number of places. */
export function tableOf({ trace, accesses, keys, rows }: TraceResult): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    `${trace}: ${accesses.toLocaleString('en')} accesses, ${keys.toLocaleString('en')} keys; hits in %`,
    '',
    line(['places', ...CONTESTANTS]),
    `|${'---:|'.repeat(CONTESTANTS.length + 1)}`,
    ...rows.map(({ capacity, ratios }) =>
      line([capacity.toLocaleString('en'), ...CONTESTANTS.map((name) => (ratios[name] ?? Number.NaN).toFixed(2))]),
    ),
    '',
  ].join('\n');
}

/** Simulates, and prints a table for each trace. */
export async function printTraces(): Promise<TraceResult[]> {
  const results = await measureTraces();
  for (const result of results) console.log(tableOf(result));
  return results;
}

function madeUp(): Trace {
  return zipfTrace({ keys: 50_000, accesses: 1_000_000, exponent: 0.9, seed: 1 });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { json: { type: 'string' }, plot: { type: 'string' } } });
  const results = await printTraces();
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
  if (values.plot !== undefined) await writeFile(values.plot, plotOf(results));
}
