import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const readme = await readFile(join(root, 'README.md'), 'utf8');

test.each([
  ['base', 2],
  ['HTTP', 3],
])('the snippet of the README runs, prints what its comments say, and ends by itself: %s', async (part, lines) => {
  const [base, http] = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map((match) => match[1]);
  const snippet = (part === 'base' ? base : http) ?? '';
  const promised = [...snippet.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map((match) => match[1]);
  expect(promised).toHaveLength(lines);
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', snippet], { cwd: root });
  expect((await run).stdout.trim().split('\n')).toEqual(promised);
});

test('what the README links to is there', async () => {
  const links = [...readme.matchAll(/\]\((?!https?:)([^)#]*)/g)].map((match) => match[1] ?? '').filter(Boolean);
  expect(links.length).toBeGreaterThan(3);
  for (const link of links) await expect(readFile(join(root, link)), link).resolves.toBeDefined();
  const anchors = [...readme.matchAll(/\]\(#([^)]*)/g)].map((match) => match[1]);
  const headings = [...readme.matchAll(/^#+ (.*)$/gm)].map((match) => match[1]?.toLowerCase().replaceAll(' ', '-'));
  expect(headings).toEqual(expect.arrayContaining(anchors));
});
