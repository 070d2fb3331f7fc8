import type { L2News } from '@tierwise/l2';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fill, lease, SPACE, set, TestCluster, type TestNode } from '../test/cluster.js';
import { ManualClock, settle } from '../test/manual-clock.js';
import type { MigrationPhase } from './phase.js';

let cluster: TestCluster;
beforeEach(() => {
  cluster = new TestCluster();
});
afterEach(() => cluster.close());

async function heardDuring(node: TestNode, deed: () => Promise<unknown>): Promise<readonly L2News[]> {
  const before = node.news.length;
  await deed();
  await settle();
  return node.news.slice(before);
}

test.each<[MigrationPhase, fromCounts: boolean, toCounts: boolean]>([
  ['from', true, false],
  ['joining', true, false],
  ['moving', true, true],
  ['leaving', false, true],
  ['to', false, true],
])('%s: deaf if the feed of the old store is (%s), of the new store (%s)', async (phase, fromCounts, toCounts) => {
  const node = await cluster.node(phase, 100);
  await settle();
  for (const [side, counts] of [
    ['from', fromCounts],
    ['to', toCounts],
  ] as const) {
    node.states.length = 0;
    node[side].feed('deaf');
    node[side].feed('alive');
    expect(node.states).toEqual(counts ? ['deaf', 'alive'] : []);
  }
});

test('the phase is not known any more: deaf, until it is', async () => {
  const clock = new ManualClock();
  const node = await cluster.node('moving', 0, { clock, trustFor: 600 });
  await clock.advance(0);
  expect(node.states).toEqual(['alive']);
  node.from.down(new Error('away'));
  const old = node.from.l2;
  expect(old).toBeDefined();
  await clock.advance(700);
  expect(node.states).toEqual(['alive', 'deaf']);
  expect((await node.l2.health()).status).toBe('down');
  node.from.down(undefined);
  await clock.advance(300);
  expect(node.states).toEqual(['alive', 'deaf', 'alive']);
  expect(await node.l2.health()).toMatchObject({ status: 'up', feed: 'alive' });
});

test.each(['moving', 'to'] as const)(
  '%s begins, which listens to the new store: deaf until that tells of all that is followed',
  async (phase) => {
    const clock = new ManualClock();
    const node = await cluster.node('from', 0, { clock });
    await clock.advance(0);
    expect(node.states).toEqual(['alive']);
    for (let times = 0; times < 3; times += 1) node.to.hold('follow').fail(new Error('away'));
    const held = node.to.hold('follow');
    await cluster.turn(node, phase, 0);
    expect(node.states).toEqual(['alive', 'deaf']);
    await clock.advance(1_000);
    await held.arrived;
    expect(node.states).toEqual(['alive', 'deaf']);
    held.go();
    await settle();
    expect(node.states).toEqual(['alive', 'deaf', 'alive']);
    const peer = await cluster.node('moving', 100);
    const heard = await heardDuring(node, () => set(peer, 'value'));
    const cause = phase === 'to' ? 'write' : 'external';
    expect(heard.map((news) => news.type === 'changed' && news.cause)).toContain(cause);
  },
);

test('who is joining follows in both stores already: no deafness when values begin to move', async () => {
  const node = await cluster.node('joining');
  await settle();
  await cluster.turn(node, 'moving', 0);
  await settle();
  expect(node.states).toEqual(['alive']);
});

test('another phase or percentage: nothing held before counts; the first one is no change', async () => {
  const node = await cluster.node('moving', 0);
  const resets = () => node.news.filter(({ type }) => type === 'reset').length;
  expect(resets()).toBe(0);
  await cluster.turn(node, 'moving', 30);
  expect(resets()).toBe(1);
  await cluster.turn(node, 'leaving', 100);
  expect(resets()).toBe(2);
  await node.l2.migration.refresh();
  expect(resets()).toBe(2);
});

test("a set of one's own is heard once, and the deletion that belongs to it not at all", async () => {
  const node = await cluster.node('moving', 0);
  const heard = await heardDuring(node, () => set(node, 'value'));
  expect(heard).toMatchObject([{ type: 'changed', cause: 'write', origin: node.id }]);
});

test("a peer's set is heard from both stores: from the key's home as what it is", async () => {
  const [node, peer] = [await cluster.node('moving', 0), await cluster.node('moving', 0)];
  const heard = await heardDuring(node, () => set(peer, 'value'));
  expect(heard).toMatchObject([
    { type: 'changed', cause: 'write', origin: peer.id },
    { type: 'changed', cause: 'external', origin: undefined },
  ]);
});

test('a peer of another percentage sets a key: it is heard, whichever home it has there', async () => {
  const [node, peer] = [await cluster.node('moving', 0), await cluster.node('moving', 100)];
  const heard = await heardDuring(node, async () => fill(peer, 'value', await lease(peer)));
  expect(heard.filter(({ type }) => type === 'changed').length).toBeGreaterThanOrEqual(1);
});

test('of an invalidation of tags the number that counts is heard, once', async () => {
  const [node, peer] = [await cluster.node('moving', 0), await cluster.node('moving', 0)];
  let generation: number | undefined;
  const heard = await heardDuring(node, async () => {
    generation = await peer.l2.time?.advance(SPACE, ['t'], 'dead', { known: 0 });
  });
  expect(heard).toMatchObject([{ type: 'marks', generation }]);
});

test('of the record itself a hierarchy hears nothing', async () => {
  const node = await cluster.node('moving', 0);
  const heard = await heardDuring(node, () => node.l2.migration.setPercentage(10));
  expect(heard).toMatchObject([{ type: 'reset' }]);
});
