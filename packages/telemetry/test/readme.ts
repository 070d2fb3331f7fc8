import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '..');

/** Runs the first snippet of a section of the README. @returns its lines, and those that its comments promise. */
export async function printedBySnippet(section: string): Promise<{ printed: string[]; promised: string[] }> {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const [, text = ''] = readme.split(`\n## ${section}\n`);
  const snippet = /```js\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
  const promised = [...snippet.matchAll(/\/\/ → (.*)/g)].map((match) => match[1] ?? '');
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', snippet], {
    cwd: root,
  });
  return { printed: stdout.trim().split('\n'), promised };
}
