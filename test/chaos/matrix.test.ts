import { describe, expect, test } from 'vitest';
import { isForbidden } from './cell.js';
import { CHAOS_FAULTS } from './faults.js';
import { type Moment, runRow } from './matrix.js';
import { CHAOS_OPERATIONS } from './operations.js';
import { startRedisStand } from './stand.js';

/** A few of those that `npm run failure-matrix` runs. */
describe('whatever Redis does, nothing hangs, nothing throws, nothing invalidated is served', () => {
  test.each<[fault: string, moment: Moment]>([
    ['none', 'before'],
    ['refused', 'before'],
    ['frozen', 'request'],
    ['cut mid-reply', 'reply'],
    ['memory full', 'before'],
    ['read-only', 'before'],
  ])('%s, %s', { timeout: 60_000 }, async (name, moment) => {
    const fault = CHAOS_FAULTS.find((each) => each.name === name);
    if (fault === undefined) throw new Error(`there is no fault ${name}`);
    const { verdicts } = await runRow(startRedisStand, fault, moment, CHAOS_OPERATIONS);
    const named = new Map(verdicts.map((verdict, i) => [CHAOS_OPERATIONS[i]?.name ?? '', verdict]));
    expect([...named].filter(([, verdict]) => isForbidden(verdict))).toEqual([]);
    expect(named.get('L1 hit')?.what).toBe('L1');
    expect(named.get('past its ttl, source down')?.what).toBe('L1');
    if (name === 'refused') {
      expect(named.get('getOrSet, cold')?.what).toBe('source');
      expect(named.get('delete')?.what).toBe('deferred');
    }
    if (name === 'none') expect(named.get('delete')?.what).toBe('done');
  });
});
