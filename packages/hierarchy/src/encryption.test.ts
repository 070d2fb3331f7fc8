import { describe, expect, test } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { type Cluster, cluster } from '../test/nodes.js';
import type { EncryptionOptions } from './index.js';

const key = (fill: number) => Buffer.alloc(32, fill);
const ring = (...ids: number[]): EncryptionOptions => ({ keys: ids.map((id) => ({ id: `k${id}`, key: key(id) })) });
const hidden = (id = 1, names = 9): EncryptionOptions => ({ ...ring(id), hideNames: { key: key(names) } });

/** Everything that stands in L2: names, tags and bytes. */
function dump({ store }: Cluster): string {
  const { entries, marks, leases } = store.namespace('test');
  const names = [...entries.keys(), ...marks.keys(), ...leases.keys()].join('\n');
  return `${names}\n${[...entries.values()].map(({ bytes }) => Buffer.from(bytes).toString('latin1')).join('\n')}`;
}

describe('encryption', () => {
  test('no byte of a value is readable in L2; without it, it is', async () => {
    for (const encryption of [undefined, ring(1), hidden()]) {
      const all = cluster();
      const { cache } = await all.node({ compression: false, ...(encryption && { encryption }) });
      await cache.set('set', { name: 'a very secret value' });
      await cache.getOrSet('loaded', () => 'a very secret value');
      expect(all.store.namespace('test').entries.size).toBe(2);
      expect(dump(all).includes('secret')).toBe(encryption === undefined);
    }
  });

  test('nodes with the same ring read each other, from text keys as well', async () => {
    const { node } = cluster();
    const n1 = await node({ encryption: ring(1) });
    const n2 = await node({ encryption: { keys: [{ id: 'k1', key: key(1).toString('hex') }] } });
    const n3 = await node({ encryption: { keys: [{ id: 'k1', key: key(1).toString('base64') }] } });
    await n1.cache.set('k', 'v', { tags: ['t'] });
    for (const { cache } of [n2, n3]) expect(await cache.get('k')).toBe('v');
  });

  test('keys rotate without a flush, and what a removed key wrote is a miss that a load overwrites', async () => {
    const { node } = cluster();
    const before = await node({ encryption: ring(1) });
    await before.cache.setMany([
      ['a', 'by 1'],
      ['b', 'by 1'],
    ]);
    const during = await node({ encryption: ring(2, 1) });
    expect(await during.cache.getMany(['a', 'b'])).toEqual(['by 1', 'by 1']);
    await during.cache.set('a', 'by 2');
    const after = await node({ encryption: ring(2) });
    const damaged: unknown[] = [];
    after.cache.on('damaged', ({ key, reason }) => damaged.push({ key, reason }));
    expect(await after.cache.getMany(['a', 'b'])).toEqual(['by 2', undefined]);
    expect(damaged).toEqual([{ key: 'b', reason: 'unknown-key' }]);
    expect(await after.cache.getOrSet('b', () => 'loaded')).toBe('loaded');
    await settle();
    expect(await during.cache.get('b')).toBe('loaded');
  });

  test.each([
    ['another key of the same id', { keys: [{ id: 'k1', key: key(5) }] }, 'undecryptable'],
    ['no key', undefined, 'sealed'],
  ])('%s: every value is a miss, counted', async (_, encryption, reason) => {
    const { node } = cluster();
    const ours = await node({ encryption: ring(1) });
    const theirs = await node(encryption && { encryption });
    const reasons: string[] = [];
    theirs.cache.on('damaged', (event) => reasons.push(event.reason));
    await ours.cache.set('k', 'v');
    expect(await theirs.cache.get('k')).toBeUndefined();
    expect(reasons).toEqual([reason]);
    expect(theirs.cache.stats().l2).toMatchObject({ gets: 1, misses: 1, damaged: 1 });
    expect(ours.cache.peek('k')).toBe('v');
  });

  test('plain values, which anyone could have written, are a miss for a node with a ring', async () => {
    const { node } = cluster();
    const [plain, sealed] = [await node(), await node({ encryption: ring(1) })];
    await plain.cache.set('k', 'forged');
    expect(await sealed.cache.getOrSet('k', () => 'loaded')).toBe('loaded');
  });

  test('a value moved to another key or namespace is a miss', async () => {
    const { node, store } = cluster();
    const { cache } = await node({ encryption: ring(1) });
    const other = cache.namespace('other');
    await cache.set('admin', 'yes');
    const moved = store.namespace('test').entries.get('admin');
    if (moved === undefined) throw new Error('not stored');
    store.namespace('test').entries.set('guest', moved);
    store.namespace('test:other').entries.set('admin', moved);
    expect(await cache.get('guest')).toBeUndefined();
    expect(await other.get('admin')).toBeUndefined();
    expect(cache.stats().l2.damaged).toBe(2);
  });
});

describe('hidden names', () => {
  test('neither keys nor tags are readable in L2, and everything works on two nodes', async () => {
    const all = cluster();
    const [n1, n2] = [await all.node({ encryption: hidden() }), await all.node({ encryption: hidden() })];
    const heard: unknown[] = [];
    n2.cache.on('news', ({ news }) => heard.push(news));
    await n1.cache.set('secret key', 'v1', { tags: ['secret tag', 'secret other'] });
    await n1.cache.getOrSet('secret loaded', () => 'v2', { tags: ['secret tag'] });
    await n1.cache.getOrSetMany(['secret a', 'secret b'], (keys) => keys.map((name) => `value of ${name}`));
    await settle();
    expect(await n2.cache.getEntry('secret key')).toMatchObject({
      key: 'secret key',
      value: 'v1',
      tier: 'l2',
      tags: ['secret tag', 'secret other'],
    });
    expect(await n2.cache.getMany(['secret loaded', 'secret a', 'secret b'])).toEqual([
      'v2',
      'value of secret a',
      'value of secret b',
    ]);
    expect(await n2.cache.getEntry('secret loaded')).toMatchObject({ tier: 'l1', tags: ['secret tag'] });

    await n1.cache.set('secret a', 'new');
    await n1.cache.delete('secret b');
    await n1.cache.invalidateTags(['secret tag']);
    await settle();
    expect(n2.cache.peek('secret a')).toBeUndefined();
    expect(await n2.cache.getMany(['secret a', 'secret b', 'secret key', 'secret loaded'])).toEqual([
      'new',
      undefined,
      undefined,
      undefined,
    ]);
    expect(await n2.cache.touch('secret a')).toBe(true);
    expect(dump(all)).not.toContain('secret');
    expect(JSON.stringify(heard)).not.toContain('secret');
    expect(heard.length).toBeGreaterThan(0);
  });

  test('touching keeps hidden tags', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node({ encryption: hidden() }), await node({ encryption: hidden() })];
    await n1.cache.set('k', 'v', { tags: ['t'], ttl: '1s' });
    await n2.cache.get('k');
    await n2.cache.touch('k', { ttl: '1h' });
    expect(await n1.cache.getEntry('k')).toMatchObject({ tags: ['t'], freshMs: 3_600_000 });
  });

  test('survive the rotation of the ring, but not another key for names', async () => {
    const { node } = cluster();
    const before = await node({ encryption: hidden(1) });
    await before.cache.set('k', 'v');
    const rotated = await node({ encryption: { ...ring(2, 1), hideNames: { key: key(9) } } });
    const renamed = await node({ encryption: hidden(1, 8) });
    expect(await rotated.cache.get('k')).toBe('v');
    expect(await renamed.cache.get('k')).toBeUndefined();
    expect(renamed.cache.stats().l2.damaged).toBe(0);
  });

  test('events and errors speak of the names that the user gave', async () => {
    const { cache, l2 } = await cluster().node({ encryption: hidden(), journal: false });
    const events: unknown[] = [];
    for (const type of ['hit', 'miss', 'set', 'load', 'delete', 'invalidate', 'evict'] as const) {
      cache.on(type, (event) => events.push(event));
    }
    await cache.set('k', 'v', { tags: ['t'] });
    await cache.get('k');
    await cache.delete('k');
    await cache.getOrSet('k', () => 'v');
    await cache.invalidateTags(['t']);
    for (const event of events) {
      const { key, keys, tags } = event as { key?: string; keys?: string[]; tags?: string[] };
      expect([key ?? keys?.[0] ?? tags?.[0]]).toEqual([tags === undefined ? 'k' : 't']);
    }
    expect(events).toHaveLength(7);
    l2.break(new Error('down'), 'write', 'delete');
    await expect(cache.set('k', 'v')).rejects.toMatchObject({ key: 'k' });
    await expect(cache.delete('k')).rejects.toMatchObject({ key: 'k' });
  });
});
