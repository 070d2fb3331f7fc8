import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fill, get, lease, SPACE, set, TestCluster, type TestNode } from '../test/cluster.js';
import type { MigrationPhase } from './phase.js';

/** Two nodes that may meet: of one phase, or of neighbouring ones. The key is at home in `to` from 100 % on. */
const PAIRS: readonly (readonly [MigrationPhase, number, MigrationPhase, number])[] = [
  ['from', 0, 'joining', 0],
  ['joining', 0, 'joining', 0],
  ['joining', 0, 'moving', 0],
  ['joining', 0, 'moving', 100],
  ['moving', 0, 'moving', 0],
  ['moving', 0, 'moving', 100],
  ['moving', 100, 'moving', 100],
  ['moving', 0, 'leaving', 100],
  ['moving', 100, 'leaving', 100],
  ['leaving', 100, 'leaving', 100],
  ['leaving', 100, 'to', 100],
];
const BOTH_WAYS = PAIRS.flatMap(([a, p, b, q]) => [[a, p, b, q] as const, [b, q, a, p] as const]);

let cluster: TestCluster;
beforeEach(() => {
  cluster = new TestCluster();
});
afterEach(() => cluster.close());

async function load(node: TestNode, text: string): Promise<void> {
  expect(await fill(node, text, await lease(node))).toBe('stored');
}

describe.each(BOTH_WAYS)('N1 is %s at %i %%, N2 is %s at %i %%', (phase1, percentage1, phase2, percentage2) => {
  let n1: TestNode;
  let n2: TestNode;
  beforeEach(async () => {
    n1 = await cluster.node(phase1, percentage1);
    n2 = await cluster.node(phase2, percentage2);
  });

  test('N2 loads, N1 deletes: N2 does not find it any more, nor does N1', async () => {
    await load(n2, 'old');
    expect(await get(n2)).toBe('old');
    await n1.l2.delete(SPACE, ['k']);
    expect(await get(n2)).toBeUndefined();
    expect(await get(n1)).toBeUndefined();
  });

  test('N2 loads, N1 expires: what N2 finds is stale', async () => {
    await load(n2, 'old');
    await n1.l2.expire(SPACE, ['k']);
    const [read] = await n2.l2.read(SPACE, ['k']);
    expect(read?.status === 'found' && read.freshMs).not.toBeGreaterThan(0);
  });

  test('N2 loads, N1 sets: N2 does not find the old value', async () => {
    await load(n2, 'old');
    await set(n1, 'new');
    expect([undefined, 'new']).toContain(await get(n2));
    expect(await get(n1)).toBe('new');
  });

  test('N2 sets, N1 sets: N2 does not find the old value', async () => {
    await set(n2, 'old');
    await set(n1, 'new');
    expect([undefined, 'new']).toContain(await get(n2));
    expect(await get(n1)).toBe('new');
  });

  test.each(['delete', 'expire', 'set'])('N2 loads, N1 does a %s meanwhile: the fill is refused', async (deed) => {
    const token = await lease(n2);
    if (deed === 'set') await set(n1, 'new');
    else await n1.l2[deed as 'delete' | 'expire'](SPACE, ['k']);
    expect(await fill(n2, 'old', token)).toBe('refused');
    expect(await get(n2)).not.toBe('old');
    expect(await get(n1)).not.toBe('old');
  });

  test('N1 loads: N2 has to wait, and gets the lease when it is given back', async () => {
    const token = await lease(n1);
    expect(await lease(n2)).toBe('held');
    expect(await n1.l2.leases?.release(SPACE, 'k', token)).toBe(true);
    expect(await lease(n2)).not.toBe('held');
  });

  const title =
    'N1 advances: what N2 had begun by the number it knew is dead for both, what begins by the new one lives';
  test.each(['from', 'to'] as const)(`${title} (%s is far ahead)`, async (far) => {
    cluster[far].namespace(SPACE).clock = { generation: 4e15, mark: { dead: 1, stale: 1 } };
    const ensured = { known: 0, ensureMs: 60_000 };
    const begun = (await n2.l2.time?.marks(SPACE, ['t'], ensured))?.generation ?? 0;
    await n1.l2.time?.marks(SPACE, ['t'], ensured);
    const generation = (await n1.l2.time?.advance(SPACE, ['t'], 'dead', { known: 0 })) ?? 0;
    for (const node of [n1, n2]) {
      const mark = (await node.l2.time?.marks(SPACE, ['t'], { known: 0 }))?.tags[0];
      expect(mark?.dead).toBeGreaterThan(begun);
      expect(mark?.dead).toBeLessThanOrEqual(generation);
    }
  });

  test('N1 clears: so it is for the namespace', async () => {
    const begun = (await n2.l2.time?.marks(SPACE, [], { known: 0 }))?.generation ?? 0;
    const generation = (await n1.l2.time?.advance(SPACE, null, 'stale', { known: 0 })) ?? 0;
    for (const node of [n1, n2]) {
      const mark = (await node.l2.time?.marks(SPACE, [], { known: 0 }))?.namespace;
      expect(mark?.stale).toBeGreaterThan(begun);
      expect(mark?.stale).toBeLessThanOrEqual(generation);
    }
  });

  test('N1 changes a key: N2 hears of it', async () => {
    const before = n2.news.length;
    await n1.l2.delete(SPACE, ['k']);
    const keys = n2.news.slice(before).flatMap((news) => (news.type === 'changed' ? news.keys : []));
    expect(keys).toContain('k');
  });
});
