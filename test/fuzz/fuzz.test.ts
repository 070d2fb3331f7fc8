import { expect, test } from 'vitest';
import { Random } from '../coherence/random.js';
import { fuzz, KINDS } from './fuzz.js';

const COUNT = 5_000;

test.each(Object.entries(KINDS))(
  '%s: whatever bytes L2 has, a read finds what was stored or nothing',
  async (_, kind) => {
    const tally = await fuzz(kind, COUNT, new Random('fuzz'));
    expect(tally).toMatchObject({ thrown: [], wrong: [] });
    expect(tally.misses).toBeGreaterThan(COUNT / 4);
    if (kind.isForged) expect(tally.forged).toBeGreaterThan(COUNT / 20);
  },
);
