import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

test('the first snippet of the README runs and prints what it says', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const snippet = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const promised = /```text\n([\s\S]*?)```/.exec(readme)?.[1] ?? 'something';
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', snippet], { cwd: root });
  expect((await run).stdout).toBe(promised);
});
