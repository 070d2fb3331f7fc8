import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { down, fill, get, LIFE, lease, SPACE, set, TestCluster } from '../test/cluster.js';
import { settle } from '../test/manual-clock.js';

let cluster: TestCluster;
beforeEach(() => {
  cluster = new TestCluster();
});
afterEach(() => cluster.close());

describe('an invalidation holds in both stores before it counts', () => {
  test.each(['delete', 'expire'] as const)('%s: the new store is slow: not done yet', async (deed) => {
    const node = await cluster.node('moving', 0);
    const held = node.to.hold(deed);
    let isDone = false;
    const order = node.l2[deed](SPACE, ['k']).then(() => {
      isDone = true;
    });
    await held.arrived;
    await settle();
    expect(isDone).toBe(false);
    held.go();
    await order;
  });

  test.each([
    ['delete', 'to'],
    ['delete', 'from'],
    ['expire', 'to'],
    ['advance', 'to'],
    ['advance', 'from'],
  ] as const)('%s: "%s" fails, so the call is rejected, and it is counted', async (deed, side) => {
    const node = await cluster.node('moving', 50);
    const failures: string[] = [];
    node.l2.migration.on('failure', (failure) => failures.push(failure.side));
    const held = node[side].hold(deed);
    held.fail(down);
    const order =
      deed === 'advance' ? node.l2.time?.advance(SPACE, ['t'], 'dead', { known: 0 }) : node.l2[deed](SPACE, ['k']);
    await expect(order).rejects.toBe(down);
    expect(failures).toEqual([side]);
    const { failedInFrom, failedInTo } = node.l2.migration.report();
    expect({ failedInFrom, failedInTo }).toEqual(
      side === 'to' ? { failedInFrom: 0, failedInTo: 1 } : { failedInFrom: 1, failedInTo: 0 },
    );
  });

  test.each([0, 100])(
    'a set at %i %%: the other store keeps nothing older, or the set is rejected',
    async (percentage) => {
      const node = await cluster.node('moving', percentage);
      await cluster.put('k', 'old', 'from', 'to');
      const other = percentage === 0 ? 'to' : 'from';
      const held = node[other].hold('delete');
      const order = set(node, 'new');
      await held.arrived;
      held.fail(down);
      await expect(order).rejects.toBe(down);
      await set(node, 'newer');
      expect(await cluster.in(other)).toBeUndefined();
      expect(await get(node)).toBe('newer');
    },
  );
});

describe('fills', () => {
  test('the old store has taken it, N2 deletes, then the new store is asked: it refuses', async () => {
    const [n1, n2] = [await cluster.node('moving', 100), await cluster.node('moving', 100)];
    const token = await lease(n1);
    const held = n1.to.hold('write');
    const filling = fill(n1, 'old', token);
    await held.arrived;
    expect(await cluster.in('from')).toBe('old');
    await n2.l2.delete(SPACE, ['k']);
    held.go();
    await filling;
    expect([await cluster.in('from'), await cluster.in('to')]).toEqual([undefined, undefined]);
  });

  test('N2 has deleted in the new store, not yet in the old one; N1 fills: nothing stays once N2 is done', async () => {
    const [n1, n2] = [await cluster.node('moving', 0), await cluster.node('moving', 0)];
    const token = await lease(n1);
    const held = n2.from.hold('delete');
    const deletion = n2.l2.delete(SPACE, ['k']);
    await held.arrived;
    await settle();
    expect(await fill(n1, 'old', token)).toBe('stored');
    held.go();
    await deletion;
    expect([await cluster.in('from'), await cluster.in('to')]).toEqual([undefined, undefined]);
    expect(await get(n1)).toBeUndefined();
  });

  test('a fill is in both stores, and found in either', async () => {
    const n1 = await cluster.node('moving', 0);
    expect(await fill(n1, 'value', await lease(n1))).toBe('stored');
    expect([await cluster.in('from'), await cluster.in('to')]).toEqual(['value', 'value']);
  });

  test.each([0, 100])('at %i %%: a read tells the version that the fill told', async (percentage) => {
    const node = await cluster.node('moving', percentage);
    const bytes = new TextEncoder().encode('value');
    const [written] = await node.l2.write(SPACE, [{ key: 'k', bytes, ...LIFE, lease: await lease(node) }]);
    const [read] = await node.l2.read(SPACE, ['k']);
    expect(written).toEqual({ status: 'stored', version: read?.version });
  });

  test('a load that began while its node was joining fills the old store, and the new one loses what it had', async () => {
    const node = await cluster.node('joining');
    const token = await lease(node);
    await cluster.turn(node, 'moving', 100);
    await node.l2.read(SPACE, ['k']);
    await cluster.put('k', 'older', 'to');
    expect(await fill(node, 'loaded', token)).toBe('stored');
    expect(await get(node)).toBe('loaded');
  });

  test('a load that began while values moved fills the new store when its node is leaving', async () => {
    const node = await cluster.node('moving', 100);
    const token = await lease(node);
    await cluster.turn(node, 'leaving', 100);
    expect(await fill(node, 'loaded', token)).toBe('stored');
    expect(await cluster.in('to')).toBe('loaded');
    expect(await cluster.in('from')).toBeUndefined();
  });

  test('a load that began while its node was leaving, and comes back: refused, and nobody has to wait for its lease', async () => {
    const node = await cluster.node('leaving', 100);
    const token = await lease(node);
    await cluster.turn(node, 'moving', 100);
    expect(await fill(node, 'loaded', token)).toBe('refused');
    expect(await lease(node)).not.toBe('held');
  });

  test('the new store fails: the fill is as good as without it', async () => {
    const node = await cluster.node('moving', 100);
    const token = await lease(node);
    node.to.hold('write').fail(down);
    expect(await fill(node, 'value', token)).toBe('stored');
    expect(await get(node)).toBe('value');
    expect(node.l2.migration.report()).toMatchObject({ failedInTo: 1, fellBack: 1 });
  });
});

describe('two nodes that set a key at once, each at home in another store', () => {
  const orders = permutations(['write 1', 'delete 1', 'write 2', 'delete 2']).filter(
    (order) =>
      order.indexOf('write 1') < order.indexOf('delete 1') && order.indexOf('write 2') < order.indexOf('delete 2'),
  );

  test.each(orders)('%s, %s, %s, %s: they never end with a value each', async (...order) => {
    const [n1, n2] = [await cluster.node('moving', 0), await cluster.node('moving', 100)];
    const steps = new Map([
      ['write 1', n1.from.hold('write')],
      ['delete 1', n1.to.hold('delete')],
      ['write 2', n2.to.hold('write')],
      ['delete 2', n2.from.hold('delete')],
    ]);
    const sets = [set(n1, '1'), set(n2, '2')];
    for (const step of order) {
      const held = steps.get(step);
      await held?.arrived;
      held?.go();
      await settle();
    }
    await Promise.all(sets);
    expect([await cluster.in('from'), await cluster.in('to')]).toContain(undefined);
    const [found1, found2] = [await get(n1), await get(n2)];
    expect(found1).toBe(found2);
  });
});

describe('moving keys', () => {
  test('a value that only the old store has is still found when its key has moved, and back', async () => {
    const node = await cluster.node('moving', 0);
    await set(node, 'value');
    await cluster.turn(node, 'moving', 100);
    expect(await get(node)).toBe('value');
    await set(node, 'newer');
    await cluster.turn(node, 'moving', 0);
    expect(await get(node)).toBe('newer');
  });

  test('what was alive while values moved is alive when the old store is left, what was dead is dead', async () => {
    const node = await cluster.node('moving', 100);
    const ensured = { known: 0, ensureMs: 60_000 };
    const old = (await node.l2.time?.marks(SPACE, ['t'], ensured))?.generation ?? 0;
    const young = (await node.l2.time?.advance(SPACE, ['t'], 'dead', { known: 0 })) ?? 0;
    await cluster.turn(node, 'leaving', 100);
    const marks = await node.l2.time?.marks(SPACE, ['t'], { known: 0 });
    expect(marks?.tags[0]?.dead).toBeGreaterThan(old);
    expect(marks?.tags[0]?.dead).toBeLessThanOrEqual(young);
    expect(marks?.namespace.dead).toBeLessThanOrEqual(young);
    expect(marks?.generation).toBeGreaterThanOrEqual(young);
  });

  test('who leaves raises the count of the new store above all that it knows, before it does anything', async () => {
    const node = await cluster.node('moving', 100);
    await node.l2.time?.marks(SPACE, [], { known: 5e15 });
    cluster.to.namespace(SPACE).clock = { generation: 10, mark: { dead: 1, stale: 1 } };
    await cluster.turn(node, 'leaving', 100);
    await node.l2.read(SPACE, ['k']);
    expect(cluster.to.namespace(SPACE).clock?.generation).toBeGreaterThanOrEqual(5e15);
  });

  test('versions of the two stores are never taken for one another', async () => {
    const node = await cluster.node('moving', 100);
    await cluster.put('k', 'old', 'from');
    const [seen] = await node.l2.read(SPACE, ['k']);
    await cluster.put('k', 'new', 'to');
    const young = cluster.to.namespace(SPACE).entries.get('k');
    const old = cluster.from.namespace(SPACE).entries.get('k');
    if (young !== undefined && old !== undefined) young.version = old.version;
    const [other] = await node.l2.read(SPACE, ['k']);
    expect(other?.version).not.toBe(seen?.version);
  });
});

describe('leases of two stores', () => {
  test('the old one is free, the new one held by a node that is leaving: the first is given back', async () => {
    const [moving, leaving] = [await cluster.node('moving', 0), await cluster.node('leaving', 100)];
    const joining = await cluster.node('joining');
    await lease(leaving);
    expect(await lease(moving)).toBe('held');
    expect(await lease(joining)).not.toBe('held');
  });

  test('nobody is woken by the lease that is given back first', async () => {
    const [n1, n2] = [await cluster.node('moving', 0), await cluster.node('moving', 0)];
    const token = await lease(n1);
    const held = n1.to.hold('release');
    const before = n2.news.length;
    const giving = n1.l2.leases?.release(SPACE, 'k', token);
    await held.arrived;
    await settle();
    expect(n2.news.slice(before).filter(({ type }) => type === 'released')).toEqual([]);
    held.go();
    await giving;
    await settle();
    expect(n2.news.slice(before).filter(({ type }) => type === 'released')).toHaveLength(1);
  });

  test('what is stale in both stores is loaded once, having seen one of them', async () => {
    const [n1, n2] = [await cluster.node('moving', 100), await cluster.node('moving', 0)];
    expect(await fill(n1, 'old', await lease(n1))).toBe('stored');
    await n1.l2.expire(SPACE, ['k']);
    const [seen1] = await n1.l2.read(SPACE, ['k']);
    const [seen2] = await n2.l2.read(SPACE, ['k']);
    const [answer] = (await n1.l2.leases?.acquire(SPACE, [{ key: 'k', seen: seen1?.version }], 60_000)) ?? [];
    expect(answer?.status).toBe('granted');
    const [other] = (await n2.l2.leases?.acquire(SPACE, [{ key: 'k', seen: seen2?.version }], 60_000)) ?? [];
    expect(other?.status).toBe('held');
    expect(await fill(n1, 'new', answer?.status === 'granted' ? answer.token : '')).toBe('stored');
    expect([await get(n1), await get(n2)]).toEqual(['new', 'new']);
  });

  test('both are prolonged', async () => {
    const node = await cluster.node('moving', 0);
    const token = await lease(node);
    expect(await node.l2.leases?.renew(SPACE, 'k', token, 1)).toBe(true);
    for (const store of [cluster.from, cluster.to]) {
      expect((store.namespace(SPACE).leases.get('k')?.goneAt ?? 0) - store.now()).toBeLessThan(100);
    }
  });
});

function permutations(items: readonly string[]): string[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item) => permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]));
}
