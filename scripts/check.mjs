/**
 * `npm run check`: everything that can be said about the workspace without running its tests. A failing step prints what
 * its tool said, the others run all the same. `npm run check -- --fast` stops after format, lint and types.
 */
import { docsLinks } from './lib/docs-links.mjs';
import { packageChecks } from './lib/package-checks.mjs';
import { build, install } from './lib/prepare.mjs';
import { step } from './lib/report.mjs';
import { run, tool } from './lib/run.mjs';
import { strayContent } from './lib/stray-content.mjs';
import { supplyChain } from './lib/supply-chain.mjs';

const fast = process.argv.includes('--fast');

/** A step that lets a tool speak only where it fails. */
const runs =
  (command, ...args) =>
  async () => {
    await run([...command, ...args]);
  };

if (!(await install())) process.exit(1);
const results = [
  await build(),
  await step('format and lint', runs(tool('@biomejs/biome', 'biome'), 'ci', '--error-on-warnings', '--colors=off')),
  await step('types, of tests and type tests too', runs(tool('typescript', 'tsc'), '-p', 'tsconfig.test.json')),
];
if (!fast) {
  results.push(
    await step('dead code', runs(tool('knip'), '--no-config-hints')),
    await step('packages as published', packageChecks),
    await step('links in the docs', docsLinks),
    await step('supply chain', supplyChain),
    await step('stray content', strayContent),
  );
}
const failed = results.filter((passed) => !passed).length;
if (failed) console.log(`${failed} of ${results.length} checks failed`);
process.exitCode = failed ? 1 : 0;
