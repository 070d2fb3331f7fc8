import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './run.mjs';

/** The files that are, or by the next `git add` would be, part of the repository, relative to the root. */
export async function trackedFiles(...patterns) {
  const list = await run(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...patterns]);
  return list.split('\0').filter((file) => file && existsSync(join(root, file)));
}
