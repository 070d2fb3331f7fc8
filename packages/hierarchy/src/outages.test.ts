import { L2InvalidError } from '@tierwise/l2';
import { memoryL2 } from '@tierwise/l2/memory';
import { describe, expect, test } from 'vitest';
import { HeldL2 } from '../test/held-l2.js';
import { type Disk, JournalDouble } from '../test/journal-double.js';
import { settle } from '../test/manual-clock.js';
import { type Cluster, cluster, HandLoader, type Node } from '../test/nodes.js';
import { cut, DOWN, EVERYTHING, mend, recovered } from '../test/outage.js';
import { createHierarchy, type HierarchyEventType } from './index.js';

async function two({ node }: Cluster = cluster()): Promise<[Node, Node]> {
  return [await node(), await node()];
}

function heard({ cache }: Node, ...types: HierarchyEventType[]): unknown[] {
  const events: unknown[] = [];
  for (const type of types) cache.on(type, (event) => events.push(event));
  return events;
}

describe('while L2 is down (38, 39, 40)', () => {
  test('no order throws, nothing is sent, and this node serves neither what it replaced nor what it removed', async () => {
    const node = await cluster().node();
    const { cache, l2 } = node;
    await cache.setMany([
      ['set', 'old'],
      ['deleted', 'old'],
      ['expired', 'old'],
      ['touched', 'old'],
    ]);
    await cache.set('tagged', 'old', { tags: ['t'] });
    await cut(node);
    const events = heard(node, 'deferred') as { op: string }[];
    l2.calls.length = 0;
    await cache.set('set', 'new');
    await cache.delete('deleted');
    await cache.expire('expired');
    expect(await cache.touch('touched')).toBe(true);
    await cache.invalidateTags(['t']);
    expect(await cache.getMany(['set', 'deleted', 'expired', 'touched', 'tagged'])).toEqual([
      'new',
      undefined,
      undefined,
      'old',
      undefined,
    ]);
    await cache.clear();
    expect(await cache.get('touched')).toBeUndefined();
    expect(l2.calls).toEqual([]);
    expect(events.map(({ op }) => op)).toEqual(['set', 'delete', 'expire', 'invalidate', 'invalidate']);
    l2.mend();
  });

  test('a single failure is made up for soon, without the breaker, and without traffic', async () => {
    const [n1, n2] = await two();
    await n1.cache.set('k', 'old');
    await n2.cache.get('k');
    const lost = n1.l2.hold('delete');
    const deleting = n1.cache.delete('k');
    await lost.arrived;
    lost.fail(DOWN);
    await deleting;
    expect(n1.cache.stats()).toMatchObject({ outbox: { items: 1 }, l2: { breaker: 'closed' } });
    expect(await n1.cache.get('k')).toBeUndefined();
    expect(n2.cache.peek('k')).toBe('old');
    await n1.clock.advance(100);
    expect(n1.cache.stats().outbox.items).toBe(0);
    expect(n2.cache.peek('k')).toBeUndefined();
    expect(await n2.cache.get('k')).toBeUndefined();
    await n1.clock.advance(120_000);
    expect(n1.clock.timers).toBe(0);
  });

  test('exactly one probe at a time; it needs no traffic; the wait doubles up to ten seconds', async () => {
    const node = await cluster().node({ breaker: { failures: 2, openFor: '1s' } });
    await cut(node);
    const states = heard(node, 'breaker') as { state: string }[];
    node.l2.calls.length = 0;
    await node.clock.advance(1_000);
    expect(node.l2.calls).toEqual(['health']);
    await node.clock.advance(60_000);
    // 1 + 2 + 4 + 8 s, and then one each 10 s, or sooner by half.
    expect(node.l2.count('health')).toBeGreaterThan(6);
    expect(node.l2.count('health')).toBeLessThan(22);
    expect(new Set(node.l2.calls)).toEqual(new Set(['health']));
    node.l2.mend();
    await node.clock.advance(10_000);
    expect(node.cache.stats().l2.breaker).toBe('closed');
    expect(states.slice(-2)).toMatchObject([{ state: 'half-open' }, { state: 'closed' }]);
    expect(node.clock.timers).toBe(0);
  });

  test('is not trusted again before it has been told everything', async () => {
    const [n1, n2] = await two();
    await n2.cache.set('other', 'old');
    await cut(n1);
    await n1.cache.delete('other');
    n1.l2.mend();
    n1.l2.calls.length = 0;
    const held = n1.l2.hold('delete');
    await n1.clock.advance(500);
    await held.arrived;
    expect(n1.cache.stats().l2.breaker).toBe('half-open');
    await n1.cache.set('yet another', 'new');
    expect(await n1.cache.getMany(['other', 'not held here'])).toEqual([undefined, undefined]);
    expect(n1.l2.calls).toEqual(['health', 'delete']);
    held.release();
    await recovered(n1);
    expect(await n1.cache.get('other')).toBeUndefined();
    expect(await n2.cache.get('other')).toBeUndefined();
  });
});

describe('values that are made up for (40, 41)', () => {
  test('L2 gets the value, and peers see it', async () => {
    const [n1, n2] = await two();
    await n1.cache.set('k', 'old', { tags: ['t'] });
    expect(await n2.cache.get('k')).toBe('old');
    await cut(n1);
    await n1.cache.set('k', 'new', { tags: ['t'] });
    const events = heard(n1, 'recovered');
    await mend(n1);
    expect(events).toMatchObject([{ replayed: { stored: 1, kept: 0, dropped: 0 } }]);
    expect(await n2.cache.get('k')).toBe('new');
    expect(await n1.cache.get('k')).toBe('new');
    await n2.cache.invalidateTags(['t']);
    await settle();
    expect(await n1.cache.get('k')).toBeUndefined();
  });

  test('its tags last as long as it does', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await cut(n1);
    await n1.cache.set('k', 'new', { tags: ['never seen'] });
    // The write's own question for the mark is refused before L2 is back.
    await settle();
    await mend(n1);
    await n2.cache.invalidateTags(['other']);
    expect(await (await node()).cache.get('k')).toBe('new');
  });

  test("a peer's value of meanwhile is not overwritten", async () => {
    const [n1, n2] = await two();
    await cut(n1);
    await n1.cache.set('k', 'mine');
    await n2.cache.set('k', 'theirs');
    await mend(n1);
    for (const { cache } of [n1, n2]) expect(await cache.get('k')).toBe('theirs');
  });

  test("over a peer's deletion of meanwhile it does not come back", async () => {
    const [n1, n2] = await two();
    await cut(n1);
    await n1.cache.set('k', 'mine');
    await n2.cache.delete('k');
    await mend(n1);
    for (const { cache } of [n1, n2]) expect(await cache.get('k')).toBeUndefined();
  });

  test("over a peer's invalidation of its tag of meanwhile it does not come back", async () => {
    const [n1, n2] = await two();
    await n1.cache.set('seed', 1, { tags: ['t'] });
    await cut(n1);
    n1.l2.holdNews();
    await n1.cache.set('k', 'mine', { tags: ['t'] });
    await n2.cache.invalidateTags(['t']);
    n1.l2.releaseNews();
    await mend(n1);
    for (const { cache } of [n1, n2]) expect(await cache.get('k')).toBeUndefined();
  });

  test("beside a peer's load of meanwhile neither stays: which one is newer, nobody knows", async () => {
    const [n1, n2] = await two();
    await cut(n1);
    await n1.cache.set('k', 'mine');
    expect(await n2.cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    await mend(n1);
    for (const { cache } of [n1, n2]) expect(await cache.get('k')).toBeUndefined();
  });

  test('three nodes set 1, 2, 3 during an outage: they agree, and so does L2', async () => {
    const { node, store } = cluster();
    const nodes = [await node(), await node(), await node()] as const;
    await nodes[0].cache.set('k', 0);
    for (const { cache } of nodes) await cache.get('k');
    for (const each of nodes) await cut(each);
    for (const [index, { cache }] of nodes.entries()) await cache.set('k', index + 1);
    for (const [index, { cache }] of nodes.entries()) expect(await cache.get('k')).toBe(index + 1);
    for (const each of nodes) await mend(each);
    const seen = await Promise.all(nodes.map(({ cache }) => cache.get('k')));
    expect(new Set(seen).size).toBe(1);
    expect([1, 2, 3]).toContain(seen[0]);
    expect(store.namespace('test').entries.size).toBe(1);
  });

  test("a set after a deletion: a peer's value from before that does not come back", async () => {
    const [n1, n2] = await two();
    await cut(n1);
    await n2.cache.set('k', 'theirs');
    await n1.cache.delete('k');
    await n1.cache.set('k', 'mine');
    expect(await n1.cache.get('k')).toBe('mine');
    await mend(n1);
    for (const { cache } of [n1, n2]) expect(await cache.get('k')).toBeUndefined();
  });

  test('set, delete, set of one key: what was before is gone', async () => {
    const world = cluster();
    const [n1, n2] = await two(world);
    await n1.cache.set('k', 'old');
    await cut(n1);
    await n1.cache.set('k', 1);
    await n1.cache.delete('k');
    expect(await n1.cache.get('k')).toBeUndefined();
    await n1.cache.set('k', 2);
    expect(await n1.cache.get('k')).toBe(2);
    await mend(n1);
    expect(await n2.cache.get('k')).toBeUndefined();
    await cut(n1);
    await n1.cache.set('k', 3);
    await n1.cache.expire('k');
    await mend(n1);
    // Not the 2 made stale: that was replaced.
    expect(world.store.namespace('test').entries.size).toBe(0);
  });

  test('too old for L2 to remember deletions: the key is deleted', async () => {
    const [n1, n2] = await two();
    await n1.cache.set('k', 'old');
    await cut(n1);
    await n1.cache.set('k', 'new', { ttl: '1h' });
    await n1.clock.advance(55_000);
    await mend(n1);
    expect(await n2.cache.get('k')).toBeUndefined();
  });

  test.each([
    ['replay: invalidations', { replay: 'invalidations' as const }],
    ['an L2 that cannot replay', { without: ['replay'] as const }],
  ])('%s: the key is deleted', async (_, options) => {
    const { node } = cluster();
    const [n1, n2] = [await node(options), await node()];
    await n1.cache.set('k', 'old');
    await cut(n1);
    await n1.cache.set('k', 'new');
    expect(await n1.cache.get('k')).toBe('new');
    await mend(n1);
    for (const { cache } of [n1, n2]) expect(await cache.get('k')).toBeUndefined();
  });
});

describe('fills of one turn', () => {
  test('one that L2 finds invalid does not take the others with it', async () => {
    const [n1, n2] = await two();
    const write = n1.l2.write.bind(n1.l2);
    n1.l2.write = async (namespace, entries) => {
      if (entries.some(({ key }) => key === 'too large')) throw new L2InvalidError('memory', 'too large');
      return write(namespace, entries);
    };
    const load = () => 'loaded';
    await Promise.all(['too large', 'sound'].map((key) => n1.cache.getOrSet(key, load)));
    expect(await n2.cache.getMany(['too large', 'sound'])).toEqual([undefined, 'loaded']);
    expect(n1.cache.stats().l2.breaker).toBe('closed');
  });
});

describe('a set in doubt', () => {
  test('that was given up and takes effect later is replayed as a deletion', async () => {
    const { node, store } = cluster();
    const [n1, n2] = [await node({ l2Timeout: 1_000 }), await node()];
    await n1.cache.set('k', 'old');
    const slow = n1.l2.hold('write');
    const setting = n1.cache.set('k', 'new');
    await slow.arrived;
    await n1.clock.advance(1_000);
    await setting;
    expect(await n1.cache.get('k')).toBe('new');
    slow.release();
    await recovered(n1);
    expect(store.namespace('test').entries.size).toBe(0);
    for (const { cache } of [n1, n2]) expect(await cache.get('k')).toBeUndefined();
  });

  test('makes a later one in doubt as well: the two could not be told apart in L2', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node({ l2Timeout: 1_000 }), await node()];
    const slow = n1.l2.hold('write', 'back');
    const setting = n1.cache.set('k', 'first');
    await slow.arrived;
    n1.l2.break(DOWN, 'delete', 'replay');
    await n1.clock.advance(1_000);
    await setting;
    await n1.cache.set('k', 'second');
    expect(await n1.cache.get('k')).toBe('second');
    slow.release();
    await mend(n1);
    expect(await n2.cache.get('k')).toBeUndefined();
  });

  test('so does one that is on its way as a replay', async () => {
    const [n1, n2] = await two();
    await cut(n1);
    await n1.cache.set('k', 'first');
    n1.l2.mend();
    const held = n1.l2.hold('replay');
    await n1.clock.advance(500);
    await held.arrived;
    await n1.cache.set('k', 'second');
    expect(await n1.cache.get('k')).toBe('second');
    held.release();
    await recovered(n1);
    expect([undefined, 'second']).toContain(await n2.cache.get('k'));
    expect([undefined, 'second']).toContain(await n1.cache.get('k'));
  });
});

describe('tags and clear in an outage', () => {
  test.each([
    ['invalidateTags', ({ cache }: Node) => cache.invalidateTags(['t'])],
    ['clear', ({ cache }: Node) => cache.clear()],
  ])(
    '%s: what a peer filled before it was told is dead here at once, and everywhere once it is',
    async (_, invalidate) => {
      const [n1, n2] = await two();
      await n1.cache.set('k', 'old', { tags: ['t'] });
      n1.l2.break(DOWN, 'advance');
      await n2.cache.invalidateTags(['other']);
      await settle();
      await invalidate(n1);
      // Of a later generation than any that n1 has given away.
      await n2.cache.set('l', 'old', { tags: ['t'] });
      await settle();
      expect(await n1.cache.getMany(['k', 'l'])).toEqual([undefined, undefined]);
      expect(await n1.cache.getOrSet('k', () => 'loaded', { tags: ['t'] })).toBe('loaded');
      expect(n1.cache.peek('k')).toBe('loaded');
      await mend(n1);
      for (const { cache } of [n1, n2]) expect(await cache.getMany(['k', 'l'])).toEqual([undefined, undefined]);
      await n2.cache.set('k', 'newest', { tags: ['t'] });
      expect(await n1.cache.get('k')).toBe('newest');
    },
  );

  test('what is deleted while the clear is on its way is not taken for cleared', async () => {
    const [n1, n2] = await two();
    await cut(n1);
    await n1.cache.clear();
    n1.l2.mend();
    const held = n1.l2.hold('advance', 'back');
    await n1.clock.advance(500);
    await held.arrived;
    await n2.cache.set('k', 'of after the clear');
    await n1.cache.delete('k');
    held.release();
    await recovered(n1);
    for (const { cache } of [n1, n2]) expect(await cache.get('k')).toBeUndefined();
  });

  test('a second invalidation of a tag, while the first is on its way, counts as well', async () => {
    const [n1, n2] = await two();
    await cut(n1);
    await n1.cache.invalidateTags(['t']);
    n1.l2.mend();
    const held = n1.l2.hold('advance', 'back');
    await n1.clock.advance(500);
    await held.arrived;
    await n2.cache.set('k', 'of between', { tags: ['t'] });
    await n1.cache.invalidateTags(['t']);
    held.release();
    await recovered(n1);
    for (const { cache } of [n1, n2]) expect(await cache.get('k')).toBeUndefined();
    await n2.cache.set('k', 'of after', { tags: ['t'] });
    expect(await n1.cache.get('k')).toBe('of after');
  });

  test('a clear takes the place of what was pending: tags invalidated before it are not dead for ever', async () => {
    const [n1, n2] = await two();
    await cut(n1);
    await n1.cache.invalidateTags(['t']);
    await n1.cache.invalidateTags(['u'], { mode: 'expire' });
    await n1.cache.clear({ mode: 'expire' });
    await n1.cache.clear();
    await mend(n1);
    await n2.cache.set('k', 'new', { tags: ['t', 'u'] });
    expect(await n1.cache.get('k')).toBe('new');
  });

  test('a namespace that is opened later hears what is pending of it', async () => {
    const { node } = cluster();
    const [disk, n2] = [new JournalDouble(), await node()];
    const at = Date.now();
    await disk.append([{ op: 'invalidate', namespace: 'test:child', tags: ['t'], mode: 'dead', at }]);
    await n2.cache.namespace('child').set('k', 'old', { tags: ['t'] });
    const n1 = await node({ journal: disk });
    n1.l2.break(DOWN, 'advance');
    expect(await n1.cache.namespace('child').get('k')).toBeUndefined();
    await mend(n1);
    expect(await n2.cache.namespace('child').get('k')).toBeUndefined();
  });

  test('a load that began before the invalidation is not kept', async () => {
    const node = await cluster().node();
    await cut(node);
    const loader = new HandLoader<string>();
    const loading = node.cache.getOrSet('k', loader.load, { tags: ['t'] });
    await loader.begun();
    await node.cache.invalidateTags(['t']);
    loader.finish('old');
    await loading;
    expect(node.cache.peek('k')).toBeUndefined();
    node.l2.mend();
  });

  test('where time is not shared, clear is a purge, and nothing is read before it', async () => {
    const { node } = cluster();
    const without = ['time'] as const;
    const [n1, n2] = [await node({ without }), await node({ without })];
    await n2.cache.set('k', 'old');
    n1.l2.break(DOWN, 'purge');
    await n1.cache.clear();
    expect(await n1.cache.get('k')).toBeUndefined();
    await mend(n1);
    for (const { cache } of [n1, n2]) expect(await cache.get('k')).toBeUndefined();
  });
});

describe('replay', () => {
  test('a record that L2 refuses does not block the rest, and becomes a deletion', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.setMany([
      ['bad', 'old'],
      ['good', 'old'],
    ]);
    await cut(n1);
    await n1.cache.set('bad', 'new');
    await n1.cache.set('good', 'new');
    const events = heard(n1, 'refused');
    n1.l2.mend();
    const { replay } = n1.l2;
    if (replay === undefined) throw new Error('it can replay');
    const real = replay.replay;
    replay.replay = async (namespace, entries, options) => {
      if (entries.some(({ key }) => key === 'bad')) throw new L2InvalidError('memory', 'poisoned');
      return real(namespace, entries, options);
    };
    await recovered(n1);
    expect(events).toMatchObject([{ op: 'set', id: 'bad' }]);
    expect(await n2.cache.getMany(['bad', 'good'])).toEqual([undefined, 'new']);
  });

  test('what cannot be kept: the oldest values become deletions, then a namespace is cleared', async () => {
    const [n1, n2] = await two();
    await n2.cache.set('bystander', 'old');
    await n1.cache.set('first', 'old');
    await cut(n1);
    const events = heard(n1, 'outbox');
    const large = 'x'.repeat(30_000_000);
    for (const key of ['first', 'second', 'third']) await n1.cache.set(key, large + key, {});
    expect(n1.cache.stats().outbox.bytes).toBeLessThanOrEqual(64 * 1024 * 1024);
    await n1.cache.deleteMany(Array.from({ length: 10_001 }, (_, index) => `k${index}`));
    expect(n1.cache.stats().outbox).toMatchObject({ items: 1, bytes: 0 });
    expect(events.at(-1)).toMatchObject({ what: 'cleared', namespace: 'test' });
    await mend(n1);
    expect(await n2.cache.getMany(['first', 'bystander'])).toEqual([undefined, undefined]);
    await n2.cache.set('bystander', 'new');
    expect(await n1.cache.get('bystander')).toBe('new');
  });
});

describe('the journal (42)', () => {
  test('has what is pending, until L2 has it', async () => {
    const journal = new JournalDouble();
    const node = await cluster().node({ journal });
    await cut(node);
    await node.cache.set('k', 1);
    await node.cache.set('k', 2);
    await node.cache.delete('l');
    await node.cache.invalidateTags(['t']);
    expect(journal.ops).toEqual(['set k', 'delete l', 'invalidate t']);
    await mend(node);
    expect(journal.ops).toEqual([]);
  });

  test('what a killed process left is told to L2 before this one believes it', async () => {
    const world = cluster();
    const peer = await world.node();
    await peer.cache.setMany([
      ['set', 'old'],
      ['deleted', 'old'],
    ]);
    await peer.cache.set('tagged', 'old', { tags: ['t'] });
    const disk: Disk = { entries: [], lastNumber: 0 };
    const killed = await world.node({ journal: new JournalDouble(disk) });
    await cut(killed);
    await killed.cache.set('set', 'new');
    await killed.cache.delete('deleted');
    await killed.cache.invalidateTags(['t']);
    const left = structuredClone(disk);

    const l2 = new HeldL2(memoryL2(world.store));
    l2.break(DOWN, 'health', 'replay', 'delete', 'advance');
    const reborn = createHierarchy({ namespace: 'test', l2, clock: world.clock, journal: new JournalDouble(left) });
    expect(await reborn.getMany(['set', 'deleted', 'tagged'])).toEqual([undefined, undefined, undefined]);
    const node = { cache: reborn, l2, clock: world.clock };
    await mend(node);
    expect(left.entries).toEqual([]);
    expect(await peer.cache.getMany(['set', 'deleted', 'tagged'])).toEqual(['new', undefined, undefined]);
    expect(await reborn.getMany(['set', 'deleted', 'tagged'])).toEqual(['new', undefined, undefined]);
    await reborn.close();
  });

  test.each([
    ['of a clock that was set back', -1_000],
    ['of too long ago', 55_000],
  ])('a value %s is not stored', async (_, agoMs) => {
    const { node } = cluster();
    const [disk, n2] = [new JournalDouble(), await node()];
    await n2.cache.set('k', 'old');
    const life = { freshMs: 600_000, keepMs: 600_000, since: '1', at: Date.now() - agoMs };
    await disk.append([{ op: 'set', namespace: 'test', key: 'k', bytes: new Uint8Array([1]), ...life }]);
    const n1 = await node({ journal: disk });
    const events = heard(n1, 'recovered');
    await mend(n1);
    expect(events).toMatchObject([{ replayed: { deleted: 1, dropped: 0, kept: 0, stored: 0 } }]);
    expect(await n2.cache.get('k')).toBeUndefined();
  });

  test('a value that it gives up becomes a deletion', async () => {
    const [journal, world] = [new JournalDouble(), cluster()];
    const [n1, n2] = [await world.node({ journal }), await world.node()];
    await n1.cache.set('k', 'old');
    await cut(n1);
    await n1.cache.set('k', 'new');
    const events = heard(n1, 'journal');
    journal.host?.onTrouble({ type: 'dropped', why: 'size', entries: journal.disk.entries.splice(0) });
    expect(events).toMatchObject([{ trouble: { type: 'dropped' } }]);
    await mend(n1);
    expect(await n2.cache.get('k')).toBeUndefined();
  });
});

describe('close', () => {
  test('sends what is pending a last time, and then closes the journal', async () => {
    const journal = new JournalDouble();
    const { node } = cluster();
    const [n1, n2] = [await node({ journal }), await node()];
    await n1.cache.set('k', 'old');
    await cut(n1);
    await n1.cache.delete('k');
    n1.l2.mend();
    await n1.cache.close();
    expect([journal.ops, journal.closed]).toEqual([[], true]);
    expect(await n2.cache.get('k')).toBeUndefined();
  });

  test('of a frozen L2 ends in time, and says what is lost', async () => {
    const node = await cluster().node({ closeTimeout: '1s' });
    await cut(node);
    await node.cache.delete('k');
    node.l2.break('silent', ...EVERYTHING);
    node.l2.close = () => new Promise(() => {});
    const events = heard(node, 'lost');
    let closed = false;
    const closing = node.cache.close().then(() => {
      closed = true;
    });
    await settle();
    // One for what is pending, although a single command may take two, and one for L2 and the journal.
    await node.clock.advance(2_000);
    expect(closed).toBe(true);
    await closing;
    expect(events).toMatchObject([{ items: 1 }]);
  });
});
