import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { FaultKind } from './faults.js';
import { report } from './report.js';
import { type Outcome, torture } from './run.js';

const SUBJECT = pathToFileURL(createRequire(import.meta.url).resolve('@tierwise/test/coherence/tierwise')).href;
const LIMIT = { timeout: 60_000 };

function run(
  store: string,
  ms: number,
  more: { faults?: FaultKind[]; breaks?: string[]; nodes?: number } = {},
): Promise<Outcome> {
  return torture({ subject: SUBJECT, store, durationMs: ms, seed: 'short', ...more });
}

describe.concurrent('three nodes, a writer, and everything that can go wrong, for ten seconds', () => {
  test.each(['redis', 'embedded'])('%s: no read returns what it must not', LIMIT, async (store) => {
    const outcome = await run(store, 10_000);
    const { history, judgement, crashed } = outcome;
    const failed = history.reads.filter(({ error }) => error !== undefined);
    expect({ violations: judgement.violations.length, failed: failed.length, crashed }, report(outcome)).toEqual({
      violations: 0,
      failed: 0,
      crashed: [],
    });
    // Something was tried, on a machine that is busy with other tests too.
    expect(history.reads.length).toBeGreaterThan(1_000);
    expect(history.operations.length).toBeGreaterThan(20);
    expect([...outcome.faults.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(4);
  });
});

describe.concurrent('the checker notices when a fence is missing', () => {
  test.each<[string, number, FaultKind[]]>([
    ['doom', 4_000, []],
    ['lease', 4_000, []],
    ['marks', 4_000, []],
    // It shows only after what a deaf node may do anyway.
    ['deaf', 9_000, ['feed cut', 'feed silence']],
  ])('%s', LIMIT, async (fence, ms, faults) => {
    const { judgement } = await run('redis', ms, { breaks: [fence], faults, nodes: 2 });
    expect(judgement.violations.length).toBeGreaterThan(0);
  });
});
