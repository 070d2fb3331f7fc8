import { execFile, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const script = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs/model/run.mjs');
const hasSpin = spawnSync('spin', ['-V'], { stdio: 'ignore' }).status === 0;
const hasCompiler = ['cc', 'gcc', 'clang'].some(
  (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
);

it.skipIf(!hasSpin || !hasCompiler)(
  'the model of the protocol holds in every state, and not without any of its fences (skipped without spin and cc)',
  { timeout: 300_000 },
  async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [script, '--fast']);
    expect(stdout).toMatch(/All \d+ as expected\./);
    expect(stdout.match(/ fails {5}fails/g)?.length).toBeGreaterThan(20);
  },
);
