import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const packageFolder = new URL('..', import.meta.url);

async function blockOf(language: string): Promise<string> {
  const readme = await readFile(new URL('README.md', packageFolder), 'utf8');
  const block = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'ms').exec(readme)?.[1];
  if (block === undefined) throw new Error(`README.md has no block of ${language}`);
  return block;
}

test('the first snippet prints what its comments say', async () => {
  const code = await blockOf('js');
  const expected = [...code.matchAll(/\/\/ → (.*)/g)].map((match) => match[1]);
  const args = ['--input-type=module', '--eval', code];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: packageFolder });
  expect(expected.length).toBeGreaterThan(0);
  expect(stdout.trim().split('\n')).toEqual(expected);
});

test("the second snippet is the example's test", async () => {
  const example = new URL('../../examples/custom-l2/src/map-l2.test.ts', packageFolder);
  expect(await blockOf('ts')).toBe(await readFile(example, 'utf8'));
});
