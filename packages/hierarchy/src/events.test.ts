import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster, lonely } from '../test/nodes.js';
import type { Hierarchy, HierarchyEvent, HierarchyEventType } from './index.js';

const TYPES: HierarchyEventType[] = [
  'hit',
  'miss',
  'load',
  'set',
  'delete',
  'expire',
  'touch',
  'invalidate',
  'evict',
  'damaged',
  'l2-error',
  'feed',
  'news',
];

function record(cache: Hierarchy, types = TYPES): HierarchyEvent[] {
  const events: HierarchyEvent[] = [];
  for (const type of types) cache.on(type, (event) => events.push(event));
  return events;
}

const at = { namespace: 'test', key: 'k' };
const value = { name: 'Ada' };

afterEach(() => {
  vi.restoreAllMocks();
});

describe('events (47)', () => {
  test("carry the right tier and the user's value, never the envelope", async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const [mine, theirs] = [record(n1.cache), record(n2.cache)];
    await n1.cache.getOrSet('k', () => value);
    await n1.cache.get('k');
    expect(mine.splice(0)).toEqual([
      { type: 'miss', tier: 'l1', ...at },
      { type: 'miss', tier: 'l2', ...at },
      { type: 'load', outcome: 'stored', ms: 0, error: undefined, ...at },
      { type: 'hit', tier: 'l1', value, ...at },
    ]);
    await settle();
    theirs.length = 0;
    await n2.cache.get('k');
    await n2.cache.getEntry('k');
    expect(theirs.splice(0)).toEqual([
      { type: 'miss', tier: 'l1', ...at },
      { type: 'hit', tier: 'l2', value, ...at },
      { type: 'hit', tier: 'l1', value, ...at },
    ]);
    await n2.cache.set('k', value);
    await n2.cache.touch('k');
    await n2.cache.expire('k');
    await n2.cache.deleteMany(['k', 'l']);
    await n2.cache.invalidateTags(['t'], { mode: 'expire' });
    await n2.cache.clear();
    expect(theirs.splice(0).filter(({ type }) => type !== 'news')).toEqual([
      { type: 'set', value, ...at },
      { type: 'touch', namespace: 'test', keys: ['k'] },
      { type: 'expire', namespace: 'test', keys: ['k'] },
      { type: 'delete', namespace: 'test', keys: ['k', 'l'] },
      { type: 'invalidate', namespace: 'test', tags: ['t'], mode: 'stale' },
      { type: 'invalidate', namespace: 'test', tags: null, mode: 'dead' },
    ]);
    await settle();
    const heard = mine.flatMap((event) => (event.type === 'news' ? [event.news] : []));
    expect(heard.map((news) => (news.type === 'changed' ? news.cause : news.type))).toEqual([
      'write',
      'touch',
      'expire',
      'delete',
      'delete',
      'marks',
      'marks',
    ]);
  });

  test('a load says how it ended, and how long it took', async () => {
    const { cache, clock } = lonely();
    const events = record(cache, ['load']);
    const failure = new Error('down');
    await cache.getOrSet('stored', async () => {
      await clock.advance(250);
      return 1;
    });
    await cache.getOrSet('skipped', ({ skip }) => skip());
    await cache.getOrSet('brief', () => 1, { ttl: 0 });
    await cache.getOrSet('fenced', async () => {
      await cache.delete('fenced');
      return 1;
    });
    await expect(cache.getOrSet('failed', () => Promise.reject(failure))).rejects.toBe(failure);
    const load = { type: 'load', namespace: 'test', ms: 0, error: undefined };
    expect(events).toEqual([
      { ...load, key: 'stored', outcome: 'stored', ms: 250 },
      { ...load, key: 'skipped', outcome: 'uncached' },
      { ...load, key: 'brief', outcome: 'uncached' },
      { ...load, key: 'fenced', outcome: 'fenced' },
      { ...load, key: 'failed', outcome: 'failed', error: failure },
    ]);
  });

  test('an eviction says why', async () => {
    const { cache, clock } = lonely({ l1: { maxEntries: 1, maxBytes: '1kb' } });
    const events = record(cache, ['evict']);
    await cache.set('a', 1, { ttl: '1s' });
    await cache.set('b', 2, { ttl: '1s' });
    await clock.advance(1_000);
    await cache.get('b');
    await cache.set('c', 'x'.repeat(2_000));
    expect(events.map((event) => event.type === 'evict' && [event.key, event.cause])).toEqual([
      ['a', 'entries'],
      ['b', 'expired'],
    ]);
  });

  test('the feed says when it is lost and back', async () => {
    const { cache, l2 } = await cluster().node();
    const events = record(cache, ['feed']);
    l2.tellState('deaf');
    l2.tellState('deaf');
    l2.tellState('alive');
    expect(events).toEqual([
      { type: 'feed', state: 'deaf' },
      { type: 'feed', state: 'alive' },
    ]);
    await cache.get('k');
  });

  test('a listener can be taken away, and one that throws harms nobody', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { cache } = lonely();
    const heard: string[] = [];
    cache.on('set', () => {
      throw new Error('listener');
    });
    const off = cache.on('set', () => heard.push('set'));
    await cache.set('k', 1);
    off();
    off();
    await cache.set('k', 2);
    expect(heard).toEqual(['set']);
    expect(await cache.get('k')).toBe(2);
    expect(warn.mock.calls.map(([text]) => String(text))).toEqual(Array(2).fill(expect.stringContaining('listener')));
  });

  test('neither does one that rejects, or throws what cannot be shown', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { cache } = lonely();
    const bare = Object.create(null);
    cache.on('set', () => {
      throw bare;
    });
    cache.on('set', async () => {
      throw Symbol('s');
    });
    await cache.set('k', 1);
    await settle();
    expect(await cache.get('k')).toBe(1);
    expect(warn.mock.calls.map(([text]) => String(text))).toEqual([
      "a listener for 'set' threw: something that cannot be shown (object)",
      "a listener for 'set' threw: Symbol(s)",
    ]);
  });

  test('a listener may call the cache', async () => {
    const { cache } = lonely();
    const found: unknown[] = [];
    cache.on('set', ({ key }) => found.push(cache.peek(key)));
    await cache.set('k', 1);
    expect(found).toEqual([1]);
  });
});

type Step =
  | { readonly call: 'get' | 'has' | 'getEntry' | 'delete' | 'expire' | 'touch' | 'refresh'; readonly key: string }
  | { readonly call: 'getMany' | 'getOrSetMany'; readonly keys: string[] }
  | { readonly call: 'getOrSet'; readonly key: string; readonly how: 'value' | 'throw' | 'skip' | 'fence' }
  | { readonly call: 'set'; readonly key: string; readonly ttl: number }
  | { readonly call: 'invalidateTags' | 'clear' | 'tick' };

const key = fc.constantFrom('a', 'b', 'c', 'd');
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ call: fc.constantFrom('get', 'has', 'getEntry', 'delete', 'expire', 'touch', 'refresh'), key }),
  fc.record({ call: fc.constantFrom('getMany', 'getOrSetMany'), keys: fc.array(key, { maxLength: 5 }) }),
  fc.record({ call: fc.constant('getOrSet'), key, how: fc.constantFrom('value', 'throw', 'skip', 'fence') }),
  fc.record({ call: fc.constant('set'), key, ttl: fc.constantFrom(0, 1_000, 60_000) }),
  fc.record({ call: fc.constantFrom('invalidateTags', 'clear', 'tick') }),
) as fc.Arbitrary<Step>;

interface Tally {
  lookUps: number;
  loads: number;
  failed: number;
  sets: number;
  invalidations: number;
}

async function take(cache: Hierarchy, step: Step, tally: Tally, tick: () => Promise<void>): Promise<void> {
  const load = (outcome: () => unknown) => () => {
    tally.loads += 1;
    return outcome();
  };
  switch (step.call) {
    case 'get':
    case 'has':
    case 'getEntry':
      tally.lookUps += 1;
      await cache[step.call](step.key);
      break;
    case 'delete':
    case 'expire':
    case 'touch':
      await cache[step.call](step.key);
      break;
    case 'refresh':
      await cache.refresh(
        step.key,
        load(() => 'refreshed'),
      );
      break;
    case 'getMany':
      tally.lookUps += new Set(step.keys).size;
      await cache.getMany(step.keys);
      break;
    case 'getOrSetMany':
      tally.lookUps += new Set(step.keys).size;
      await cache.getOrSetMany(step.keys, (keys) => {
        tally.loads += keys.length;
        return keys.map((_, index) => (index === 1 ? undefined : index));
      });
      break;
    case 'getOrSet':
      tally.lookUps += 1;
      await cache.getOrSet(
        step.key,
        load(async () => {
          if (step.how === 'throw') {
            tally.failed += 1;
            throw new Error('as asked');
          }
          if (step.how === 'skip') return undefined;
          if (step.how === 'fence') await cache.delete(step.key);
          return 'loaded';
        }),
        { tags: ['t'] },
      );
      break;
    case 'set':
      tally.sets += step.ttl === 0 ? 0 : 1;
      await cache.set(step.key, 'set', { ttl: step.ttl, tags: ['t'] });
      break;
    case 'invalidateTags':
      tally.invalidations += 1;
      await cache.invalidateTags(['t']);
      break;
    case 'clear':
      tally.invalidations += 1;
      await cache.clear();
      break;
    case 'tick':
      await tick();
  }
}

describe('figures (47)', () => {
  test.each([['with an L2'], ['without']])(
    '%s: they add up, and agree with the events, whatever is called',
    async (tiers) => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 12 }), async (turns) => {
          const made = tiers === 'without' ? lonely({ ttl: '5s' }) : await cluster().node({ ttl: '5s' });
          const { cache, clock } = made;
          const tick = () => clock.advance(900);
          const events = record(cache);
          const tally: Tally = { lookUps: 0, loads: 0, failed: 0, sets: 0, invalidations: 0 };
          // Those of one turn run at once.
          for (const turn of turns) {
            for (const ended of await Promise.allSettled(turn.map((each) => take(cache, each, tally, tick)))) {
              // Whoever shares the load of one that was to fail gets its error.
              if (ended.status === 'rejected') expect(ended.reason).toMatchObject({ message: 'as asked' });
            }
          }
          await settle();
          const { l1, l2, loads, writes, memory, underWay } = cache.stats();
          const count = (type: HierarchyEventType, tier?: string) =>
            events.filter(
              (event) => event.type === type && (tier === undefined || (event as { tier?: string }).tier === tier),
            ).length;
          expect(l1).toEqual({ gets: tally.lookUps, hits: count('hit', 'l1'), misses: count('miss', 'l1') });
          expect(l1.gets).toBe(l1.hits + l1.misses);
          expect(l2).toMatchObject({
            hits: count('hit', 'l2'),
            misses: count('miss', 'l2'),
            gets: l2.hits + l2.misses,
          });
          if (tiers === 'without') expect(l2.gets).toBe(0);
          expect(loads.started).toBe(tally.loads);
          expect(loads.started).toBe(loads.stored + loads.fenced + loads.uncached + loads.failed);
          expect(loads.failed).toBe(tally.failed);
          expect(count('load')).toBe(loads.started);
          expect(writes.sets).toBe(tally.sets);
          expect(writes.sets).toBe(count('set'));
          expect(writes.invalidations).toBe(tally.invalidations);
          expect(underWay).toEqual({ flights: 0, tokens: 0 });
          expect(memory.entries).toBeLessThanOrEqual(4);
        }),
        { numRuns: 60 },
      );
    },
  );
});
