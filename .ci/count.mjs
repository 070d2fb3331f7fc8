/** `node .ci/count.mjs <folder>`: sums up vitest's JSON reports in a folder into one line. Exits with 1 if anything failed. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder] = process.argv.slice(2);
let passed = 0;
let failed = 0;
const reports = readdirSync(folder).filter((name) => name.endsWith('.json'));
for (const name of reports) {
  const report = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  // A file that broke before its first test has no failed test to count; nor has a run that found no Redis.
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  const nothingElse = report.numFailedTests + broken.length === 0;
  failed += broken.length + (report.success || !nothingElse ? 0 : 1);
}
// A run without a report (no Redis, a build error) is a failure and not nothing.
if (!reports.includes('all.json')) failed += 1;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
