import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus, release, totalmem, type } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { ScenarioResult } from './results.js';

/** What a run measured and under what conditions: all that the document is made of, and what `--check` compares with. */
export interface RunRecord {
  readonly conditions: Conditions;
  readonly scenarios: readonly ScenarioResult[];
}

export interface Conditions {
  /** Such as `2026-11-21`. */
  readonly date: string;
  /** How long the run took. */
  readonly minutes: number;
  readonly machine: string;
  readonly node: string;
  readonly redis: string;
  /** By package. */
  readonly versions: Readonly<Record<string, string>>;
  /** What was measured of Tierwise, where that is a clone. */
  readonly commit?: string;
}

const RECORD = new URL('../../docs/benchmarks.json', import.meta.url);

/** Whose versions decide the figures. */
const PACKAGES = [
  'lru-cache',
  'ioredis-6',
  'msgpackr',
  'bentocache',
  'layered-loader',
  'cacheable',
  'cache-manager',
  'async-cache-dedupe',
  'keyv',
  '@keyv/redis',
];

/** The record of the last run that was kept; `undefined` before the first. */
export async function committedRecord(): Promise<RunRecord | undefined> {
  try {
    return JSON.parse(await readFile(RECORD, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function keepRecord(record: RunRecord): Promise<void> {
  await writeFile(RECORD, `${JSON.stringify(record, null, 2)}\n`);
}

export function conditionsOf(redis: string, minutes: number): Conditions {
  const [first] = cpus();
  const commit = commitOf();
  return {
    date: new Date().toISOString().slice(0, 10),
    minutes: Math.round(minutes * 10) / 10,
    machine: `${cpus().length} × ${first?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GB, ${type()} ${release()}`,
    node: process.version,
    redis,
    versions: Object.fromEntries(PACKAGES.map((name) => [name.replace('ioredis-6', 'ioredis'), versionOf(name)])),
    ...(commit !== undefined && { commit }),
  };
}

function versionOf(name: string): string {
  return JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
}

function commitOf(): string | undefined {
  try {
    const git = (...args: string[]) =>
      execFileSync('git', args, {
        cwd: fileURLToPath(new URL('.', import.meta.url)),
        stdio: ['ignore', 'pipe', 'ignore'],
      })
        .toString()
        .trim();
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', '../../packages') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${changed ? ' with changes' : ''}`;
  } catch {
    return undefined;
  }
}
