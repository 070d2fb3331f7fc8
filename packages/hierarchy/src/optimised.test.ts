import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { L1 } from '@tierwise/l1';
import { describe, expect, test } from 'vitest';
import { ManualClock, settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely } from '../test/nodes.js';
import { freezeShareable } from './codec/index.js';
import { LoadTimeoutError, withCorrelationId } from './index.js';

/** Interleavings and corners that what makes a hierarchy fast could get wrong. */

describe('times of before the process', () => {
  test('a value that is older than the reader’s clock is loaded ahead like any other (37)', async () => {
    const { node, clock } = cluster();
    const options = { ttl: 1_000, refreshAhead: 0.5 };
    const writer = await node(options);
    const young = await node({ ...options, clock: new ManualClock(100) });
    await writer.cache.set('k', 'old');
    await clock.advance(800);
    const loader = new HandLoader<string>();
    expect(await young.cache.getOrSet('k', loader.load)).toBe('old');
    expect(await young.cache.getOrSet('k', loader.load)).toBe('old');
    await settle();
    expect(loader.count).toBe(1);
    loader.finish('new');
    await settle();
    expect(await young.cache.get('k')).toBe('new');
  });
});

describe('patience', () => {
  test('looks that have to be repeated take no longer than the hard limit (14, 36)', async () => {
    const { node, clock } = cluster();
    const n = await node({ l2Timeout: 100, loadTimeout: { hard: 601 } });
    const loader = new HandLoader<string>();
    const began = clock.now();
    let rejectedAfter: number | undefined;
    let error: unknown;
    let held = n.l2.hold('read');
    const reading = n.cache.getOrSet('k', loader.load).catch((reason) => {
      error = reason;
      rejectedAfter = clock.now() - began;
    });
    await held.arrived;
    for (let look = 0; look < 4; look += 1) {
      const last = held;
      await clock.advance(95);
      // Anything may have changed: the look is no good, and the next one attaches again before it reads.
      n.l2.tell({ type: 'reset', namespace: 'test', reason: 'test', origin: undefined });
      if (look === 3) {
        last.release();
        break;
      }
      const steps = [n.l2.hold('follow'), n.l2.hold('marks')];
      held = n.l2.hold('read');
      last.release();
      for (const step of steps) {
        await settle();
        await clock.advance(95);
        step.release();
      }
      await settle();
    }
    await settle();
    held.release();
    await clock.advance(1);
    while (loader.count > 0 && error === undefined) await clock.advance(1_000);
    await reading;
    loader.finish('late');
    await settle();
    expect(error).toBeInstanceOf(LoadTimeoutError);
    expect(rejectedAfter).toBe(601);
  });

  test('close() waits for a look, and for the load that comes of it', async () => {
    const { node } = cluster();
    const n = await node();
    const limited = await node({ l2Timeout: 1_000, loadTimeout: { hard: 500 } });
    for (const { cache, l2 } of [n, limited]) {
      const held = l2.hold('read');
      const reading = cache.getOrSet('k', () => 'loaded');
      await held.arrived;
      const closing = cache.close();
      await settle();
      held.release();
      expect(await reading).toBe('loaded');
      await closing;
    }
  });
});

describe('writes of one turn', () => {
  test('on different accounts reach L2 in the order of the calls', async () => {
    const { node } = cluster();
    const [n, peer] = [await node(), await node()];
    await n.cache.set('warm', 0);
    await Promise.all([
      withCorrelationId('a', () => n.cache.set('other', 0)),
      withCorrelationId('b', () => n.cache.set('k', 'earlier')),
      withCorrelationId('a', () => n.cache.set('k', 'later')),
    ]);
    expect([await n.cache.get('k'), await peer.cache.get('k')]).toEqual(['later', 'later']);
  });

  test('that are very many or very large are several commands, none of which takes a backend more than a step', async () => {
    const n = await cluster().node();
    const write = n.l2.write.bind(n.l2);
    const batches: { keys: string[]; bytes: number }[] = [];
    n.l2.write = (namespace, entries, options) => {
      const bytes = entries.reduce((sum, entry) => sum + entry.bytes.byteLength, 0);
      batches.push({ keys: entries.map(({ key }) => key), bytes });
      return write(namespace, entries, options);
    };
    const many = Array.from({ length: 1_000 }, (_, i) => `${i}`);
    const large = Buffer.alloc(300 * 1024, 'incompressible').map((byte, i) => byte ^ (i * 7919) ^ (i >> 8));
    await Promise.all(many.map((key) => n.cache.set(key, key)));
    await Promise.all(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((key) => n.cache.set(key, large)));
    expect(batches.flatMap(({ keys }) => keys)).toEqual([...many, 'a', 'b', 'c', 'd', 'e', 'f', 'g']);
    expect(Math.max(...batches.map(({ keys }) => keys.length))).toBe(256);
    expect(batches.every(({ keys, bytes }) => keys.length === 1 || bytes <= 1024 * 1024)).toBe(true);
    expect(batches.length).toBeLessThanOrEqual(4 + 3);
  });

  test.each([
    ['lost', 'out'],
    ['done, and its answer lost', 'back'],
  ] as const)('whose command is %s are all made up for, the last one of a key', async (_, way) => {
    const { node } = cluster();
    const [n, peer] = [await node(), await node()];
    await n.cache.setMany([
      ['k', 'before'],
      ['j', 'before'],
    ]);
    expect(await peer.cache.getMany(['k', 'j'])).toEqual(['before', 'before']);
    const held = n.l2.hold('write', way);
    const sets = Promise.all([n.cache.set('k', 1), n.cache.set('j', 1), n.cache.set('k', 2)]);
    await held.arrived;
    held.fail(new Error('cut'));
    await sets;
    for (let tries = 0; n.cache.stats().outbox.items > 0 && tries < 20; tries += 1) await n.clock.advance(500);
    const [mine, theirs] = [await n.cache.getMany(['k', 'j']), await peer.cache.getMany(['k', 'j'])];
    expect(mine).toEqual(theirs);
    expect(mine).not.toContain('before');
    expect(mine[0]).not.toBe(1);
  });
});

describe('freezing', () => {
  const shared = { of: 'somebody else' };
  const list = ['of somebody else'];

  test.each<[string, PropertyDescriptor]>([
    ['an object', { value: shared }],
    ['an array', { value: list }],
    ['a function', { value: () => 1 }],
    [
      'an accessor that throws',
      {
        get: () => {
          throw new Error('read');
        },
      },
    ],
  ])('does not touch %s that every object inherits', (_, property) => {
    const value = { a: { b: [1] } };
    Object.defineProperty(Object.prototype, 'inherited', { ...property, enumerable: true, configurable: true });
    let frozen: boolean | undefined;
    try {
      frozen = freezeShareable(value);
    } finally {
      Reflect.deleteProperty(Object.prototype, 'inherited');
    }
    expect(frozen).toBe(true);
    expect([value, value.a, value.a.b].map(Object.isFrozen)).toEqual([true, true, true]);
    expect([shared, list].map(Object.isFrozen)).toEqual([false, false]);
  });
});

describe('stamps that are shared', () => {
  test('one value’s verdict is no other one’s when the feed is lost between them (8)', async () => {
    const { node, clock } = cluster();
    const n = await node({ maxStaleness: 1_000 });
    await n.cache.set('early', 1);
    n.l2.tellState('deaf');
    await n.cache.set('late', 1);
    expect([n.cache.peek('early'), n.cache.peek('late')]).toEqual([1, 1]);
    await clock.advance(1_000);
    expect([n.cache.peek('early'), n.cache.peek('late')]).toEqual([undefined, undefined]);
    n.l2.tellState('alive');
  });

  test('what is stored after anything may have changed is held, and what was held before is not', async () => {
    const n = await cluster().node();
    await n.cache.set('early', 1);
    n.l2.tell({ type: 'reset', namespace: 'test', reason: 'test', origin: undefined });
    await n.cache.set('late', 1);
    expect([n.cache.peek('early'), n.cache.peek('late')]).toEqual([undefined, 1]);
  });

  test('what was expired by order is fresh again for nobody who shares its stamp', async () => {
    const { cache } = lonely({ staleIfError: 60_000 });
    await cache.setMany([
      ['a', 1],
      ['b', 2],
    ]);
    await cache.expire('a');
    expect([cache.peek('a'), cache.peek('b')]).toEqual([undefined, 2]);
    await cache.clear({ mode: 'expire' });
    await cache.set('c', 3);
    expect([cache.peek('a'), cache.peek('b'), cache.peek('c')]).toEqual([undefined, undefined, 3]);
  });
});

describe('the clean-up of L1', () => {
  test('is not put off for ever by what comes while something short-lived waits for it', async () => {
    const clock = new ManualClock();
    const l1 = new L1<number>({ clock, timers: clock });
    const later = { bytes: 1, deadline: clock.now() + 3_600_000 };
    for (let i = 0; i < 100; i += 1) l1.set(`${i}`, i, later);
    // Nothing is dead: it comes every two minutes in the end.
    for (let minute = 0; minute < 19; minute += 1) await clock.advance(60_000);
    l1.set('short', 1, { bytes: 1, deadline: clock.now() + 30_000 });
    for (let second = 0; second < 130; second += 1) {
      await clock.advance(1_000);
      l1.set('again and again', second, later);
    }
    expect([l1.size, l1.stats().removed.expired]).toEqual([101, 1]);
    l1.close();
  });
});

test('a snapshot counts as a use of nothing: under ARC, too, what was used once has to go first', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tierwise-'));
  const { cache } = lonely({ l1: { policy: 'arc', maxEntries: 4 } });
  await cache.set('a', 1);
  await cache.set('b', 1);
  await cache.snapshot(join(folder, 'snapshot'));
  for (const key of ['c', 'd', 'e']) await cache.set(key, 1);
  expect(['a', 'b', 'c', 'd', 'e'].filter((key) => cache.peek(key) === 1)).toEqual(['b', 'c', 'd', 'e']);
  await rm(folder, { recursive: true });
});
