/** `npm run bench`: runs the scenarios and says how fast we are, as ratios to the raw parts and to the peers. */
import { mkdir } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { resolve } from 'node:path';
import { parseArguments, USAGE } from './arguments.js';
import { type Conduct, conduct, FULL, QUICK } from './conduct.js';
import { provideRedis } from './redis.js';
import { progress } from './report/progress.js';
import { printScenario, printSummary, printWorse } from './report/table.js';
import { writeReport } from './report/write.js';
import { type ScenarioResult, worseThan } from './results.js';
import { committedRecord, conditionsOf, type RunRecord } from './run-record.js';
import type { Scenario } from './scenario.js';
import { SCENARIOS } from './scenarios/index.js';

const ids = SCENARIOS.map(({ id }) => id);

try {
  if (process.argv.includes('--help')) process.stdout.write(USAGE);
  else if (process.argv.includes('--traces')) await (await import('./traces/index.js')).printTraces();
  else await bench();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

async function bench(): Promise<void> {
  const { quick, check, only, profiles } = parseArguments(process.argv.slice(2), ids);
  const committed = check ? await committedRecord() : undefined;
  if (check && committed === undefined)
    throw new Error('nothing to check against: docs/benchmarks.json does not exist');
  if (profiles !== undefined) await mkdir(profiles, { recursive: true });

  const redis = await provideRedis();
  process.stdout.write(`Redis: ${redis.about}\n`);
  const [busy = 0] = loadavg();
  if (busy > availableParallelism() / 2) {
    process.stdout.write(`This machine is busy (load ${busy.toFixed(1)}): what is measured now says little\n`);
  }
  const began = performance.now();
  const options = {
    effort: quick ? QUICK : FULL,
    redisUrl: redis.url,
    profiles: profiles === undefined ? undefined : resolve(profiles),
  };
  const results: ScenarioResult[] = [];
  const run = async (scenario: Scenario, how: Omit<Conduct, 'note'>): Promise<ScenarioResult | undefined> => {
    const result = await measured(scenario, how);
    await redis.forget();
    return result;
  };
  try {
    for (const scenario of SCENARIOS.filter(({ id }) => only?.includes(id) ?? true)) {
      let result = await run(scenario, options);
      // What a quick look finds worse may have been a moment's noise: it gets the time of a full run before it counts.
      if (result !== undefined && committed !== undefined && quick && worseThan(committed, result).length > 0) {
        process.stdout.write('  worse than committed: once more, thoroughly\n');
        result = await run(scenario, { ...options, effort: FULL });
      }
      if (result === undefined) process.exitCode = 1;
      else results.push(result);
    }
  } finally {
    await redis.stop();
  }
  printSummary(SCENARIOS, results);
  if (committed !== undefined && printWorse(results, committed)) process.exitCode = 1;

  const isComplete = results.length === SCENARIOS.length && !quick;
  if (!isComplete || check || profiles !== undefined) return;
  const minutes = (performance.now() - began) / 60_000;
  const record: RunRecord = { conditions: conditionsOf(redis.about, minutes), scenarios: results };
  await writeReport(record, SCENARIOS);
  process.stdout.write('\ndocs/benchmarks.md, docs/benchmarks.json and docs/benchmarks/*.svg are written\n');
}

/** Runs one scenario and prints what came of it; `undefined` if it could not be measured. */
async function measured(scenario: Scenario, options: Omit<Conduct, 'note'>): Promise<ScenarioResult | undefined> {
  const show = progress(`${scenario.id} ${scenario.title}`);
  try {
    const result = await conduct(scenario, { ...options, note: show.note });
    show.done();
    printScenario(scenario, result);
    return result;
  } catch (error) {
    show.done();
    process.stdout.write(`\n${scenario.id}  ${scenario.title}: could not be measured\n    ${error}\n`);
    return undefined;
  }
}
