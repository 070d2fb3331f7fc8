/** The command line of a run: `npm run torture -- --help`. */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { BREAK_NAMES } from './breaks.js';
import { FAULT_KINDS } from './faults.js';
import { report } from './report.js';
import { torture } from './run.js';
import { STORES } from './stores.js';

const HELP = `npm run torture -- [options]
  --minutes <n>   how long; or --seconds. Default: 1 minute
  --seed <text>   the same seed gives the same schedule. Default: a new one
  --l2 <name>     ${Object.keys(STORES).join(', ')}. Default: redis
  --faults <list> none, or some of: ${FAULT_KINDS.join(', ')}. Default: all that the store can have
  --peer <name>   another cache instead of Tierwise, by its adapter in bench/: bentocache, layered-loader, cacheable
  --clocks <how>  same, or apart: the nodes' clocks differ by up to half an hour. Default: apart
  --break <list>  takes fences out, to see that it is noticed: ${BREAK_NAMES.join(', ')}`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    l2: { type: 'string', default: 'redis' },
    faults: { type: 'string' },
    /** The address of an adapter: what `scripts/torture.mjs` makes of `--peer`. */
    subject: { type: 'string' },
    clocks: { type: 'string', default: 'apart' },
    break: { type: 'string' },
    help: { type: 'boolean' },
  },
});

if (values.help === true) {
  console.log(HELP);
} else {
  const seconds = values.seconds === undefined ? 60 * Number(values.minutes ?? 1) : Number(values.seconds);
  if (!(seconds > 0)) throw new Error('--minutes and --seconds take a positive number');
  const seed = values.seed ?? String(Math.floor(Math.random() * 1e6));
  const faults = values.faults === undefined ? undefined : listOf(values.faults, FAULT_KINDS);
  const own = createRequire(import.meta.url).resolve('@tierwise/test/coherence/tierwise');
  console.log(`seed ${seed}, ${seconds} s, ${values.l2}`);
  const outcome = await torture({
    subject: values.subject ?? pathToFileURL(own).href,
    store: values.l2,
    durationMs: seconds * 1000,
    seed,
    faults,
    clocks: values.clocks === 'same' ? 'same' : 'apart',
    breaks: values.break === undefined ? [] : listOf(values.break, BREAK_NAMES),
  });
  console.log(`${outcome.subject}\n${report(outcome)}`);
  const failed = outcome.history.reads.some(({ error }) => error !== undefined);
  process.exitCode = outcome.judgement.violations.length > 0 || outcome.crashed.length > 0 || failed ? 1 : 0;
}

function listOf<T extends string>(list: string, known: readonly T[]): T[] {
  if (list === 'none') return [];
  return list.split(',').map((name) => {
    const found = known.find((each) => each === name.trim().replaceAll('-', ' ') || each === name.trim());
    if (found === undefined) throw new Error(`there is no ${name}; there are ${known.join(', ')}`);
    return found;
  });
}
