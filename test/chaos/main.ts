/** The command line of the failure matrix: `npm run failure-matrix`. Prints it, or writes it to a file. */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { isForbidden } from './cell.js';
import { documentOf } from './document.js';
import { EMBEDDED_FAULTS, startEmbeddedStand } from './embedded-stand.js';
import { CHAOS_FAULTS } from './faults.js';
import { MOMENTS, type Moment, type Row, runRow } from './matrix.js';
import { CHAOS_OPERATIONS } from './operations.js';
import { startRedisStand } from './stand.js';

const HELP = `npm run failure-matrix -- [options]
  --write <file>   writes the matrix there, as Markdown. Default: prints it
  --faults <list>  some of: ${[...CHAOS_FAULTS, ...EMBEDDED_FAULTS].map(({ name }) => name).join('; ')} (separated by ;). Default: all
  --moments <list> some of: ${Object.keys(MOMENTS).join(', ')}. Default: all`;

// What goes wrong here is meant to.
process.env['INCIDENT_RESPONSE_ENABLED'] = 'false';

const { values } = parseArgs({
  options: {
    write: { type: 'string' },
    faults: { type: 'string' },
    moments: { type: 'string' },
    help: { type: 'boolean' },
  },
});

if (values.help === true) {
  console.log(HELP);
} else {
  const isWanted = ({ name }: { name: string }) => values.faults?.split(';').includes(name) ?? true;
  const faults = CHAOS_FAULTS.filter(isWanted);
  const moments = (Object.keys(MOMENTS) as Moment[]).filter(
    (name) => values.moments?.split(',').includes(name) ?? true,
  );
  const embeddedFaults = process.getuid?.() === 0 ? EMBEDDED_FAULTS.filter(isWanted) : [];
  if (embeddedFaults.length < EMBEDDED_FAULTS.length) console.error('without a small disk, which takes root');
  const rows: Row[] = [];
  const add = (row: Row) => {
    rows.push(row);
    const forbidden = CHAOS_OPERATIONS.flatMap(({ name }, index) => {
      const verdict = row.verdicts[index];
      return verdict !== undefined && isForbidden(verdict) ? [`${name} ${verdict.what}`] : [];
    });
    console.error(`${row.moment}, ${row.fault.name}: ${forbidden.join('; ') || 'as it must be'}`);
  };
  for (const moment of moments) {
    for (const fault of faults) {
      add(await runRow(startRedisStand, fault, moment, CHAOS_OPERATIONS));
    }
    // Nothing is on its way there: it begins before, or has lasted.
    for (const fault of moment === 'before' || moment === 'lasting' ? embeddedFaults : []) {
      add(await runRow(startEmbeddedStand, fault, moment, CHAOS_OPERATIONS));
    }
  }
  const text = await documentOf(rows, CHAOS_OPERATIONS);
  if (values.write === undefined) console.log(text);
  else await writeFile(values.write, text);
  process.exitCode = rows.some(({ verdicts }) => verdicts.some(isForbidden)) ? 1 : 0;
}
