import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const readme = await readFile(join(root, 'README.md'), 'utf8');

test('the snippet of the README runs and prints what its comments say', async () => {
  const snippet = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const promised = [...snippet.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map((match) => match[1]);
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', snippet], {
    cwd: root,
    env: { ...process.env, REDIS_URL: process.env['TIERWISE_TEST_REDIS_URL'] },
  });
  expect(promised).toHaveLength(2);
  expect(stdout.trim().split('\n')).toEqual(promised);
});

test('the README and the test of an ACL user name the same rights', async () => {
  const rightsIn = (text: string): string[] => [...new Set(text.match(/\+[a-z]+(?=[ '`\n])/g))].sort();
  const tested = await readFile(join(root, 'src', 'outages.test.ts'), 'utf8');
  const named = rightsIn(readme.slice(readme.indexOf('**Rights of an ACL user**'))).filter(
    (right) => right !== '+info',
  );
  expect(named.length).toBeGreaterThan(10);
  expect(rightsIn(tested.slice(tested.indexOf('const commands ='), tested.indexOf("'SETUSER'")))).toEqual(named);
});
