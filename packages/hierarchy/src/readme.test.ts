import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { lonely } from '../test/nodes.js';
import { createHierarchy } from './index.js';

const root = join(import.meta.dirname, '..');
const readme = await readFile(join(root, 'README.md'), 'utf8');

test.for([
  ['README.md', 6],
  ['../../docs/tracing.md', 1],
] as const)('the first snippet of %s runs and prints what its comments say', async ([file, lines]) => {
  const text = await readFile(join(root, file), 'utf8');
  const snippet = /^```js\n(.*?)^```/ms.exec(text)?.[1] ?? '';
  const expected = [...snippet.matchAll(/\/\/ → (.*)/g)].map((match) => match[1]);
  expect(expected).toHaveLength(lines);
  // Within the package, so that it can import it by its name, through its `exports`; in a folder that git ignores.
  const folder = await mkdtemp(join(root, 'dist', '.readme-'));
  try {
    await writeFile(join(folder, 'snippet.mjs'), snippet);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(folder, 'snippet.mjs')]);
    expect([stdout.trim().split('\n'), stderr]).toEqual([expected, '']);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** The names in the first column of the table below a heading. */
function names(heading: string): string[] {
  const table = new RegExp(`^## ${heading}\\n(.*?)^## `, 'ms').exec(readme)?.[1] ?? '';
  const cells = table.split('\n').flatMap((line) => /^\| (`.*?) \|/.exec(line)?.[1] ?? []);
  return cells.flatMap((cell) => [...cell.matchAll(/`([\w.]+)/g)].map((match) => match[1] ?? ''));
}

test('the table of calls names every call there is, and no other', () => {
  const { cache } = lonely();
  const prototype = Object.getPrototypeOf(cache);
  const there = [...new Set([...Object.getOwnPropertyNames(prototype), ...Object.keys(cache)])];
  expect(names('Calls').sort()).toEqual(there.filter((name) => name !== 'constructor' && name !== 'name').sort());
});

test('the table of options names every option there is, and no other', () => {
  // What is allowed is what the refusal of an option that does not exist says.
  const allowed = (options: object): string[] => {
    try {
      createHierarchy({ namespace: 'test', ...options });
    } catch (error) {
      return /its options are: (.*)$/.exec(String(error))?.[1]?.split(', ') ?? [];
    }
    return [];
  };
  const inner = {
    l1: ['l1'],
    lease: ['lease'],
    compression: ['compression'],
    encryption: ['encryption'],
    tuning: ['tuning'],
  };
  const there = allowed({ none: 1 }).flatMap((name) =>
    name in inner ? allowed({ [name]: { none: 1 } }).map((each) => `${name}.${each}`) : [name],
  );
  expect(names('Options').sort()).toEqual(there.map((name) => name.replace('hideNames', 'hideNames.key')).sort());
});
