/**
 * `npm run soak -- --minutes 20`: installs, builds, and lets a node work under faults of its Redis for a while; then says whether
 * memory, handles and what is under way have stayed the same.
 */
import { prepare } from './lib/prepare.mjs';
import { runInForeground } from './lib/run.mjs';

await prepare();
process.exitCode = await runInForeground([
  process.execPath,
  '--expose-gc',
  'test/dist/soak/main.js',
  ...process.argv.slice(2),
]);
