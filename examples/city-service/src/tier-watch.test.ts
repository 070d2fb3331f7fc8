import { createHierarchy, type Hierarchy } from '@tierwise/hierarchy';
import { MemoryStore, memoryL2 } from '@tierwise/l2/memory';
import { expect, it } from 'vitest';
import { TierWatch } from './tier-watch.js';

it('tells by which tier each key of a read was answered, and counts latencies of single reads and batches', async () => {
  const [mine, peer] = twoNodes();
  const watch = new TierWatch(mine);
  const get = (key: string) => watch.read([key], async () => [await mine.getOrSet(key, async () => key)]);

  await peer.set('from-peer', 1);
  await get('new');
  await get('new');
  await get('from-peer');
  expect(watch.figures().keys).toEqual({ l1: 1, l2: 1, source: 1 });

  await peer.set('also-from-peer', 2);
  const keys = ['new', 'also-from-peer', 'absent'];
  expect(await watch.read(keys, () => mine.getMany(keys))).toEqual(['new', 2, undefined]);
  const { keys: counted, absent, latencies } = watch.figures();
  expect(counted).toEqual({ l1: 2, l2: 2, source: 1 });
  expect(absent).toBe(1);
  const total = (counts: Readonly<Record<number, number>>) =>
    Object.values(counts).reduce((sum, each) => sum + each, 0);
  expect(Object.entries(latencies).map(([kind, counts]) => [kind, total(counts)])).toEqual([
    ['l1', 1],
    ['l2', 1],
    ['source', 1],
    ['batch', 1],
  ]);
  await Promise.all([mine.close(), peer.close()]);
});

it('counts a call that waits for a load as answered by the source, though others find the key in L2 meanwhile', async () => {
  const [mine, peer] = twoNodes();
  const watch = new TierWatch(mine);
  const begun = deferred();
  const finished = deferred();
  const load = async () => {
    begun.resolve();
    await finished.promise;
    return 'loaded';
  };
  const waiting = watch.read(['k'], async () => [await mine.getOrSet('k', load)]);
  await begun.promise;
  await peer.set('k', 'set by a peer');
  await watch.read(['k'], async () => [await mine.get('k')]);
  expect(watch.figures().keys).toEqual({ l1: 0, l2: 1, source: 0 });
  finished.resolve();
  await waiting;
  expect(watch.figures().keys).toEqual({ l1: 0, l2: 1, source: 1 });
  await Promise.all([mine.close(), peer.close()]);
});

function twoNodes(): [Hierarchy, Hierarchy] {
  const store = new MemoryStore();
  const open = () => createHierarchy({ namespace: 'watch', l2: memoryL2(store) });
  return [open(), open()];
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
