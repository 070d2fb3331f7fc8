import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));

it.each([
  ['a shared directory', []],
  ['Redis', [process.env['TIERWISE_TEST_REDIS_URL'] ?? '']],
])(
  'two processes ask the origin once, and never for each other’s users: %s',
  async (_place, args) => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, ...args]);
    expect(stdout.trim().split('\n')).toEqual([
      'process 1 GET /price: 200 10 € from the origin',
      'process 1 GET /price: 200 10 € from the cache',
      'process 2 GET /price: 200 10 € from the cache',
      'process 2 PUT /price: 200 11 € from the origin',
      'process 1 GET /price: 200 11 € from the origin',
      'process 2 GET /price: 200 11 € from the cache',
      'process 1 GET /account as ada: 200 account of ada from the origin',
      'process 2 GET /account as bob: 200 account of bob from the origin',
      'the origin was asked 5 times',
    ]);
    expect(stderr).toBe('');
  },
  30_000,
);
