/** The command line of the soak: `npm run soak -- --help`. Needs `--expose-gc`. */
import { parseArgs } from 'node:util';
import { sparkline } from './samples.js';
import { type SoakOutcome, soak } from './soak.js';

const HELP = `npm run soak -- [options]
  --minutes <n>   for how long faults come; or --seconds. Default: 1 minute
  --warm-up <n>   seconds before, of the same kind. Default: 60
  --seed <text>   the same seed gives the same calls and faults. Default: a new one`;

/** Memory at the end may differ by so much from what it was after the warm-up. */
const TOLERANCE = 0.05;

// What goes wrong here is meant to.
process.env['INCIDENT_RESPONSE_ENABLED'] = 'false';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seconds: { type: 'string' },
    'warm-up': { type: 'string', default: '60' },
    seed: { type: 'string' },
    help: { type: 'boolean' },
  },
});

if (values.help === true) {
  console.log(HELP);
} else {
  const seconds = values.seconds === undefined ? 60 * Number(values.minutes ?? 1) : Number(values.seconds);
  if (!(seconds > 0)) throw new Error('--minutes and --seconds take a positive number');
  const seed = values.seed ?? String(Math.floor(Math.random() * 1e6));
  console.log(`seed ${seed}, ${seconds} s after ${values['warm-up']} s of warm-up`);
  const outcome = await soak({ durationMs: seconds * 1_000, warmUpMs: Number(values['warm-up']) * 1_000, seed });
  const problems = problemsOf(outcome);
  console.log(report(outcome));
  console.log(problems.length === 0 ? 'flat' : `not flat: ${problems.join('; ')}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

function report({ samples, counts, faults, before, after, idle, handles }: SoakOutcome): string {
  const row = (name: string, numbers: readonly number[]) =>
    `${name.padEnd(10)} ${sparkline(numbers)} up to ${Math.max(...numbers)}`;
  return [
    `calls      ${counts.calls}, of which ${counts.refused} refused as documented, ${counts.failed.length} failed otherwise`,
    ...[...new Set(counts.failed)].slice(0, 5).map((problem) => `             ${problem}`),
    `loads      ${counts.loads}`,
    `faults     ${faults}`,
    row(
      'heap, kB',
      samples.map(({ heap }) => Math.round(heap / 1_024)),
    ),
    row(
      'handles',
      samples.map((each) => each.handles),
    ),
    row(
      'under way',
      samples.map(({ underWay }) => underWay),
    ),
    row(
      'pending',
      samples.map(({ pending }) => pending),
    ),
    `heap       ${kB(before.heap)} after the warm-up, ${kB(after.heap)} at the end (${percent(after.heap / before.heap - 1)})`,
    `handles    ${before.handles} after the warm-up, ${after.handles} at the end; ${handles.atFirst} before all, ${handles.atLast} after all`,
    `idle       ${idle.underWay} under way, ${idle.pending} pending`,
  ].join('\n');
}

function problemsOf({ counts, before, after, idle, handles }: SoakOutcome): string[] {
  return [
    after.heap > before.heap * (1 + TOLERANCE) && 'memory grew',
    handles.atLast > handles.atFirst && 'handles are left',
    idle.underWay > 0 && 'something is still under way',
    idle.pending > 0 && 'something is still pending',
    counts.failed.length > 0 && 'calls failed',
  ].filter((problem) => problem !== false);
}

function kB(bytes: number): string {
  return `${Math.round(bytes / 1_024)} kB`;
}

function percent(share: number): string {
  return `${share >= 0 ? '+' : ''}${(share * 100).toFixed(1)} %`;
}
