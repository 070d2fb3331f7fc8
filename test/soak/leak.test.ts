import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createHierarchy } from '@tierwise/hierarchy';
import { L2UnavailableError } from '@tierwise/l2';
import { memoryL2 } from '@tierwise/l2/memory';
import { expect, onTestFinished, test } from 'vitest';

const CALLS = 20_000;
/** What a collection of garbage leaves by chance; a promise with a reaction is more than twice as much. */
const BYTES_PER_CALL = 60;

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

async function heap(): Promise<number> {
  // What is done behind a call is over.
  await new Promise((resolve) => setTimeout(resolve, 50));
  collect();
  return process.memoryUsage().heapUsed;
}

test('calls while L2 cannot be reached leave nothing behind', { timeout: 60_000 }, async () => {
  const l2 = memoryL2();
  const down = async (): Promise<never> => {
    throw new L2UnavailableError('memory', 'it is down');
  };
  const cache = createHierarchy({ namespace: 'leak', l2, l1: { maxEntries: 100 }, incidents: { enabled: false } });
  onTestFinished(() => cache.close());
  await cache.ready();
  Object.assign(l2, { read: down, feed: { follow: down } });
  const below = cache.namespace('below');
  const call = (i: number) => Promise.all([cache.get(`${i % 500}`), below.get(`${i % 500}`)]);
  for (let i = 0; i < CALLS / 4; i += 1) await call(i);
  const before = await heap();
  for (let i = 0; i < CALLS; i += 1) await call(i);
  expect(((await heap()) - before) / CALLS).toBeLessThan(BYTES_PER_CALL);
});
