import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));

it('rows come from the cache until a transaction that changes them is committed, and no longer', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program]);
  expect(stdout.trim().split('\n')).toEqual([
    'north reads 10 € from the database',
    'north reads 10 € from the cache',
    'south reads 10 € from the cache',
    'north rolls back: changed my mind',
    'south reads 10 € from the cache',
    'south reads before the commit: 10 € from the cache',
    'north commits',
    'north reads 12 € from the database',
    'south reads 12 € from the cache',
  ]);
  expect(stderr).toBe('');
}, 30_000);
