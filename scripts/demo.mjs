/** `npm run demo`: installs, builds, and runs the demo. Arguments go to it: `npm run demo -- --redis redis://localhost:6379`. */
import { prepare } from './lib/prepare.mjs';
import { runInForeground } from './lib/run.mjs';

await prepare();
process.exitCode = await runInForeground([
  process.execPath,
  'examples/city-service/dist/demo.js',
  ...process.argv.slice(2),
]);
