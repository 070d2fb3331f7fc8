/** The command line of the failure matrix: `npm run failure-matrix`. Prints it, or writes it to a file. */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { isForbidden } from './cell.js';
import { documentOf } from './document.js';
import { CHAOS_FAULTS } from './faults.js';
import { MOMENTS, type Moment, type Row, runRow } from './matrix.js';
import { CHAOS_OPERATIONS } from './operations.js';

const HELP = `npm run failure-matrix -- [options]
  --write <file>   writes the matrix there, as Markdown. Default: prints it
  --faults <list>  some of: ${CHAOS_FAULTS.map(({ name }) => name).join('; ')} (separated by ;). Default: all
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
  const faults = CHAOS_FAULTS.filter(({ name }) => values.faults?.split(';').includes(name) ?? true);
  const moments = (Object.keys(MOMENTS) as Moment[]).filter(
    (name) => values.moments?.split(',').includes(name) ?? true,
  );
  const rows: Row[] = [];
  for (const moment of moments) {
    for (const fault of faults) {
      const row = await runRow(fault, moment, CHAOS_OPERATIONS);
      rows.push(row);
      const forbidden = CHAOS_OPERATIONS.flatMap(({ name }, index) => {
        const verdict = row.verdicts[index];
        return verdict !== undefined && isForbidden(verdict) ? [`${name} ${verdict.what}`] : [];
      });
      console.error(`${moment}, ${fault.name}: ${forbidden.join('; ') || 'as it must be'}`);
    }
  }
  const text = await documentOf(rows, CHAOS_OPERATIONS);
  if (values.write === undefined) console.log(text);
  else await writeFile(values.write, text);
  process.exitCode = rows.some(({ verdicts }) => verdicts.some(isForbidden)) ? 1 : 0;
}
