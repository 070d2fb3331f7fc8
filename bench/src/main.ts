/** `npm run bench`: runs the scenarios and says how fast we are, as ratios to the raw parts and to the peers. */
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArguments, USAGE } from './arguments.js';
import { conduct, FULL, QUICK } from './conduct.js';
import { provideRedis } from './redis.js';
import { progress } from './report/progress.js';
import { printScenario } from './report/table.js';
import type { ScenarioResult } from './results.js';
import { SCENARIOS } from './scenarios/index.js';

const args = process.argv.slice(2);
if (args.includes('--help')) {
  process.stdout.write(USAGE);
  process.exit();
}
const { quick, only, profiles } = parseArguments(
  args,
  SCENARIOS.map(({ id }) => id),
);
const effort = quick ? QUICK : FULL;
const scenarios = SCENARIOS.filter(({ id }) => only?.includes(id) ?? true);
if (profiles !== undefined) await mkdir(profiles, { recursive: true });

const redis = await provideRedis();
process.stdout.write(`Redis: ${redis.about}\n`);
const results: ScenarioResult[] = [];
try {
  for (const scenario of scenarios) {
    const show = progress(`${scenario.id} ${scenario.title}`);
    try {
      const result = await conduct(scenario, {
        effort,
        redisUrl: redis.url,
        profiles: profiles && resolve(profiles),
        note: show.note,
      });
      show.done();
      printScenario(scenario, result);
      results.push(result);
    } catch (error) {
      show.done();
      process.stdout.write(`\n${scenario.id}  ${scenario.title}: could not be measured\n    ${error}\n`);
      process.exitCode = 1;
    }
    await redis.forget();
  }
} finally {
  await redis.stop();
}
