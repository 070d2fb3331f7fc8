import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';

const program = fileURLToPath(new URL('../dist/swap-l2.js', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'test-of-swap-l2-'));
afterAll(() => rmSync(temporary, { recursive: true }));

const run = (...args: string[]) =>
  promisify(execFile)(process.execPath, [program, ...args], { env: { ...process.env, TMPDIR: temporary } });
const redis = process.env['TIERWISE_TEST_REDIS_URL'] ?? '';

it.each([
  ['memory', []],
  ['embedded', []],
  ['redis', ['--url', redis]],
])('does the same on %s', async (l2, more) => {
  const { stdout, stderr } = await run('--l2', l2, ...more);
  expect(stdout.trim().split('\n')).toEqual([
    `L2: ${l2}`,
    'node 1 reads 21 °C from the source',
    'node 1 reads 21 °C from L1',
    'node 2 reads 21 °C from L2',
    'node 1 invalidates the tag weather',
    'node 1 reads 22 °C from the source',
    'loads: 2',
  ]);
  expect(stderr).toBe('');
  expect(readdirSync(temporary)).toEqual([]);
});

it('shares nothing without an L2: each node loads for itself', async () => {
  const { stdout } = await run('--l2', 'none');
  expect(stdout).toContain('node 2 reads 22 °C from the source');
  expect(stdout).toContain('loads: 3');
});

it('says which backends there are when asked for another one', async () => {
  await expect(run('--l2', 'tape')).rejects.toMatchObject({
    code: 2,
    stderr: '--l2 must be one of none, memory, embedded, redis, not tape\n',
  });
});

it('says that Redis cannot be reached, and ends', async () => {
  await expect(run('--l2', 'redis', '--url', 'redis://127.0.0.1:1')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('redis could not be opened'),
  });
});
