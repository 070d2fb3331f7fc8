import { L1_ENTRIES, tierwiseReads } from '../contestants/l2-hits.js';
import type { Contestant, Scenario } from '../scenario.js';
import { OPS } from '../throughput.js';

const [TAGGED, UNTAGGED] = ['Tierwise, 5 tags each', 'Tierwise, no tags'];
const TAGS = 50;

function contestant(name: string, tagsOf: (index: number) => string[]): Contestant {
  return {
    name,
    kind: 'ours',
    open: async (context) => {
      const { openTierwise } = await import('../contestants/tierwise.js');
      return tierwiseReads(await openTierwise({ ...context, l1Entries: L1_ENTRIES }), 100, '1 KB', tagsOf);
    },
  };
}

export const scenario: Scenario = {
  id: 'P13',
  title: 'L2 hit with 5 tags, 100 callers at once',
  method: `As P3, with five of ${TAGS} tags on each value, whose marks the node has met before.`,
  figures: [OPS],
  contestants: [
    contestant(UNTAGGED, () => []),
    contestant(TAGGED, (index) => Array.from({ length: 5 }, (_, tag) => `tag:${(index + tag * 7) % TAGS}`)),
  ],
  targets: [{ of: TAGGED, against: [UNTAGGED], atLeast: 0.9 }],
};
