// One node as a process of its own, driven over IPC by node-process.ts. It counts its loads.
import { setTimeout as sleep } from 'node:timers/promises';
import { createHierarchy } from '@tierwise/hierarchy';
import { embeddedL2 } from '@tierwise/l2-embedded';
import { redisL2 } from '@tierwise/l2-redis';

const { backend, where, namespace, options } = JSON.parse(process.argv[2] ?? '{}');
const l2 = backend === 'redis' ? redisL2({ url: where }) : embeddedL2({ dir: where });
const cache = createHierarchy({ namespace, l2, ...options });
let loads = 0;

/** What the parent can ask for. Each answers with a value, or throws. */
const orders = {
  ready: () => cache.ready(),
  /** Loads slowly, so that the nodes' loads would overlap if more than one ran. */
  getOrSet: ({ key, loadMs }) =>
    cache.getOrSet(key, async () => {
      loads += 1;
      await sleep(loadMs);
      return { key, by: process.pid };
    }),
  get: ({ key }) => cache.get(key),
  loads: () => loads,
  close: () => cache.close(),
};

process.on('message', async ({ id, order, args }) => {
  try {
    process.send?.({ id, answer: await orders[order](args ?? {}) });
  } catch (error) {
    process.send?.({ id, error: String(error?.stack ?? error) });
  }
  if (order === 'close') process.disconnect();
});
