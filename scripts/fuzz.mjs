/**
 * `npm run fuzz -- --count 1000000 --seed 1`: installs, builds, and has readers meet damaged, foreign and random bytes in L2: none of
 * them may make a read throw, or answer with anything but what was stored.
 */
import { prepare } from './lib/prepare.mjs';
import { runInForeground } from './lib/run.mjs';

await prepare();
process.exitCode = await runInForeground([process.execPath, 'test/dist/fuzz/main.js', ...process.argv.slice(2)]);
