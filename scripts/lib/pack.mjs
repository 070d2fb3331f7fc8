import { readdir } from 'node:fs/promises';
import { pnpm } from './prepare.mjs';
import { run } from './run.mjs';

/**
 * Packs every package under `packages/` into `folder`. pnpm does it, since it replaces `workspace:` by versions.
 *
 * @param {string} folder - an absolute path
 * @returns {Promise<string[]>} the names of the tarballs
 */
export async function pack(folder) {
  await run([...pnpm, '--recursive', '--filter', './packages/*', 'pack', '--pack-destination', folder]);
  return (await readdir(folder)).filter((name) => name.endsWith('.tgz')).sort();
}
