import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

test('the snippet of the README runs and prints what its comments say', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const snippet = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  // Within the package, so that it can import it by its name, through its `exports`; in a folder that git ignores.
  const folder = await mkdtemp(join(root, 'dist', '.readme-'));
  try {
    await writeFile(join(folder, 'snippet.mjs'), snippet);
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'snippet.mjs')]);
    expect(stdout.trim().split('\n')).toEqual([
      'stored',
      "{ name: 'Ada' }",
      'undefined',
      'user:1 left: oversize',
      'oversize',
      'undefined',
      '1',
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
