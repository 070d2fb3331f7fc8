import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { FAULT_KINDS } from './coherence/faults.js';
import { report } from './coherence/report.js';
import { torture } from './coherence/run.js';

const SUBJECT = pathToFileURL(createRequire(import.meta.url).resolve('@tierwise/test/coherence/tierwise')).href;

/** What an operator needs for a way there, back, and there for good, with the short times of the torture, in milliseconds. */
const THERE_AND_BACK_MS = 6_000;
/** After an outage nodes take their time to come back: `npm run torture` has that. */
const FAULTS = FAULT_KINDS.filter((kind) => kind !== 'outage');

describe.concurrent('a cluster moves from one store to another, back, and over for good, while it is in use and suffers faults', () => {
  test.each(['embedded-to-redis', 'redis-to-cluster'])(
    '%s: no read returns what it must not',
    { timeout: 120_000 },
    async (store) => {
      const options = { subject: SUBJECT, store, durationMs: THERE_AND_BACK_MS, seed: 'short', faults: FAULTS };
      const outcome = await torture(options);
      const { history, judgement, crashed, steps } = outcome;
      const failed = history.reads.filter(({ error }) => error !== undefined);
      expect({ violations: judgement.violations.length, failed: failed.length, crashed }, report(outcome)).toEqual({
        violations: 0,
        failed: 0,
        crashed: [],
      });
      for (const phase of ['joining', 'moving', 'leaving', 'to']) expect(steps?.get(phase), phase).toBeGreaterThan(0);
      expect(history.reads.length).toBeGreaterThan(500);
      expect(history.operations.length).toBeGreaterThan(20);
    },
  );
});
