/**
 * `npm run failure-matrix`: installs, builds, and lets every operation meet every fault of Redis at several moments; writes what callers
 * saw to docs/failure-matrix.md. Any arguments, such as `--faults frozen`, go to the program and print the matrix instead.
 */
import { prepare } from './lib/prepare.mjs';
import { runInForeground } from './lib/run.mjs';

const args = process.argv.slice(2);
await prepare();
process.exitCode = await runInForeground([
  process.execPath,
  'test/dist/chaos/main.js',
  ...(args.length === 0 ? ['--write', 'docs/failure-matrix.md'] : args),
]);
