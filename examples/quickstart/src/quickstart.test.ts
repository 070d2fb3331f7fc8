import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';

const program = fileURLToPath(new URL('../dist/quickstart.js', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'test-of-quickstart-'));
afterAll(() => rmSync(temporary, { recursive: true }));

it('loads once for 100 readers, is found by the other node in L2, and anew after an invalidation', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], {
    env: { ...process.env, TMPDIR: temporary },
  });
  expect(stdout.trim().split('\n')).toEqual([
    '… asking the source',
    "100 readers: Set(1) { { name: 'Lamp', price: 10 } }",
    'again, here: l1',
    'first, there: l2',
    '… asking the source',
    "after the change: { name: 'Lamp', price: 12 }",
  ]);
  expect(stderr).toBe('');
  expect(readdirSync(temporary)).toEqual([]);
});
