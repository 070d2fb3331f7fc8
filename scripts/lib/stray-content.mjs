import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Findings } from './report.mjs';
import { root } from './run.mjs';
import { trackedFiles } from './tracked-files.mjs';

/** What belongs to one machine and not into the repository. */
const STRAY = [
  ['a path of one machine', /(?<![\w.$}/-])\/(?:work|root|home|Users)\/[\w.-]+/],
  ['a registry address', /\bregistry\.[\w-]+\.[a-z]{2,}\b/i],
  ['a merge conflict', /^(?:<{7}|>{7}) /],
];

/** No absolute path of a machine, no registry's host name, no left-over of a merge in any text of the repository. */
export async function strayContent() {
  const own = [root, homedir()].filter((path) => path.length > 2);
  const problems = [];
  for (const file of await trackedFiles()) {
    const bytes = readFileSync(join(root, file));
    if (bytes.includes(0)) continue;
    for (const [index, line] of bytes.toString('utf8').split('\n').entries()) {
      const found = STRAY.find(([, pattern]) => pattern.test(line))?.[0] ?? own.find((path) => line.includes(path));
      if (found) problems.push(`${file}:${index + 1} holds ${found}: ${line.trim().slice(0, 160)}`);
    }
  }
  if (problems.length) throw new Findings(problems);
}
