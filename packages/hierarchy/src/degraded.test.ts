import { randomBytes } from 'node:crypto';
import { MemoryStore, memoryL2 } from '@tierwise/l2/memory';
import { describe, expect, test } from 'vitest';
import { HeldL2, type Operation } from '../test/held-l2.js';
import { ManualClock, settle } from '../test/manual-clock.js';
import { cluster, HandLoader, type Node } from '../test/nodes.js';
import { createHierarchy } from './index.js';

const READING: Operation[] = ['read', 'acquire', 'renew', 'release', 'marks', 'follow'];
const WRITING: Operation[] = ['write', 'delete', 'expire', 'touch', 'advance', 'purge'];
const ALL = [...READING, ...WRITING];
const DOWN = new Error('L2 is down');
const L2_TIMEOUT = 2_000;

/** Runs a call to its end, letting time pass whenever nothing else happens. Fails if it takes more than two minutes. */
async function finish<T>({ clock }: Node, call: Promise<T>): Promise<T> {
  let settled = false;
  const done = () => {
    settled = true;
  };
  call.then(done, done);
  for (let passed = 0; !settled && passed < 120_000; passed += L2_TIMEOUT) {
    await settle();
    if (!settled) await clock.advance(L2_TIMEOUT);
  }
  expect(settled, 'the call hangs').toBe(true);
  return call;
}

describe.each([
  ['rejects', DOWN],
  ['never answers', 'silent'],
] as const)('an L2 that %s', (_, how) => {
  test('L1 hits are unaffected, and the loader answers what L1 does not have', async () => {
    const node = await cluster().node();
    const { cache, l2 } = node;
    await cache.set('held', 'in L1', { tags: ['t'] });
    l2.break(how, ...ALL);
    expect(await cache.get('held')).toBe('in L1');
    expect(await cache.getOrSet('held', () => 'loaded')).toBe('in L1');
    expect(await finish(node, cache.get('k'))).toBeUndefined();
    expect(await finish(node, cache.getMany(['k', 'held']))).toEqual([undefined, 'in L1']);
    expect(await finish(node, cache.has('k'))).toBe(false);
    expect(
      await finish(
        node,
        cache.getOrSet('k', () => 'loaded', { tags: ['t'] }),
      ),
    ).toBe('loaded');
    expect(await cache.get('k')).toBe('loaded');
    expect(
      await finish(
        node,
        cache.getOrSetMany(['k', 'l'], (keys) => [...keys]),
      ),
    ).toEqual(['loaded', 'l']);
    expect(
      await finish(
        node,
        cache.refresh('k', () => 'anew'),
      ),
    ).toBe('anew');
    expect(cache.stats().l2).toMatchObject({ hits: 0, damaged: 0 });
    expect(cache.stats().l2.unanswered).toBe(cache.stats().l2.misses);
    expect(cache.stats().l2.unanswered).toBeGreaterThan(0);
  });

  test.each(ALL)('in %s alone: reads and loads settle, with a value', async (operation) => {
    const { node } = cluster();
    const [writer, reader] = [await node(), await node()];
    await writer.cache.set('there', 'v', { tags: ['t'] });
    await settle();
    reader.l2.break(how, operation);
    expect(['v', undefined]).toContain(await finish(reader, reader.cache.get('there')));
    expect(['v', 'loaded']).toContain(
      await finish(
        reader,
        reader.cache.getOrSet('there', () => 'loaded'),
      ),
    );
    expect(
      await finish(
        reader,
        reader.cache.getOrSet('k', () => 'loaded', { tags: ['new'] }),
      ),
    ).toBe('loaded');
    expect(
      await finish(
        reader,
        reader.cache.namespace('new').getOrSet('k', () => 'loaded'),
      ),
    ).toBe('loaded');
  });

  test("the loader's own error comes out, and nothing else", async () => {
    const node = await cluster().node();
    node.l2.break(how, ...ALL);
    await expect(
      finish(
        node,
        node.cache.getOrSet('k', () => Promise.reject(new Error('source'))),
      ),
    ).rejects.toThrow(/^source$/);
  });

  test.each<[Operation, (node: Node) => Promise<unknown>]>([
    ['write', ({ cache }) => cache.set('k', 'new')],
    ['write', ({ cache }) => cache.setMany([['k', 'new']])],
    ['delete', ({ cache }) => cache.delete('k')],
    ['delete', ({ cache }) => cache.set('k', 'new', { ttl: 0 })],
    ['expire', ({ cache }) => cache.expire('k')],
    ['touch', ({ cache }) => cache.touch('k')],
    ['advance', ({ cache }) => cache.invalidateTags(['t'])],
    ['advance', ({ cache }) => cache.clear()],
    ['advance', ({ cache }) => cache.purge()],
  ])('%s rejects with L2FailedError without a journal, and leaves nothing old in L1', async (operation, write) => {
    const node = await cluster().node({ journal: false, breaker: false });
    const { cache, l2 } = node;
    await cache.set('k', 'old', { tags: ['t'] });
    const errors: string[] = [];
    cache.on('l2-error', (event) => errors.push(event.operation));
    l2.break(how, ...ALL);
    const refused = await finish(node, write(node)).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      name: 'L2FailedError',
      code: 'ERR_TIERWISE_L2_FAILED',
      tier: 'l2',
      namespace: 'test',
      cause: how === 'silent' ? { code: 'ERR_TIERWISE_L2_TIMEOUT', limitMs: L2_TIMEOUT } : DOWN,
    });
    expect(errors).toContain(operation);
    expect(cache.peek('k')).toBeUndefined();
    expect(await finish(node, cache.get('k'))).toBeUndefined();
    l2.mend();
    // Repeating the call is what the error asks for; then nothing is left anywhere.
    await write(node);
    expect([undefined, 'new', 'old']).toContain(await cache.get('k'));
    if (operation !== 'touch' && operation !== 'write') expect(await cache.get('k')).toBeUndefined();
  });

  test('when it is back, so is everything else', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    n1.l2.break(how, ...ALL);
    expect(
      await finish(
        n1,
        n1.cache.getOrSet('k', () => 'alone'),
      ),
    ).toBe('alone');
    n1.l2.mend();
    await n1.cache.set('k', 'v', { tags: ['t'] });
    expect(await n2.cache.get('k')).toBe('v');
    await n2.cache.invalidateTags(['t']);
    await settle();
    expect(await n1.cache.get('k')).toBeUndefined();
  });
});

describe('an L2 that cannot be opened', () => {
  test.each([
    ['rejects', DOWN],
    ['never answers', 'silent'],
  ] as const)('and %s: ready() says so, reads go to the loader, writes reject, close() ends', async (_, how) => {
    const [l2, clock] = [new HeldL2(memoryL2()), new ManualClock()];
    l2.break(how, 'open');
    const cache = createHierarchy({ namespace: 'test', l2, clock, journal: false });
    const node = { cache, l2, clock };
    const refusal = { code: 'ERR_TIERWISE_L2_FAILED' };
    await expect(finish(node, cache.ready())).rejects.toMatchObject(refusal);
    const loaded = cache.getOrSet('k', () => 'loaded');
    expect(await finish(node, loaded)).toBe('loaded');
    expect(await finish(node, cache.get('other'))).toBeUndefined();
    await expect(finish(node, cache.set('k', 'new'))).rejects.toMatchObject(refusal);
    await finish(node, cache.close());
    expect(clock.timers).toBe(0);
  });

  test('in time, but later: then it is used', async () => {
    const [clock, store] = [new ManualClock(), new MemoryStore()];
    const slow = new HeldL2(memoryL2(store));
    const held = slow.hold('open', 'back');
    const cache = createHierarchy({ namespace: 'test', l2: slow, clock });
    const node = { cache, l2: slow, clock };
    await expect(finish(node, cache.ready())).rejects.toMatchObject({ cause: { code: 'ERR_TIERWISE_L2_TIMEOUT' } });
    const loaded = cache.getOrSet('k', () => 'loaded');
    expect(await loaded).toBe('loaded');
    held.release();
    await settle();
    await cache.set('k', 'stored');
    expect(store.namespace('test').entries.size).toBe(1);
    await cache.close();
    expect(clock.timers).toBe(0);
  });

  test('because it belongs to another hierarchy: it is left alone', async () => {
    const { l2, clock, cache: first } = await cluster().node();
    await first.set('k', 'theirs');
    const second = createHierarchy({ namespace: 'test', l2, clock });
    await expect(second.ready()).rejects.toMatchObject({
      code: 'ERR_TIERWISE_L2_FAILED',
      cause: { code: 'ERR_TIERWISE_L2_IN_USE' },
    });
    expect(await second.getOrSet('k', () => 'loaded')).toBe('loaded');
    await second.close();
    expect(await first.get('k')).toBe('theirs');
    await first.set('k', 'still open');
  });
});

describe('bad bytes are a miss (44, law 9)', () => {
  const CASES: [string, (bytes: Uint8Array) => Uint8Array, string][] = [
    ['truncated', (bytes) => bytes.slice(0, bytes.length - 1), 'truncated'],
    ['cut within the header', (bytes) => bytes.slice(0, 10), 'truncated'],
    ['nothing', () => new Uint8Array(), 'truncated'],
    ['foreign', () => Buffer.from('{"json":true}'), 'foreign'],
    ['random', () => randomBytes(500), 'foreign'],
    ['tampered at its end', (bytes) => bytes.with(-1, (bytes.at(-1) ?? 0) ^ 1), 'checksum'],
    ['of a newer format', (bytes) => bytes.with(4, 2), 'newer-format'],
  ];

  test.each(CASES)('%s: counted, reported, and overwritten by the load', async (_, spoil, reason) => {
    const { node, store } = cluster();
    const [writer, reader] = [await node({ compression: false }), await node()];
    const events: unknown[] = [];
    reader.cache.on('damaged', ({ key, reason, namespace }) => events.push({ namespace, key, reason }));
    await writer.cache.setMany([
      ['k', { name: 'value' }],
      ['good', 1],
    ]);
    const entry = store.namespace('test').entries.get('k');
    if (entry === undefined) throw new Error('not stored');
    entry.bytes = spoil(entry.bytes);
    expect(await reader.cache.get('k')).toBeUndefined();
    expect(await reader.cache.getMany(['k', 'good'])).toEqual([undefined, 1]);
    expect(reader.cache.peek('k')).toBeUndefined();
    expect(events).toEqual(Array(2).fill({ namespace: 'test', key: 'k', reason }));
    expect(reader.cache.stats().l2).toMatchObject({ gets: 3, hits: 1, misses: 2, damaged: 2, unanswered: 0 });
    expect(await reader.cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    await settle();
    writer.l2.calls.length = 0;
    expect(await writer.cache.get('k')).toBe('loaded');
    expect(writer.l2.calls).toContain('read');
  });

  test('what the backend itself calls damaged', async () => {
    const { node, store } = cluster();
    const { cache } = await node();
    store.damage('test', 'k', Buffer.from('anything'));
    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    expect(cache.stats().l2).toMatchObject({ damaged: 2 });
    expect(store.namespace('test').entries.get('k')?.damage).toBeUndefined();
    expect(await (await node()).cache.get('k')).toBe('loaded');
  });

  test('bytes that pass every check and still are no value', async () => {
    const { node, store } = cluster();
    const { cache } = await node({ compression: false });
    await cache.set('k', 'v');
    const reader = await node();
    const entry = store.namespace('test').entries.get('k');
    if (entry === undefined) throw new Error('not stored');
    // What is sealed under another encoding's rules comes from a defect, not from a fault; here the L2 lies about it.
    entry.bytes = entry.bytes.with(6, 2);
    expect(await reader.cache.getOrSet('k', () => 'loaded')).toBe('loaded');
  });
});

describe('an L2 without leases', () => {
  const without = ['leases'] as const;

  test('still coalesces within a node, each node loads for itself, and the value reaches L2', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node({ without }), await node({ without })];
    const loaders = [new HandLoader<string>(), new HandLoader<string>()] as const;
    const waiting = [n1, n1, n2].map(({ cache }) => cache.getOrSet('k', loaders[cache === n1.cache ? 0 : 1].load));
    await Promise.all(loaders.map((loader) => loader.begun()));
    for (const loader of loaders) loader.finish('v');
    expect(await Promise.all(waiting)).toEqual(['v', 'v', 'v']);
    expect(loaders.map((loader) => loader.count)).toEqual([1, 1]);
    await settle();
    expect(await (await node({ without })).cache.get('k')).toBe('v');
  });

  test('writes, deletions, tags and clear work on all nodes', async () => {
    const { node } = cluster();
    await worksOnAllNodes([await node({ without }), await node({ without })]);
  });
});

describe('an L2 without logical time', () => {
  const without = ['time'] as const;

  test('tagged values stay in the L1 of the node that has them; untagged ones are shared', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node({ without }), await node({ without })];
    await n1.cache.set('tagged', 'v', { tags: ['t'] });
    await n1.cache.getOrSet('loaded', () => 'v', { tags: ['t'] });
    await n1.cache.set('plain', 'v');
    await settle();
    expect(n1.l2.count('write')).toBe(1);
    expect(await n1.cache.getMany(['tagged', 'loaded', 'plain'])).toEqual(['v', 'v', 'v']);
    expect(await n2.cache.getMany(['tagged', 'loaded', 'plain'])).toEqual([undefined, undefined, 'v']);
    await n1.cache.invalidateTags(['t']);
    expect(await n1.cache.getMany(['tagged', 'loaded', 'plain'])).toEqual([undefined, undefined, 'v']);
  });

  test('a tagged value replaces an untagged one on all nodes', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node({ without }), await node({ without })];
    await n1.cache.set('k', 'old');
    await n2.cache.get('k');
    await n1.cache.set('k', 'new', { tags: ['t'] });
    await settle();
    expect(await n1.cache.get('k')).toBe('new');
    expect(await n2.cache.get('k')).toBeUndefined();
  });

  test('clear removes from L2, for all nodes', async () => {
    const { node, store } = cluster();
    const [n1, n2] = [await node({ without }), await node({ without })];
    await n1.cache.set('k', 'v');
    await n1.cache.set('tagged', 'v', { tags: ['t'] });
    await n2.cache.get('k');
    await n1.cache.clear();
    await settle();
    for (const { cache } of [n1, n2]) expect(await cache.getMany(['k', 'tagged'])).toEqual([undefined, undefined]);
    expect(store.namespace('test').entries.size).toBe(0);
    await n1.cache.set('k', 'new');
    expect(await n2.cache.get('k')).toBe('new');
  });

  test('touch gives a tagged value a new life where it lives', async () => {
    const { node, clock } = cluster();
    const { cache } = await node({ without, ttl: '10s' });
    await cache.set('k', 'v', { tags: ['t'] });
    await clock.advance(9_000);
    expect(await cache.touch('k')).toBe(true);
    await clock.advance(9_000);
    expect(cache.peek('k')).toBe('v');
    await cache.invalidateTags(['t']);
    expect(cache.peek('k')).toBeUndefined();
  });
});

describe('an L2 without a feed', () => {
  const without = ['feed'] as const;

  test('what L1 holds is no older than maxStaleness', async () => {
    const { node, clock } = cluster();
    const [n1, n2] = [await node({ without, maxStaleness: '3s' }), await node({ without, maxStaleness: '3s' })];
    await n1.cache.set('k', 'old', { tags: ['t'] });
    await n1.cache.set('l', 'old', { tags: ['t'] });
    expect(await n2.cache.getMany(['k', 'l'])).toEqual(['old', 'old']);
    await n1.cache.set('k', 'new');
    await n1.cache.invalidateTags(['t']);
    await clock.advance(2_999);
    expect(n2.cache.peek('k')).toBe('old');
    await clock.advance(1);
    expect(await n2.cache.getMany(['k', 'l'])).toEqual(['new', undefined]);
    expect(await n1.cache.getMany(['k', 'l'])).toEqual(['new', undefined]);
  });

  test("waits for another node's load by asking again", async () => {
    const { node, clock } = cluster();
    const [n1, n2] = [await node({ without }), await node({ without })];
    const loader = new HandLoader<string>();
    const first = n1.cache.getOrSet('k', loader.load);
    await loader.begun();
    const second = n2.cache.getOrSet('k', () => 'loaded twice');
    await settle();
    loader.finish('v');
    expect(await first).toBe('v');
    await clock.advance(1_000);
    expect(await second).toBe('v');
  });
});

describe('an L2 without leases, logical time and feed', () => {
  test('is still a second tier', async () => {
    const { node, clock } = cluster();
    const without = ['leases', 'time', 'feed'] as const;
    const [n1, n2] = [await node({ without }), await node({ without })];
    expect(await n1.cache.getOrSet('k', () => 'v')).toBe('v');
    expect(await n2.cache.getOrSet('k', () => 'loaded')).toBe('v');
    await n1.cache.set('k', 'new');
    await clock.advance(10_000);
    expect(await n2.cache.get('k')).toBe('new');
    await n2.cache.delete('k');
    await n2.cache.clear();
    await clock.advance(10_000);
    expect(await n1.cache.get('k')).toBeUndefined();
  });
});

async function worksOnAllNodes(nodes: readonly [Node, Node]): Promise<void> {
  const [n1, n2] = nodes;
  await n1.cache.set('k', 'v', { tags: ['t'] });
  expect(await n2.cache.get('k')).toBe('v');
  await n2.cache.set('k', 'w', { tags: ['t'] });
  await settle();
  for (const { cache } of nodes) expect(await cache.get('k')).toBe('w');
  await n1.cache.delete('k');
  await settle();
  for (const { cache } of nodes) expect(await cache.get('k')).toBeUndefined();
  await n1.cache.getOrSet('k', () => 'x', { tags: ['t'] });
  await n2.cache.get('k');
  await n2.cache.invalidateTags(['t']);
  await settle();
  for (const { cache } of nodes) expect(await cache.get('k')).toBeUndefined();
  await n1.cache.set('k', 'y');
  await n2.cache.clear();
  await settle();
  for (const { cache } of nodes) expect(await cache.get('k')).toBeUndefined();
}
