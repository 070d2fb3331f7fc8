import { afterAll, beforeAll, describe, test } from 'vitest';
import { Bench } from './conformance/bench.js';
import type { L2Need } from './conformance/case.js';
import { casesFor } from './conformance/cases.js';
import type { L2Harness, L2TestStore } from './conformance/harness.js';

export {
  type L2Capability,
  type L2Harness,
  type L2TestClock,
  type L2TestStore,
  realClock,
} from './conformance/harness.js';

/** How long a case waits for news that should come, in milliseconds. */
const PATIENCE_MS = 5_000;

/** The time limit of one case, in milliseconds: many of them, on a slow and busy machine, need far less. */
const CASE_LIMIT_MS = 30_000;

/**
 * Registers, with vitest, a test for every sentence of the contract of {@link L2}. Call it in a test file of your backend.
 *
 * Cases for capabilities that the backend lacks, or for which its harness has no means, are skipped and say why. Idea: one
 * suite over a factory, as rueidis and Guava's collection test suites do it.
 *
 * @param name of the backend, for reports.
 * @param harness how to make stores and nodes.
 */
export function l2Conformance(name: string, harness: L2Harness): void {
  describe(`${name} keeps the contract of an L2`, () => {
    let store: L2TestStore | undefined;
    beforeAll(async () => {
      store = await harness.setup();
    }, CASE_LIMIT_MS);
    afterAll(() => store?.destroy(), CASE_LIMIT_MS);

    const cases = casesFor(harness.capabilities);
    for (const group of new Set(cases.map((each) => each.group))) {
      describe(group, () => {
        for (const { title, needs, run } of cases.filter((each) => each.group === group)) {
          test(title, { timeout: CASE_LIMIT_MS }, async ({ skip }) => {
            if (store === undefined) throw new Error('setup() of the harness failed');
            const lacking = needs.filter((need) => !has(harness, store as L2TestStore, need));
            if (lacking.length > 0) skip(`without ${lacking.join(', ')}`);
            const bench = new Bench(store, PATIENCE_MS);
            try {
              await run(bench);
            } finally {
              await bench.close();
            }
          });
        }
      });
    }
  });
}

function has(harness: L2Harness, store: L2TestStore, need: L2Need): boolean {
  return need === 'damage' || need === 'loseTime' ? store[need] !== undefined : harness.capabilities.includes(need);
}
