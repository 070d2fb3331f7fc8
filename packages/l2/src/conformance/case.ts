import type { Bench } from './bench.js';
import type { L2Capability } from './harness.js';

/** What a case cannot do without: a capability of the backend, or an ability of its harness. */
export type L2Need = L2Capability | 'damage' | 'loseTime';

/**
 * One case of the contract. Cases are data rather than calls of a test runner, so that a test can run them one by one
 * against broken backends and see each of them fail.
 */
export interface L2Case {
  /** The part of the contract that it belongs to. */
  readonly group: string;
  /** The sentence that it checks. */
  readonly title: string;
  readonly needs: readonly L2Need[];
  /** Rejects when the backend breaks the contract. */
  run(bench: Bench): Promise<void>;
}

/** A case without its group, as {@link casesOf} takes it. */
type CaseOfGroup = readonly [title: string, run: (bench: Bench) => Promise<void>, ...needs: L2Need[]];

/** The cases of one group. What all of them need is named once. */
export function casesOf(group: string, needs: readonly L2Need[], cases: readonly CaseOfGroup[]): L2Case[] {
  return cases.map(([title, run, ...more]) => ({ group, title, run, needs: [...needs, ...more] }));
}
