import { createHook, executionAsyncResource } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { TTL_MS } from '../contestants/cache.js';
import { TIERWISE_MEMORY } from '../contestants/roster.js';
import { forEach, keysOf } from '../keys.js';
import type { Contestant, Figures, Scenario } from '../scenario.js';
import { sample } from '../values.js';

const ENTRIES = 10_000;

/** Does nothing for so long, and counts what happens meanwhile. */
async function idle(budgetMs: number): Promise<Figures> {
  // What keeps the process alive; the hook sees those too that do not.
  const waiting = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  let fired = 0;
  const hook = createHook({
    before: () => {
      if (executionAsyncResource().constructor?.name === 'Timeout') fired += 1;
    },
  }).enable();
  const before = process.cpuUsage();
  await sleep(budgetMs);
  const { user, system } = process.cpuUsage(before);
  hook.disable();
  // The one by which this function waited is its own.
  return { 'CPU time': (user + system) / 1_000, timers: waiting + fired - 1 };
}

const nothing: Contestant = {
  name: 'a Node process that does nothing',
  kind: 'raw',
  open: async () => ({ measure: idle, close: async () => {} }),
};

const tierwise: Contestant = {
  name: TIERWISE_MEMORY,
  kind: 'ours',
  open: async ({ namespace }) => {
    const { createHierarchy } = await import('@tierwise/hierarchy');
    const cache = createHierarchy({ namespace, l1: { maxEntries: ENTRIES }, ttl: TTL_MS });
    await forEach(keysOf(ENTRIES), (key) => cache.set(key, sample('1 KB')));
    return { measure: idle, close: () => cache.close() };
  },
};

export const scenario: Scenario = {
  id: 'P14',
  title: 'Idle for 10 s with 10,000 entries, no L2',
  method:
    'CPU time of the process from half a second after it was filled, and timers: those that keep it alive, and those that fire meanwhile, whether they do or not. (2 s with `--quick`.)',
  figures: [
    { name: 'CPU time', unit: 'ms', better: 'lower' },
    { name: 'timers', unit: 'timers', better: 'lower' },
  ],
  contestants: [nothing, tierwise],
  targets: [
    { of: TIERWISE_MEMORY, figure: 'timers', atMost: 0 },
    { of: TIERWISE_MEMORY, figure: 'CPU time', atMost: 5 },
  ],
  together: true,
  measureMs: { full: 10_000, quick: 2_000 },
  rounds: { full: { lives: 5, perLife: 1 }, quick: { lives: 1, perLife: 1 } },
};
