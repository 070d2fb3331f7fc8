/**
 * `npm run torture -- --minutes 10 --seed 1`: installs, builds, and lets nodes, a writer and faults loose on one another; a checker
 * then decides for each read whether a value that old was allowed. `--help` says the rest.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare } from './lib/prepare.mjs';
import { root, runInForeground } from './lib/run.mjs';

const args = process.argv.slice(2);
await prepare();
process.exitCode = await runInForeground([process.execPath, 'test/dist/coherence/main.js', ...withAdapter(args)]);

/** The peers' adapters live in `bench/`, which the tests know nothing of: they are told where to find one. */
function withAdapter(given) {
  const at = given.indexOf('--peer');
  if (at < 0) return given;
  const adapter = join(root, 'bench/dist/peers', `${given[at + 1]}.js`);
  if (!existsSync(adapter)) throw new Error(`there is no adapter for the peer ${given[at + 1]}`);
  return [...given.slice(0, at), '--subject', pathToFileURL(adapter).href, ...given.slice(at + 2)];
}
