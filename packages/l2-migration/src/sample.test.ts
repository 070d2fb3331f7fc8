import { afterEach, beforeEach, expect, test } from 'vitest';
import { fill, get, lease, SPACE, set, TestCluster } from '../test/cluster.js';
import { ManualClock, settle } from '../test/manual-clock.js';
import { homeOf } from './home.js';
import type { Difference } from './index.js';

let cluster: TestCluster;
beforeEach(() => {
  cluster = new TestCluster();
});
afterEach(() => cluster.close());

async function compared(clock: ManualClock, comparing: Promise<unknown>): Promise<void> {
  let isDone = false;
  comparing.finally(() => {
    isDone = true;
  });
  while (!isDone) await clock.advance(50);
}

test('keys that were used are compared: equal, different, in one store alone', async () => {
  const clock = new ManualClock();
  const node = await cluster.node('moving', 50, { clock });
  const differences: Difference[] = [];
  node.l2.migration.on('difference', (difference) => differences.push(difference));
  const keys = ['equal', 'different', 'old', 'young', 'nowhere'];
  expect(await fill(node, 'value', await lease(node, 'equal'), 'equal')).toBe('stored');
  await cluster.put('different', 'one', 'from');
  await cluster.put('different', 'other', 'to');
  await cluster.put('old', 'value', 'from');
  await cluster.put('young', 'value', 'to');
  await node.l2.read(SPACE, keys);
  const comparing = node.l2.migration.compare();
  await compared(clock, comparing);
  const expected = [
    { namespace: SPACE, key: 'different', kind: 'bytes' },
    { namespace: SPACE, key: 'old', kind: 'from' },
    { namespace: SPACE, key: 'young', kind: 'to' },
  ];
  const byKey = (a: Difference, b: Difference) => a.key.localeCompare(b.key);
  const { differences: found, ...counts } = await comparing;
  expect(counts).toEqual({ compared: 5, equal: 2, different: 1, missingInFrom: 1, missingInTo: 1 });
  expect([...found].sort(byKey)).toEqual(expected);
  expect(differences.sort(byKey)).toEqual(expected);
  expect(node.l2.migration.report()).toMatchObject(counts);
});

test('what is under way is looked at twice before it counts as a difference', async () => {
  const clock = new ManualClock();
  const node = await cluster.node('moving', 0, { clock });
  await cluster.put('k', 'value', 'from');
  await node.l2.read(SPACE, ['k']);
  const comparing = node.l2.migration.compare();
  await settle();
  await cluster.put('k', 'value', 'to');
  await compared(clock, comparing);
  expect(await comparing).toMatchObject({ compared: 1, equal: 1 });
});

test('no more than asked for', async () => {
  const clock = new ManualClock();
  const node = await cluster.node('moving', 0, { clock });
  for (const key of ['a', 'b', 'c']) await set(node, 'value', key);
  const comparing = node.l2.migration.compare({ sample: 2 });
  await compared(clock, comparing);
  expect((await comparing).compared).toBe(2);
});

test('of what is read a share is compared behind, one look at a time', async () => {
  const clock = new ManualClock();
  const node = await cluster.node('moving', 0, { clock, compareShare: 0.5, random: () => 0.4 });
  await cluster.put('k', 'value', 'from', 'to');
  for (let times = 0; times < 3; times += 1) expect(await get(node)).toBe('value');
  await clock.advance(200);
  const { compared: count, equal } = node.l2.migration.report();
  expect(count).toBeGreaterThan(0);
  expect(equal).toBe(count);
});

test('a share of nothing compares nothing', async () => {
  const clock = new ManualClock();
  const node = await cluster.node('moving', 0, { clock, compareShare: 0, random: () => 0 });
  expect(await get(node)).toBeUndefined();
  await clock.advance(200);
  expect(node.l2.migration.report().compared).toBe(0);
});

test('homes: none at 0 %, all at 100 %, about so many in between, and who has moved stays moved', () => {
  const keys = Array.from({ length: 2_000 }, (_, index) => `user:${index}`);
  const movedAt = (percentage: number) => new Set(keys.filter((key) => homeOf(SPACE, key, percentage) === 'to'));
  expect([movedAt(0).size, movedAt(100).size]).toEqual([0, keys.length]);
  let before = movedAt(0);
  for (const percentage of [0.5, 10, 25, 50, 90]) {
    const moved = movedAt(percentage);
    expect(Math.abs(moved.size / keys.length - percentage / 100)).toBeLessThan(0.04);
    expect([...before].every((key) => moved.has(key))).toBe(true);
    before = moved;
  }
});
