import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { FaultKind } from './faults.js';
import { report } from './report.js';
import { type Outcome, type TortureOptions, torture } from './run.js';
import { LONGEST_PAUSE_MS } from './writer.js';

const SUBJECT = pathToFileURL(createRequire(import.meta.url).resolve('@tierwise/test/coherence/tierwise')).href;
const LIMIT = { timeout: 60_000 };

function run(store: string, ms: number, more: Partial<TortureOptions> = {}): Promise<Outcome> {
  return torture({ subject: SUBJECT, store, durationMs: ms, seed: 'short', ...more });
}

describe.concurrent('three nodes, a writer, and everything that can go wrong, for ten seconds', () => {
  test.each(['redis', 'redis-pool', 'embedded'])('%s: no read returns what it must not', LIMIT, async (store) => {
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
  test.each<[fence: string, longestPauseMs: number, faults: FaultKind[]]>([
    // What the node that invalidated must not do shows at once: the more of them, the sooner.
    ['doom', 60, []],
    ['lease', 60, []],
    ['marks', 60, []],
    // What a deaf node must not do shows only in what stays stale for long.
    ['deaf', LONGEST_PAUSE_MS, ['feed cut', 'feed silence']],
  ])('%s', { timeout: 120_000 }, async (fence, longestPauseMs, faults) => {
    // Whether a run meets the race is chance, on a busy machine more than on an idle one.
    for (let seed = 1; seed <= 8; seed += 1) {
      const { judgement } = await run('redis', 5_000, {
        breaks: [fence],
        faults,
        longestPauseMs,
        nodes: 2,
        seed: `${seed}`,
      });
      if (judgement.violations.length > 0) return;
    }
    expect.fail('no violation in any of these runs');
  });
});
