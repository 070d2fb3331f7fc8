/** What has to be there before anything of the workspace runs: dependencies and a build. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { step } from './report.mjs';
import { root, run, tool } from './run.mjs';

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/**
 * pnpm through npx, at the version that package.json names: a machine needs no more than Node and npm. The package is
 * named by its option, since within `npx -p node@24 …` the short form would look for pnpm in that package.
 */
export const pnpm = ['npx', '--yes', `--package=${manifest.packageManager}`, '--', 'pnpm'];

/** Installs and builds, printing a line for each; ends the process where one fails. */
export async function prepare() {
  if (!((await install()) && (await build()))) process.exit(1);
}

/** Installs what the lockfile says, unless that has been done since anything about it changed. */
export function install() {
  return step('install', async (note) => {
    const stamp = join(root, 'node_modules/.tierwise-installed');
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint()) return 'up to date';
    rmSync(stamp, { force: true });
    note(`through npx ${manifest.packageManager}`);
    await run([...pnpm, 'install', '--frozen-lockfile', '--reporter=append-only'], {
      onText: (text) => {
        const progress = text.match(/Progress: .*/g)?.at(-1);
        if (progress) note(progress);
      },
    });
    writeFileSync(stamp, fingerprint());
  });
}

/** Compiles the packages, which checks their types. */
export function build() {
  return step('build', async () => {
    removeOrphans();
    await run([...tool('typescript', 'tsc'), '-b']);
  });
}

/** All that decides what an install does, and whether the folders that it fills are there. */
function fingerprint() {
  const hash = createHash('sha256').update(`${process.version} ${process.platform} ${process.arch}\n`);
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json']) {
    hash.update(readFileSync(join(root, file)));
  }
  for (const folder of workspaceFolders()) {
    hash.update(folder).update(readFileSync(join(root, folder, 'package.json')));
    hash.update(`${existsSync(join(root, folder, 'node_modules'))}`);
  }
  return hash.digest('hex');
}

/** The folders of the workspace's packages, relative to the root. */
export function workspaceFolders() {
  const parents = ['packages', 'examples'].filter((parent) => existsSync(join(root, parent)));
  const children = parents.flatMap((parent) => readdirSync(join(root, parent)).map((name) => `${parent}/${name}`));
  return [...children, 'test', 'bench'].filter((folder) => existsSync(join(root, folder, 'package.json'))).sort();
}

/**
 * Removes outputs of the compiler whose source is gone: `tsc -b` leaves them, where they would be packed, and would let
 * an import succeed here that fails in a fresh clone.
 */
function removeOrphans() {
  for (const folder of workspaceFolders()) {
    const [source, output] = [join(root, folder, 'src'), join(root, folder, 'dist')];
    if (!existsSync(source) || !existsSync(output)) continue;
    for (const file of readdirSync(output, { recursive: true })) {
      const compiled = /^(.*)(?:\.js|\.d\.ts)(?:\.map)?$/.exec(file);
      if (compiled && !existsSync(join(source, `${compiled[1]}.ts`))) rmSync(join(output, file));
    }
  }
}
