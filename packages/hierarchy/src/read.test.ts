import { describe, expect, test } from 'vitest';
import { ManualClock, settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely } from '../test/nodes.js';
import { type Hierarchy, HierarchyClosedError, LoadTimeoutError } from './index.js';

describe('a read that is asked wrongly rejects, and never throws', () => {
  const load = () => 1;
  const bad = {} as never;
  test.each<[string, (cache: Hierarchy) => unknown]>([
    ['get of no key', (cache) => cache.get(bad)],
    ['get of an empty key', (cache) => cache.get('')],
    ['get with an unknown option', (cache) => cache.get('k', { ttl: 1 } as never)],
    ['get of what is held, with an unknown option', (cache) => cache.get('held', { ttl: 1 } as never)],
    ['getOrSet of no key', (cache) => cache.getOrSet(bad, load)],
    ['getOrSet without a loader', (cache) => cache.getOrSet('k', bad)],
    ['getOrSet with an unknown option', (cache) => cache.getOrSet('k', load, { no: 1 } as never)],
    ['getOrSet with tags that are none', (cache) => cache.getOrSet('k', load, { tags: [1] as never })],
    [
      'getOrSet with options that throw',
      (cache) =>
        cache.getOrSet('k', load, {
          get ttl(): number {
            throw new Error('no');
          },
        }),
    ],
    ['refresh without a loader', (cache) => cache.refresh('k', bad)],
    ['getMany of no keys', (cache) => cache.getMany('k' as never)],
    ['has of no key', (cache) => cache.has(bad)],
    ['getEntry of no key', (cache) => cache.getEntry(bad)],
    [
      'a wrapped function whose key throws',
      (cache) =>
        cache.wrap(load, {
          key: () => {
            throw new Error('no');
          },
        })(),
    ],
  ])('%s', async (_, read) => {
    const { cache } = lonely();
    await cache.set('held', 1);
    const answer = read(cache);
    expect(answer).toBeInstanceOf(Promise);
    await expect(answer).rejects.toBeInstanceOf(Error);
  });

  test.each<[string, (cache: Hierarchy) => unknown]>([
    ['get', (cache) => cache.get('held')],
    ['getOrSet', (cache) => cache.getOrSet('held', load)],
    ['refresh', (cache) => cache.refresh('held', load)],
    ['getMany', (cache) => cache.getMany(['held'])],
  ])('%s of what was closed', async (_, read) => {
    const { cache } = lonely();
    await cache.set('held', 1);
    await cache.close();
    const answer = read(cache);
    expect(answer).toBeInstanceOf(Promise);
    await expect(answer).rejects.toBeInstanceOf(HierarchyClosedError);
  });
});

/** All by which a value is read that L1 does not have. */
const READS: [string, (cache: Hierarchy) => Promise<unknown>][] = [
  ['get', (cache) => cache.get('k')],
  ['getOrSet', (cache) => cache.getOrSet('k', () => 'loaded')],
  ['getOrSet with tags', (cache) => cache.getOrSet('k', () => 'loaded', { tags: ['t'] })],
  ['getMany', async (cache) => (await cache.getMany(['k']))[0]],
  ['getOrSetMany', async (cache) => (await cache.getOrSetMany(['k'], () => ['loaded']))[0]],
  ['getEntry', async (cache) => (await cache.getEntry('k'))?.value],
  ['a definition', (cache) => cache.define({ name: 'd', key: () => 'k', load: () => 'loaded' }).get({})],
];

/** The clock of a process that can stand still: time passes, and no timer runs. */
class StandingClock extends ManualClock {
  stoodStillMs = 0;

  override now(): number {
    return super.now() + this.stoodStillMs;
  }
}

describe('N2 looks into L2 for the old value, and stands still; N1 writes the new one, whose news lies unread', () => {
  test.each(READS)('%s, of what N2 does not hold, does not join that look', async (_, read) => {
    const { node } = cluster();
    const clock = new StandingClock();
    const n1 = await node();
    const n2 = await node({ clock, maxStaleness: '10s', l2Timeout: '1h', loadTimeout: { hard: '10h' } });
    await n1.cache.set('k', 'old');
    await n2.cache.set('other', 1);
    expect(n2.cache.peek('other')).toBe(1);
    const held = n2.l2.hold('read', 'back');
    const before = n2.cache.get('k');
    await held.arrived;
    n2.l2.holdNews();
    await n1.cache.set('k', 'new');
    clock.stoodStillMs = 10_000;
    const after = read(n2.cache);
    await settle();
    held.release();
    expect(await before).toBe('old');
    expect(await after).toBe('new');
    n2.l2.releaseNews();
  });
});

/** A look of N2 into L2 has brought the old value; N1 writes the new one, and N2 hears of it, right before or after the look lands. */
async function newsAtLanding(when: 'before' | 'after', read: (cache: Hierarchy) => Promise<unknown>) {
  const { node } = cluster();
  const [n1, n2] = [await node(), await node()];
  await n1.cache.set('k', 'old');
  const held = n2.l2.hold('read', 'back');
  const first = [n2.cache.get('k'), n2.cache.getOrSet('k', () => 'loaded')];
  await held.arrived;
  n2.l2.holdNews();
  await n1.cache.set('k', 'new');
  let second: Promise<unknown> | undefined;
  const off = n2.cache.on('hit', ({ tier }) => {
    if (tier !== 'l2') return;
    off();
    const hear = () => {
      n2.l2.releaseNews();
      second = read(n2.cache);
    };
    // A listener is called before the flight lands; what it leaves for later runs before those who waited go on.
    if (when === 'before') hear();
    else queueMicrotask(hear);
  });
  held.release();
  await Promise.all(first);
  return { second: await second, n2 };
}

describe.each(['before', 'after'] as const)('news of a write comes right %s a look has landed', (when) => {
  test.each(READS)('%s of after the news has the new value, and L1 does not keep the old one', async (_, read) => {
    const { second, n2 } = await newsAtLanding(when, read);
    expect(second).toBe('new');
    expect(n2.cache.peek('k')).toBe('new');
  });
});

describe('callers without limits or signals of their own', () => {
  test('of whom some come when the look has landed and the load has begun share the load', async () => {
    const { node } = cluster();
    const { cache, l2 } = await node();
    const loader = new HandLoader<string>();
    const held = l2.hold('read', 'back');
    const early = [cache.getOrSet('k', loader.load), cache.getOrSet('k', loader.load)];
    await held.arrived;
    const read = cache.get('k');
    held.release();
    expect(await read).toBeUndefined();
    await loader.begun();
    const late = [cache.getOrSet('k', loader.load), cache.getOrSet('k', loader.load)];
    expect(await cache.get('k')).toBeUndefined();
    loader.finish('v');
    expect(await Promise.all([...early, ...late])).toEqual(['v', 'v', 'v', 'v']);
    expect(cache.stats().loads).toMatchObject({ started: 1, shared: 3 });
    expect(l2.count('read')).toBe(1);
  });

  test('end at hard where that is less than a look may take, and what the look finds is kept all the same', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node({ loadTimeout: { hard: '50ms' }, l2Timeout: '1s' })];
    await n1.cache.set('k', 'v');
    const held = n2.l2.hold('read', 'back');
    const reads = [1, 2, 3].map(() => n2.cache.getOrSet('k', () => 'loaded'));
    const ends = Promise.all(reads.map((read) => expect(read).rejects.toBeInstanceOf(LoadTimeoutError)));
    await held.arrived;
    await n2.clock.advance(50);
    await ends;
    held.release();
    await settle();
    expect(n2.cache.peek('k')).toBe('v');
    expect(n2.cache.stats().loads.started).toBe(0);
  });

  test('whose look outlasts close() reject, whatever it finds', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node({ closeTimeout: '1s', l2Timeout: '1h', loadTimeout: { hard: '10h' } })];
    await n1.cache.set('k', 'v');
    const held = n2.l2.hold('read', 'back');
    const reads = [1, 2].map(() => n2.cache.getOrSet('k', () => 'loaded'));
    const ends = Promise.all(reads.map((read) => expect(read).rejects.toBeInstanceOf(HierarchyClosedError)));
    await held.arrived;
    const closing = n2.cache.close();
    await n2.clock.advance(1_000);
    held.release();
    await closing;
    await ends;
  });

  test('who come when a tag of what the look found has been invalidated load it anew, once', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.set('k', 'old', { tags: ['t'] });
    const held = n2.l2.hold('read', 'back');
    const loader = new HandLoader<string>();
    const before = n2.cache.getOrSet('k', loader.load, { tags: ['t'] });
    await held.arrived;
    await n1.cache.invalidateTags(['t']);
    const after = n2.cache.getOrSet('k', loader.load, { tags: ['t'] });
    held.release();
    await loader.begun();
    loader.finish('new');
    expect(await Promise.all([before, after])).toEqual(['new', 'new']);
    expect(loader.count).toBe(1);
  });
});

describe('a signal', () => {
  const reason = new Error('enough');

  test('that has aborted before a get ends that get, and what the look finds is kept', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.set('k', 'v');
    await expect(n2.cache.get('k', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await settle();
    expect(n2.cache.peek('k')).toBe('v');
  });

  test('that aborts during a look ends its own get and no other', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.set('k', 'v');
    const controller = new AbortController();
    const held = n2.l2.hold('read', 'back');
    const aborted = n2.cache.get('k', { signal: controller.signal });
    const others = [n2.cache.get('k'), n2.cache.get('k', { signal: new AbortController().signal })];
    await held.arrived;
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    held.release();
    expect(await Promise.all(others)).toEqual(['v', 'v']);
  });

  test('that aborts after its get was answered does nothing', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n1.cache.set('k', 'v');
    const controller = new AbortController();
    expect(await n2.cache.get('k', { signal: controller.signal })).toBe('v');
    controller.abort(reason);
    await settle();
    expect(await n2.cache.get('k')).toBe('v');
  });
});
