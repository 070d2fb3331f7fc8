import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { workspaceFolders } from './prepare.mjs';
import { Findings } from './report.mjs';
import { root } from './run.mjs';

const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare'];

/**
 * No dependency may run a script at install, none of ours has one, and the lockfile names no registry: whoever installs
 * uses the registry of their own choice.
 */
export async function supplyChain() {
  const problems = [];
  const read = (file) => readFileSync(join(root, file), 'utf8');

  for (const [index, line] of read('pnpm-lock.yaml').split('\n').entries()) {
    if (/\w:\/\//.test(line)) problems.push(`pnpm-lock.yaml:${index + 1} holds an address: ${line.trim()}`);
  }

  const settings = read('pnpm-workspace.yaml');
  const [, builds] = /^allowBuilds:\n((?: +.*\n)*)/m.exec(settings) ?? [];
  if (builds === undefined) problems.push('pnpm-workspace.yaml has no allowBuilds');
  for (const line of (builds ?? '').split('\n')) {
    if (line && !/: false\b/.test(line)) problems.push(`pnpm-workspace.yaml lets a script run: ${line.trim()}`);
  }
  if (/^dangerously/im.test(settings)) problems.push('pnpm-workspace.yaml has a setting that calls itself dangerous');

  for (const folder of ['.', ...workspaceFolders()]) {
    const { scripts = {} } = JSON.parse(read(join(folder, 'package.json')));
    for (const name of INSTALL_SCRIPTS) {
      if (name in scripts) problems.push(`${folder}/package.json has a script that runs at install: ${name}`);
    }
  }
  if (existsSync(join(root, '.npmrc')) && /registry/i.test(read('.npmrc'))) problems.push('.npmrc names a registry');

  if (problems.length) throw new Findings(problems);
}
