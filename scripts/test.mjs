/** `npm test`: installs, builds, and runs the tests with a real Redis. Arguments go to vitest: `npm test -- packages/l1`. */
import { prepare } from './lib/prepare.mjs';
import { runInForeground, tool } from './lib/run.mjs';

await prepare();
process.exitCode = await runInForeground([...tool('vitest'), 'run', ...process.argv.slice(2)]);
