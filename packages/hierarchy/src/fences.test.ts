import { describe, expect, test } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely, type Node } from '../test/nodes.js';

/**
 * Law 1, one test per interleaving. `N1` invalidates, unless it says otherwise; "nothing old is left" means: neither tier of any
 * node answers what was there before.
 */
async function nothingOldIsLeft(old: unknown, key: string, ...nodes: Node[]): Promise<void> {
  await settle();
  for (const { cache } of nodes) {
    expect(cache.peek(key)).not.toEqual(old);
    expect(await cache.get(key)).not.toEqual(old);
    expect(await cache.getOrSet(key, () => 'loaded anew')).not.toEqual(old);
  }
}

describe('an invalidation while a load is in flight on the same node', () => {
  test.each([
    ['delete', (node: Node) => node.cache.delete('k')],
    ['expire', (node: Node) => node.cache.expire('k')],
    ['clear', (node: Node) => node.cache.clear()],
    ['invalidateTags', (node: Node) => node.cache.invalidateTags(['t'])],
  ])(
    '%s: those who waited get the old value, no tier keeps it, later callers load anew (18, 23)',
    async (_, invalidate) => {
      const node = await cluster().node();
      const loader = new HandLoader<string>();
      const waiting = [1, 2].map(() => node.cache.getOrSet('k', loader.load, { tags: ['t'] }));
      await loader.begun();
      await invalidate(node);
      const later = node.cache.getOrSet('k', () => 'new', { tags: ['t'] });
      loader.finish('old');
      expect(await Promise.all(waiting)).toEqual(['old', 'old']);
      expect(await later).toBe('new');
      await nothingOldIsLeft('old', 'k', node);
      expect(await node.cache.get('k')).toBe('new');
    },
  );

  test('set: the set value stays in both tiers, on every node (19)', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const loader = new HandLoader<string>();
    const waiting = n1.cache.getOrSet('k', loader.load);
    await loader.begun();
    await n1.cache.set('k', 'set');
    loader.finish('old');
    expect(await waiting).toBe('old');
    expect(n1.cache.peek('k')).toBe('set');
    expect(await n2.cache.get('k')).toBe('set');
    await nothingOldIsLeft('old', 'k', n1, n2);
  });

  test.each(['delete', 'expire', 'clear', 'invalidateTags', 'set'] as const)('%s without an L2', async (how) => {
    const { cache } = lonely();
    const loader = new HandLoader<string>();
    const waiting = cache.getOrSet('k', loader.load, { tags: ['t'] });
    await loader.begun();
    if (how === 'invalidateTags') await cache.invalidateTags(['t']);
    else if (how === 'set') await cache.set('k', 'set');
    else if (how === 'clear') await cache.clear();
    else await cache[how]('k');
    loader.finish('old');
    expect(await waiting).toBe('old');
    expect(cache.peek('k')).toBe(how === 'set' ? 'set' : undefined);
  });

  test('a tag that the loader names only at its end is fenced as well (23)', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const loader = new HandLoader<string>();
    const waiting = n1.cache.getOrSet('k', loader.load);
    await loader.begun();
    await n2.cache.invalidateTags(['late']);
    loader.contexts[0]?.setTags(['late']);
    loader.finish('old');
    expect(await waiting).toBe('old');
    // Known to be dead, it is not even written; the lease is given back.
    expect(n1.l2.count('write')).toBe(0);
    expect(n1.l2.count('release')).toBe(1);
    await nothingOldIsLeft('old', 'k', n1, n2);
  });

  test('a caller who came after the tag was invalidated is not given the load that began before', async () => {
    const node = await cluster().node();
    const loader = new HandLoader<string>();
    const early = node.cache.getOrSet('k', loader.load, { tags: ['t'] });
    await loader.begun();
    await node.cache.invalidateTags(['t']);
    // Nobody knows the load's tags before its end, so this caller joins it at first.
    const late = node.cache.getOrSet('k', loader.load, { tags: ['t'] });
    loader.finish('old');
    expect(await early).toBe('old');
    await loader.begun(2);
    loader.finish('new');
    expect(await late).toBe('new');
    expect(node.cache.peek('k')).toBe('new');
  });

  test('a caller who came after another tag was invalidated shares the load all the same', async () => {
    const node = await cluster().node();
    const loader = new HandLoader<string>();
    const early = node.cache.getOrSet('k', loader.load, { tags: ['t'] });
    await loader.begun();
    await node.cache.invalidateTags(['other']);
    const late = node.cache.getOrSet('k', loader.load, { tags: ['t'] });
    loader.finish('value');
    expect(await Promise.all([early, late])).toEqual(['value', 'value']);
    expect(loader.count).toBe(1);
  });
});

describe('an L2 without leases, on one node', () => {
  test.each(['delete', 'set', 'expire', 'clear'] as const)(
    '%s while a load is in flight: L2 is not filled',
    async (how) => {
      const { node } = cluster();
      const n1 = await node({ without: ['leases'] });
      const loader = new HandLoader<string>();
      const waiting = n1.cache.getOrSet('k', loader.load);
      await loader.begun();
      await (how === 'set' ? n1.cache.set('k', 'set') : how === 'clear' ? n1.cache.clear() : n1.cache[how]('k'));
      loader.finish('old');
      expect(await waiting).toBe('old');
      await nothingOldIsLeft('old', 'k', n1, await node());
    },
  );

  test.each(['delete', 'set'] as const)(
    '%s while the fill is on its way: it waits for the fill, and then replaces it',
    async (how) => {
      const { node } = cluster();
      const n1 = await node({ without: ['leases'] });
      const fill = n1.l2.hold('write', 'out');
      const waiting = n1.cache.getOrSet('k', () => 'old');
      await fill.arrived;
      const invalidating = how === 'set' ? n1.cache.set('k', 'set') : n1.cache.delete('k');
      await settle();
      fill.release();
      await Promise.all([waiting, invalidating]);
      await nothingOldIsLeft('old', 'k', n1, await node());
    },
  );

  test('a load that ends while a delete is on its way does not fill L2', async () => {
    const { node } = cluster();
    const n1 = await node({ without: ['leases'] });
    const slow = n1.l2.hold('delete', 'back');
    const deleting = n1.cache.delete('k');
    await slow.arrived;
    expect(await n1.cache.getOrSet('k', () => 'old')).toBe('old');
    slow.release();
    await deleting;
    await nothingOldIsLeft('old', 'k', n1, await node());
  });
});

describe('an invalidation by a peer while a load is in flight', () => {
  test.each([
    ['delete', (node: Node) => node.cache.delete('k')],
    ['set', (node: Node) => node.cache.set('k', 'set')],
    ['expire', (node: Node) => node.cache.expire('k')],
    ['clear', (node: Node) => node.cache.clear()],
    ['invalidateTags', (node: Node) => node.cache.invalidateTags(['t'])],
  ])('%s, heard of before the fill', async (_, invalidate) => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const loader = new HandLoader<string>();
    const waiting = n2.cache.getOrSet('k', loader.load, { tags: ['t'] });
    await loader.begun();
    await invalidate(n1);
    await settle();
    loader.finish('old');
    expect(await waiting).toBe('old');
    await nothingOldIsLeft('old', 'k', n1, n2);
  });

  test.each([
    ['delete', (node: Node) => node.cache.delete('k')],
    ['set', (node: Node) => node.cache.set('k', 'set')],
    ['expire', (node: Node) => node.cache.expire('k')],
  ])(
    '%s, not heard of yet: L2 refuses the fill by the revoked lease, and L1 takes that for its own',
    async (_, invalidate) => {
      const { node } = cluster();
      const [n1, n2] = [await node(), await node()];
      const loader = new HandLoader<string>();
      const waiting = n2.cache.getOrSet('k', loader.load);
      await loader.begun();
      n2.l2.holdNews();
      await invalidate(n1);
      loader.finish('old');
      expect(await waiting).toBe('old');
      expect(n2.cache.peek('k')).toBeUndefined();
      expect(await n1.cache.get('k')).not.toBe('old');
      n2.l2.releaseNews();
      await nothingOldIsLeft('old', 'k', n1, n2);
    },
  );

  test('delete, between the answer to the fill and its use: L1 stays empty (21)', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const fill = n2.l2.hold('write', 'back');
    const waiting = n2.cache.getOrSet('k', () => 'old');
    await fill.arrived;
    await n1.cache.delete('k');
    await settle();
    fill.release();
    expect(await waiting).toBe('old');
    await nothingOldIsLeft('old', 'k', n1, n2);
  });
});

describe('an invalidation while L2 is being read', () => {
  test.each(['out', 'back'] as const)(
    'N1 deletes while N2 reads, its read being on the way %s (20, 21)',
    async (way) => {
      const { node } = cluster();
      const [n1, n2] = [await node(), await node()];
      await n1.cache.set('k', 'old');
      await settle();
      const read = n2.l2.hold('read', way);
      const reading = n2.cache.get('k');
      await read.arrived;
      await n1.cache.delete('k');
      await settle();
      read.release();
      await reading;
      await nothingOldIsLeft('old', 'k', n1, n2);
    },
  );

  test('N1 sets while N2 reads: N2 ends with the new value', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.set('k', 'old');
    await settle();
    const read = n2.l2.hold('read', 'back');
    const reading = n2.cache.get('k');
    await read.arrived;
    await n1.cache.set('k', 'new');
    await settle();
    read.release();
    expect(await reading).toBe('old');
    expect(n2.cache.peek('k')).toBeUndefined();
    expect(await n2.cache.get('k')).toBe('new');
  });

  test.each(['clear', 'invalidateTags'] as const)('N1 does %s while N2 reads', async (how) => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.set('k', 'old', { tags: ['t'] });
    await settle();
    const read = n2.l2.hold('read', 'back');
    const reading = n2.cache.get('k');
    await read.arrived;
    await (how === 'clear' ? n1.cache.clear() : n1.cache.invalidateTags(['t']));
    await settle();
    read.release();
    // Known to be dead by the time of the answer: not even this caller gets it.
    expect(await reading).toBeUndefined();
    await nothingOldIsLeft('old', 'k', n1, n2);
  });

  test('a tag is invalidated while N2 asks for its mark', async () => {
    const { node } = cluster();
    const n1 = await node();
    await n1.cache.set('k', 'old', { tags: ['t'] });
    // Makes the value older than what the next node can judge by itself.
    await n1.cache.invalidateTags(['other']);
    const n2 = await node();
    const marks = n2.l2.hold('marks', 'back');
    const reading = n2.cache.get('k');
    await marks.arrived;
    await n1.cache.invalidateTags(['t']);
    await settle();
    marks.release();
    expect(await reading).toBeUndefined();
    await nothingOldIsLeft('old', 'k', n1, n2);
  });

  test('N1 sets while N2 reads a miss, to load after it: N2 takes the set value and does not load', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const loader = new HandLoader<string>();
    const read = n2.l2.hold('read', 'back');
    const reading = n2.cache.getOrSet('k', loader.load);
    await read.arrived;
    await n1.cache.set('k', 'set');
    await settle();
    read.release();
    expect(await reading).toBe('set');
    expect(loader.count).toBe(0);
  });

  test('N1 deletes while N2 reads a miss, to load after it: the load begins after the deletion, so its value is kept', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const read = n2.l2.hold('read', 'back');
    const reading = n2.cache.getOrSet('k', () => 'loaded');
    await read.arrived;
    await n1.cache.delete('k');
    await settle();
    read.release();
    expect(await reading).toBe('loaded');
    expect(n2.cache.peek('k')).toBe('loaded');
    expect(await n1.cache.get('k')).toBe('loaded');
  });

  test('a key is invalidated over and over: a caller loads in the end, and keeps nothing', async () => {
    const { node } = cluster();
    const n2 = await node();
    const reading = n2.cache.getOrSet('k', () => 'loaded');
    for (let i = 0; i < 10; i += 1) {
      const read = n2.l2.hold('read', 'back');
      await Promise.race([read.arrived, reading]);
      n2.l2.tell({ type: 'changed', namespace: 'test', keys: ['k'], cause: 'external', origin: undefined });
      read.release();
      await settle();
    }
    expect(await reading).toBe('loaded');
  });

  test('what L2 says instead of granting a lease is judged as well: dead by its tag, it is loaded anew', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const read = n2.l2.hold('read', 'back');
    const reading = n2.cache.getOrSet('k', () => 'new', { tags: ['t'] });
    await read.arrived;
    // News of the set alone is kept back: with it, the flight would begin anew.
    n2.l2.holdNews();
    await n1.cache.set('k', 'old', { tags: ['t'] });
    await n1.cache.invalidateTags(['t']);
    await settle();
    n2.l2.releaseNews((news) => news.filter(({ type }) => type === 'marks'));
    read.release();
    expect(await reading).toBe('new');
    await nothingOldIsLeft('old', 'k', n1, n2);
  });

  test('what L2 says instead of granting a lease is judged as well: expired, it is loaded anew', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const read = n2.l2.hold('read', 'back');
    const reading = n2.cache.getOrSet('k', () => 'new');
    await read.arrived;
    n2.l2.holdNews();
    await n1.cache.set('k', 'old');
    await n1.cache.expire('k');
    n2.l2.loseNews();
    read.release();
    expect(await reading).toBe('new');
  });

  test('L2 does not say whether a tag is marked: the value counts as dead', async () => {
    const { node } = cluster();
    const n1 = await node();
    await n1.cache.set('k', 'value', { tags: ['t'] });
    await n1.cache.invalidateTags(['other']);
    const n2 = await node();
    const marks = n2.l2.hold('marks', 'out');
    const reading = n2.cache.get('k');
    await marks.arrived;
    marks.fail(new Error('down'));
    expect(await reading).toBeUndefined();
    expect(n2.cache.peek('k')).toBeUndefined();
    expect(await n2.cache.get('k')).toBe('value');
  });

  test('what was found before a refresh is not handed out once it is invalidated, though the flight goes on', async () => {
    const node = await cluster().node({ l1: { maxEntries: 1 } });
    await node.cache.set('k', 'old', { tags: ['t'] });
    await node.cache.set('pushes k out of L1', 1);
    const loader = new HandLoader<string>();
    const refreshing = node.cache.refresh('k', loader.load, { tags: ['t'] });
    await loader.begun();
    await node.cache.invalidateTags(['t']);
    expect(await node.cache.get('k')).toBeUndefined();
    const later = node.cache.getOrSet('k', () => 'newer', { tags: ['t'] });
    loader.finish('new');
    expect(await refreshing).toBe('new');
    expect(await later).toBe('newer');
  });

  test('a batch: each of its keys has a fence of its own (23)', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.setMany([
      ['a', 'old'],
      ['b', 'old'],
    ]);
    await settle();
    const read = n2.l2.hold('read', 'back');
    const reading = n2.cache.getMany(['a', 'b']);
    await read.arrived;
    await n1.cache.delete('a');
    await settle();
    read.release();
    await reading;
    expect(n2.cache.peek('a')).toBeUndefined();
    expect(n2.cache.peek('b')).toBe('old');
    await nothingOldIsLeft('old', 'a', n1, n2);
  });
});

describe('reads that race a write of their own node', () => {
  test('a get during a slow delete leaves nothing in L1 (22)', async () => {
    const node = await cluster().node();
    await node.cache.set('k', 'old');
    const slow = node.l2.hold('delete', 'out');
    const deleting = node.cache.delete('k');
    await slow.arrived;
    expect(await node.cache.get('k')).toBe('old');
    slow.release();
    await deleting;
    expect(node.cache.peek('k')).toBeUndefined();
    await nothingOldIsLeft('old', 'k', node);
  });

  test('a get whose answer comes after the delete is done leaves nothing in L1', async () => {
    const { node: join } = cluster();
    // Not in this node's own L1, which would answer.
    await (await join()).cache.set('k', 'old');
    const node = await join();
    const slowDelete = node.l2.hold('delete', 'out');
    const deleting = node.cache.delete('k');
    await slowDelete.arrived;
    const slowRead = node.l2.hold('read', 'back');
    const reading = node.cache.get('k');
    await slowRead.arrived;
    slowDelete.release();
    await deleting;
    slowRead.release();
    expect(await reading).toBe('old');
    await nothingOldIsLeft('old', 'k', node);
  });

  test('a caller who comes after the delete does not join a read from before it', async () => {
    const { node: join } = cluster();
    // Not in this node's own L1, which would answer.
    await (await join()).cache.set('k', 'old');
    const node = await join();
    const slowDelete = node.l2.hold('delete', 'out');
    const deleting = node.cache.delete('k');
    await slowDelete.arrived;
    const slowRead = node.l2.hold('read', 'back');
    const before = node.cache.get('k');
    await slowRead.arrived;
    slowDelete.release();
    await deleting;
    const after = node.cache.get('k');
    slowRead.release();
    expect(await before).toBe('old');
    expect(await after).toBeUndefined();
  });

  test('a delete whose answer is lost rejects, and leaves nothing in L1', async () => {
    const node = await cluster().node({ journal: false });
    await node.cache.set('k', 'old');
    const lost = node.l2.hold('delete', 'back');
    const deleting = node.cache.delete('k');
    await lost.arrived;
    lost.fail(new Error('cut'));
    await expect(deleting).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_FAILED', key: 'k' });
    expect(node.cache.peek('k')).toBeUndefined();
    expect(await node.cache.get('k')).toBeUndefined();
  });

  test('an invalidation whose answer is lost: this node treats what it has as dead until L2 has counted on', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node({ journal: false }), await node()];
    await n1.cache.set('k', 'old', { tags: ['t'] });
    const lost = n1.l2.hold('advance', 'out');
    const invalidating = n1.cache.invalidateTags(['t']);
    await lost.arrived;
    lost.fail(new Error('cut'));
    await expect(invalidating).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_FAILED' });
    expect(n1.cache.peek('k')).toBeUndefined();
    expect(await n1.cache.get('k')).toBeUndefined();
    // It never reached L2: repeating it brings everyone to the same state.
    await n1.cache.invalidateTags(['t']);
    await settle();
    await nothingOldIsLeft('old', 'k', n1, n2);
    expect(n1.cache.peek('k')).toBeDefined();
  });

  test('what is loaded after a lost invalidation does not take a number that L2 will give to another one', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node({ journal: false }), await node()];
    const lost = n1.l2.hold('advance', 'out');
    const invalidating = n1.cache.invalidateTags(['t']);
    await lost.arrived;
    lost.fail(new Error('cut'));
    await expect(invalidating).rejects.toThrow();
    n1.l2.holdNews();
    const loader = new HandLoader<string>();
    const loading = n1.cache.getOrSet('k', loader.load, { tags: ['u'] });
    await loader.begun();
    await n2.cache.invalidateTags(['u']);
    loader.finish('old');
    expect(await loading).toBe('old');
    n1.l2.releaseNews();
    await nothingOldIsLeft('old', 'k', n1, n2);
  });
});

describe('writes that race writes', () => {
  test('a set that is dead when it is done, by its tag, does not leave the older value in L1', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.set('k', 'old');
    const slow = n1.l2.hold('write', 'back');
    const setting = n1.cache.set('k', 'new', { tags: ['t'] });
    await slow.arrived;
    await n2.cache.invalidateTags(['t']);
    await settle();
    slow.release();
    await setting;
    expect(n1.cache.peek('k')).toBeUndefined();
    expect(await n1.cache.get('k')).toBeUndefined();
  });

  test("N1 sets, then N2; N1 hears of N2's before its own answer: N1's L1 ends without N1's value (27)", async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const slow = n1.l2.hold('write', 'back');
    const setting = n1.cache.set('k', 'first');
    await slow.arrived;
    await n2.cache.set('k', 'second');
    await settle();
    slow.release();
    await setting;
    expect(n1.cache.peek('k')).toBeUndefined();
    expect(await n1.cache.get('k')).toBe('second');
    expect(await n2.cache.get('k')).toBe('second');
  });

  test('two sets on one node, answered in the other order than done: L1 keeps what L2 keeps', async () => {
    const node = await cluster().node();
    const slow = node.l2.hold('write', 'back');
    const first = node.cache.set('k', 'first');
    await slow.arrived;
    await node.cache.set('k', 'second');
    slow.release();
    await first;
    expect(node.cache.peek('k')).toBe('second');
    await node.cache.set('k', 'third');
    expect(node.cache.peek('k')).toBe('third');
  });

  test('two sets on one node, done in the other order than begun: L1 keeps what L2 keeps', async () => {
    const node = await cluster().node();
    const slow = node.l2.hold('write', 'out');
    const first = node.cache.set('k', 'first');
    await slow.arrived;
    await node.cache.set('k', 'second');
    slow.release();
    await first;
    expect(node.cache.peek('k')).toBe('first');
  });

  test('a set begun during a delete, done before it: L1 does not keep what L2 has lost', async () => {
    const node = await cluster().node();
    const slow = node.l2.hold('delete', 'out');
    const deleting = node.cache.delete('k');
    await slow.arrived;
    await node.cache.set('k', 'set');
    slow.release();
    await deleting;
    expect(node.cache.peek('k')).toBeUndefined();
    expect(await node.cache.get('k')).toBeUndefined();
  });

  test.each([
    ['without an L2', () => Promise.resolve(lonely())],
    ['tagged, in an L2 without logical time', () => cluster().node({ without: ['time'] })],
  ])('a set right after a touch, %s: the set value stays', async (_, make) => {
    const { cache } = await make();
    await cache.set('k', 'old', { tags: ['t'] });
    await Promise.all([cache.touch('k', { ttl: '1h' }), cache.set('k', 'new', { tags: ['t'] })]);
    expect(cache.peek('k')).not.toBe('old');
    expect(await cache.touch('k', { ttl: '1h' })).toBe(cache.peek('k') !== undefined);
  });

  test('a touch after an expire of a peer does not bring the expired value back', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.set('k', 'old');
    await n1.cache.expire('k');
    await n2.cache.touch('k', { ttl: '1h' });
    await settle();
    await nothingOldIsLeft('old', 'k', n1, n2);
  });

  test('a set whose answer is lost rejects, and L1 keeps neither value', async () => {
    const node = await cluster().node({ journal: false });
    await node.cache.set('k', 'old');
    const lost = node.l2.hold('write', 'back');
    const setting = node.cache.set('k', 'new');
    await lost.arrived;
    lost.fail(new Error('cut'));
    await expect(setting).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_FAILED' });
    expect(node.cache.peek('k')).toBeUndefined();
    expect(await node.cache.get('k')).toBe('new');
  });

  test.each(['set', 'delete'] as const)(
    'a %s that was given up takes effect after all: what was read since is dropped',
    async (how) => {
      const { node, clock } = cluster();
      const [n1, n2] = [await node({ l2Timeout: 1000, journal: false }), await node()];
      await n1.cache.set('k', 'old');
      const slow = n1.l2.hold(how === 'set' ? 'write' : 'delete', 'out');
      const writing = how === 'set' ? n1.cache.set('k', 'new') : n1.cache.delete('k');
      const failed = expect(writing).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_FAILED' });
      await slow.arrived;
      await clock.advance(1000);
      await failed;
      expect(await n1.cache.get('k')).toBe('old');
      slow.release();
      await settle();
      expect(n1.cache.peek('k')).toBeUndefined();
      expect(await n1.cache.get('k')).toBe(how === 'set' ? 'new' : undefined);
      expect(await n2.cache.get('k')).toBe(how === 'set' ? 'new' : undefined);
    },
  );

  test.each(['load', 'set'] as const)(
    'a delete that was given up takes effect after a %s whose news came first',
    async (how) => {
      const { node, clock } = cluster();
      const [n1, n2] = [await node({ l2Timeout: 1000, journal: false }), await node()];
      const slow = n1.l2.hold('delete', 'out');
      const failed = expect(n1.cache.delete('k')).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_FAILED' });
      await slow.arrived;
      await clock.advance(1000);
      await failed;
      await (how === 'set' ? n1.cache.set('k', 'old') : n1.cache.getOrSet('k', () => 'old'));
      await settle();
      expect(await n1.cache.get('k')).toBe('old');
      slow.release();
      await settle();
      await nothingOldIsLeft('old', 'k', n1, n2);
    },
  );

  test.each(['expire', 'touch'] as const)(
    '%s racing a set of a peer: the newer value stays, with its own life (26)',
    async (how) => {
      const { node, clock } = cluster();
      const [n1, n2] = [await node(), await node()];
      await n1.cache.set('k', 'old', { ttl: 1000 });
      await settle();
      const slow = n1.l2.hold(how, 'back');
      const racing = how === 'touch' ? n1.cache.touch('k', { ttl: 500 }) : n1.cache.expire('k');
      await slow.arrived;
      await n2.cache.set('k', 'new', { ttl: 2000 });
      slow.release();
      await racing;
      await settle();
      await clock.advance(1500);
      expect(await n1.cache.get('k')).toBe('new');
      expect(await n2.cache.get('k')).toBe('new');
      await clock.advance(500);
      expect(await n1.cache.get('k')).toBeUndefined();
    },
  );
});

describe('news', () => {
  test('twice, or in any order: the end state is the newest (25)', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    n2.l2.holdNews();
    await n1.cache.set('k', 1, { tags: ['t'] });
    await n1.cache.invalidateTags(['t']);
    await n1.cache.set('k', 2, { tags: ['t'] });
    await n1.cache.invalidateTags(['t']);
    await n1.cache.set('k', 3, { tags: ['t'] });
    await settle();
    n2.l2.releaseNews((news) => [...news].reverse().concat(news));
    expect(await n2.cache.get('k')).toBe(3);
    expect(n2.cache.peek('k')).toBe(3);
  });

  test('old marks that come late do not kill what was loaded since', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    n2.l2.holdNews();
    await n1.cache.invalidateTags(['t']);
    await n1.cache.invalidateTags(['t']);
    await settle();
    const news = [...n2.l2.heldNews];
    n2.l2.releaseNews();
    await n2.cache.set('k', 'new', { tags: ['t'] });
    for (const each of news) n2.l2.tell(each);
    expect(n2.cache.peek('k')).toBe('new');
  });

  test("of this node's own deeds does not cost it what it has just stored", async () => {
    const node = await cluster().node();
    await node.cache.set('k', 'value');
    await settle();
    expect(node.cache.peek('k')).toBe('value');
  });

  test('`reset`: nothing held before is served, nothing read before is kept', async () => {
    const { node } = cluster();
    const n1 = await node();
    await n1.cache.set('k', 'value', { tags: ['t'] });
    const read = n1.l2.hold('read', 'back');
    const reading = n1.cache.get('other');
    await read.arrived;
    n1.l2.tell({ type: 'reset', namespace: undefined, reason: 'test', origin: undefined });
    expect(n1.cache.peek('k')).toBeUndefined();
    read.release();
    await reading;
    expect(await n1.cache.get('k')).toBe('value');
    expect(n1.cache.peek('k')).toBe('value');
  });
});

describe('a lost feed (law 8)', () => {
  test('what was held is served for maxStaleness, what is filled meanwhile lives no longer than that', async () => {
    const { node, clock } = cluster();
    const n1 = await node({ maxStaleness: 1000 });
    await n1.cache.set('before', 1);
    n1.l2.tellState('deaf');
    expect(n1.cache.peek('before')).toBe(1);
    await clock.advance(400);
    await n1.cache.set('during', 2);
    await clock.advance(599);
    expect(n1.cache.peek('before')).toBe(1);
    await clock.advance(1);
    expect(n1.cache.peek('before')).toBeUndefined();
    expect(n1.cache.peek('during')).toBe(2);
    await clock.advance(400);
    expect(n1.cache.peek('during')).toBeUndefined();
    expect(await n1.cache.getMany(['before', 'during'])).toEqual([1, 2]);
  });

  test('a load that takes long counts from its beginning: what it found may have been changed soon after that', async () => {
    const { node, clock } = cluster();
    const n1 = await node({ maxStaleness: 1000 });
    n1.l2.tellState('deaf');
    const loader = new HandLoader();
    const loading = n1.cache.getOrSet('k', loader.load);
    await settle();
    await clock.advance(600);
    loader.finish('old');
    expect(await loading).toBe('old');
    await clock.advance(399);
    expect(n1.cache.peek('k')).toBe('old');
    await clock.advance(1);
    expect(n1.cache.peek('k')).toBeUndefined();
  });

  test('a peer writes while this node is deaf: nothing old is served after the feed is back', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n2.cache.setMany([
      ['set', 'old'],
      ['deleted', 'old'],
    ]);
    await n2.cache.set('tagged', 'old', { tags: ['t'] });
    await settle();
    n2.l2.holdNews();
    n2.l2.tellState('deaf');
    await n1.cache.set('set', 'new');
    await n1.cache.delete('deleted');
    await n1.cache.invalidateTags(['t']);
    n2.l2.loseNews();
    n2.l2.tellState('alive');
    for (const key of ['set', 'deleted', 'tagged']) await nothingOldIsLeft('old', key, n1, n2);
    expect(await n2.cache.get('set')).toBe('new');
  });

  test('an L2 hit while deaf is judged by marks that are asked for', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.set('k', 'old', { tags: ['t'] });
    n2.l2.holdNews();
    n2.l2.tellState('deaf');
    await n1.cache.invalidateTags(['t']);
    expect(await n2.cache.get('k')).toBeUndefined();
    await n1.cache.set('u', 'old');
    await n1.cache.clear();
    expect(await n2.cache.get('u')).toBeUndefined();
    n2.l2.loseNews();
  });

  test('an L2 hit while deaf, for which L2 gives no marks, counts as dead: it may have been cleared', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.set('k', 'old');
    n2.l2.holdNews();
    n2.l2.tellState('deaf');
    await n1.cache.clear();
    const marks = n2.l2.hold('marks', 'out');
    const reading = n2.cache.get('k');
    await marks.arrived;
    marks.fail(new Error('down'));
    expect(await reading).toBeUndefined();
    n2.l2.loseNews();
  });

  test('an answer about marks that is older than the feed’s return is not believed', async () => {
    const { node } = cluster();
    const n1 = await node();
    await n1.cache.set('k', 'old', { tags: ['t'] });
    await n1.cache.invalidateTags(['other']);
    const n2 = await node();
    const marks = n2.l2.hold('marks', 'back');
    const reading = n2.cache.get('k');
    await marks.arrived;
    n2.l2.holdNews();
    n2.l2.tellState('deaf');
    await n1.cache.invalidateTags(['t']);
    n2.l2.loseNews();
    n2.l2.tellState('alive');
    expect(await n2.cache.get('another')).toBeUndefined();
    marks.release();
    await reading;
    await nothingOldIsLeft('old', 'k', n2, n1);
  });

  test('a read that was under way when the feed was lost does not fill L1', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.set('k', 'old');
    await settle();
    const read = n2.l2.hold('read', 'back');
    const reading = n2.cache.get('k');
    await read.arrived;
    n2.l2.holdNews();
    n2.l2.tellState('deaf');
    await n1.cache.set('k', 'new');
    n2.l2.loseNews();
    n2.l2.tellState('alive');
    read.release();
    await reading;
    expect(n2.cache.peek('k')).toBeUndefined();
  });
});

describe('clocks that differ (27)', () => {
  test.each([-15, 15])(
    'the other node is %i minutes off: invalidations and lives hold all the same',
    async (minutes) => {
      const { node, clock } = cluster();
      const { ManualClock } = await import('../test/manual-clock.js');
      const other = new ManualClock(clock.now() + minutes * 60_000);
      const [n1, n2] = [await node(), await node({ clock: other })];
      await n1.cache.set('k', 'old', { ttl: 1000, tags: ['t'] });
      expect(await n2.cache.get('k')).toBe('old');
      await n1.cache.invalidateTags(['t']);
      await settle();
      await nothingOldIsLeft('old', 'k', n1, n2);
      await n2.cache.set('l', 'value', { ttl: 1000 });
      await settle();
      expect(await n1.cache.get('l')).toBe('value');
      await Promise.all([clock.advance(1000), other.advance(1000)]);
      expect(await n1.cache.get('l')).toBeUndefined();
      expect(await n2.cache.get('l')).toBeUndefined();
    },
  );
});
