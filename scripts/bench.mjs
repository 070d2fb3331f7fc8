/**
 * `npm run bench`: installs, builds, and measures; writes docs/benchmarks.md. Arguments, such as `--quick` or `--only P1,P3`, go to the
 * program; `--help` lists them.
 */
import { prepare } from './lib/prepare.mjs';
import { runInForeground } from './lib/run.mjs';

await prepare();
process.exitCode = await runInForeground([process.execPath, 'bench/dist/main.js', ...process.argv.slice(2)]);
