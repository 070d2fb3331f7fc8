import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test('a hierarchy runs on the backend, and finds what an earlier one left there', async () => {
  const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program]);
  expect(stderr).toBe('');
  expect(stdout.trim().split('\n')).toEqual([
    'loaded: { price: 10 }',
    'after a restart: { price: 10 } l1',
    'after delete: { price: 12 }',
  ]);
});
