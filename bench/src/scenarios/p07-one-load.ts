import { setImmediate as nextTurn } from 'node:timers/promises';
import { cacheContestants, ON_REDIS, peersAmong, TIERWISE } from '../contestants/roster.js';
import type { Scenario } from '../scenario.js';
import { sample } from '../values.js';

const CALLERS = 10_000;

export const scenario: Scenario = {
  id: 'P7',
  title: '10,000 callers of one cold key',
  method:
    '10,000 calls of `getOrSet` in one turn of the event loop for one key that is in no tier, until the last of them has its value; the load takes one turn of the event loop and answers with 1 KB.',
  figures: [
    { name: 'time', unit: 'ms', better: 'lower' },
    { name: 'loads', unit: 'loads', better: 'lower' },
  ],
  contestants: cacheContestants(ON_REDIS, 5_000, async (cache) => {
    const value = sample('1 KB');
    let serial = 0;
    let loads = 0;
    const load = async () => {
      loads += 1;
      await nextTurn();
      return value;
    };
    return async (budgetMs) => {
      loads = 0;
      let stampedes = 0;
      let tookMs = 0;
      while (tookMs < budgetMs) {
        serial += 1;
        const key = `user:${serial}`;
        const began = performance.now();
        const calls: Promise<unknown>[] = [];
        for (let caller = 0; caller < CALLERS; caller += 1) calls.push(cache.getOrSet(key, load));
        await Promise.all(calls);
        tookMs += performance.now() - began;
        stampedes += 1;
      }
      return { time: tookMs / stampedes, loads: loads / stampedes };
    };
  }),
  targets: [
    { of: TIERWISE, figure: 'loads', atMost: 1 },
    { of: TIERWISE, figure: 'time', against: peersAmong(ON_REDIS), called: 'the fastest peer', atMost: 1.2 },
  ],
  differences: ['Across processes too, Tierwise loads once; the peers load once in each.'],
};
