/** The command line of the fuzz: `npm run fuzz -- --help`. */
import { parseArgs } from 'node:util';
import { Random } from '../coherence/random.js';
import { fuzz, KINDS } from './fuzz.js';

const HELP = `npm run fuzz -- [options]
  --count <n>     how many payloads. Default: 100000
  --seed <text>   the same seed gives the same payloads. Default: a new one`;

// What goes wrong here is meant to.
process.env['INCIDENT_RESPONSE_ENABLED'] = 'false';

const { values } = parseArgs({
  options: { count: { type: 'string', default: '100000' }, seed: { type: 'string' }, help: { type: 'boolean' } },
});

if (values.help === true) {
  console.log(HELP);
} else {
  const count = Number(values.count);
  if (!(count > 0)) throw new Error('--count takes a positive number');
  const seed = values.seed ?? String(Math.floor(Math.random() * 1e6));
  console.log(`seed ${seed}`);
  const kinds = Object.entries(KINDS);
  const begin = performance.now();
  let total = 0;
  let bad = 0;
  for (const [name, kind] of kinds) {
    const tally = await fuzz(kind, count / kinds.length, new Random(`${seed} ${name}`));
    const { payloads, misses, whole, forged, thrown, wrong } = tally;
    total += payloads;
    bad += thrown.length + wrong.length;
    console.log(
      `${name.padEnd(14)} ${payloads} payloads: ${misses} misses, ${whole} whole, ${forged} forged ones decoded; ` +
        `${thrown.length} throws, ${wrong.length} wrong values`,
    );
    for (const problem of [...thrown, ...wrong].slice(0, 5)) console.log(`  ${problem}`);
  }
  console.log(`${total} payloads in ${((performance.now() - begin) / 1_000).toFixed(1)} s: ${bad} must not be`);
  process.exitCode = bad > 0 ? 1 : 0;
}
