import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const program = fileURLToPath(new URL('../dist/demo.js', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'test-of-city-service-'));
afterAll(() => rmSync(temporary, { recursive: true }));

/** Copying the cities takes seconds, and other tests run meanwhile (milliseconds). */
const LIMIT_MS = 120_000;
/** The tests share their machine with others, so the other node may be late: that is not what they look for. */
const PATIENT = ['--seconds', '3', '--grace', '5000'];

interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Resolves when the demo has printed this. */
  readonly printed: (text: string) => Promise<void>;
  readonly exitCode: Promise<number | null>;
}

function start(...args: string[]): Running {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      for (const look of waiting) look();
    });
  }
  const exitCode = once(child, 'close').then(([code]) => code as number | null);
  const printed = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => output.includes(text) && resolve();
      waiting.add(look);
      look();
      exitCode.then(() => reject(new Error(`it ended without printing ${JSON.stringify(text)}, but:\n${output}`)));
    });
  return { child, output: () => output, printed, exitCode };
}

async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
  const { exitCode, output } = start(...args);
  return { code: await exitCode, output: output() };
}

/** The figure that stands behind a name in the summary. */
function figure(output: string, name: string): number {
  const [, text = 'none'] = new RegExp(`^${name} +([\\d,]+)`, 'm').exec(output) ?? [];
  return Number(text.replaceAll(',', ''));
}

const childrenOf = ({ pid }: ChildProcess): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function expectCleanRun(output: string): void {
  expect(output).toContain('✓ stale reads after invalidation: 0');
  for (const tier of ['L1', 'L2', 'source']) expect(output).toMatch(new RegExp(`│ ${tier} .*│ +[1-9][\\d,]* │.* ms │`));
  for (const name of ['requests', 'loads', 'loads avoided', 'invalidations', 'rows checked']) {
    expect(figure(output, name), name).toBeGreaterThan(0);
  }
  expect(output).toContain('GeoNames');
  expect(output).toContain('CC BY 4.0');
  expect(readdirSync(temporary)).toEqual([]);
}

it('finds no stale read on the embedded L2', { timeout: LIMIT_MS }, async () => {
  const { code, output } = await run(...PATIENT, '--seed', '1');
  expectCleanRun(output);
  expect(output).toContain('2 processes of the service on an embedded L2 (LMDB); seed 1');
  expect(code).toBe(0);
});

it('finds no stale read on Redis, encrypted', { timeout: LIMIT_MS }, async () => {
  const { code, output } = await run(...PATIENT, '--encrypt', '--redis', process.env['TIERWISE_TEST_REDIS_URL'] ?? '');
  expectCleanRun(output);
  expect(output).toMatch(/on Redis at .*, encrypted; seed \d+/);
  expect(code).toBe(0);
});

it('finds stale reads where invalidations get lost, tells of them and fails', { timeout: LIMIT_MS }, async () => {
  const { code, output } = await run('--seconds', '3', '--lose-every', '4');
  expect(output).toMatch(/✗ stale reads after invalidation: [1-9]/);
  expect(output).toMatch(/node [12] showed version \d+ of row \d+/);
  expect(code).toBe(1);
});

it('says which child crashed, and ends the others', { timeout: LIMIT_MS }, async () => {
  const { child, printed, exitCode, output } = start('--seconds', '60');
  await printed('2 processes of the service');
  const [source = 0, ...nodes] = childrenOf(child);
  process.kill(nodes[1] ?? 0, 'SIGKILL');
  expect(await exitCode).toBe(1);
  expect(output()).toContain('The demo failed: node 2 ended with SIGKILL');
  expect([source, ...nodes].filter(isRunning)).toEqual([]);
  expect(readdirSync(temporary)).toEqual([]);
});

it('ends everything it started when it is interrupted', { timeout: LIMIT_MS }, async () => {
  const { child, printed, exitCode, output } = start('--seconds', '60');
  await printed('requests');
  const children = childrenOf(child);
  child.kill('SIGINT');
  expect(await exitCode).toBe(130);
  expect(output()).toContain('Interrupted.');
  expect(children).toHaveLength(3);
  expect(children.filter(isRunning)).toEqual([]);
  expect(readdirSync(temporary)).toEqual([]);
});

it('explains its options', async () => {
  const wrong = await run('--seconds', 'ten');
  expect(wrong).toMatchObject({ code: 2, output: expect.stringContaining('--seconds must be a whole number') });
  expect(await run('--help')).toMatchObject({ code: 0, output: expect.stringContaining('--encrypt') });
});
