import { L2UnavailableError } from '@tierwise/l2';
import { describe, expect, test } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely } from '../test/nodes.js';
import { worlds } from '../test/worlds.js';

const TTL = 1_000;
const failing = () => Promise.reject(new Error('source down'));
const never = () => new Promise<never>(() => {});

describe('time limits of calls that load (35, 36)', () => {
  const limits = { soft: 200, hard: 1_000, late: 5_000 };

  test.each(worlds)('%s: past soft, a stale value answers; the late result reaches everyone', async (_, world) => {
    const { cache, clock } = await world({ ttl: TTL, staleIfError: '1h', loadTimeout: limits });
    await cache.set('k', 'old');
    await clock.advance(TTL);
    const loader = new HandLoader<string>();
    const read = cache.getOrSet('k', loader.load);
    await loader.begun();
    await clock.advance(199);
    let answered = false;
    read.then(() => {
      answered = true;
    });
    await settle();
    expect(answered).toBe(false);
    await clock.advance(1);
    expect(await read).toBe('old');
    // Who comes later does not wait as long again for the same load.
    expect(await cache.getOrSet('k', loader.load)).toBe('old');
    expect(loader.count).toBe(1);
    expect(loader.contexts[0]?.signal.aborted).toBe(false);
    loader.finish('new');
    await settle();
    expect(await cache.get('k')).toBe('new');
  });

  test.each(worlds)(
    '%s: who comes after soft does not hear of how the load fails, nor does the process',
    async (_, world) => {
      const { cache, clock } = await world({ ttl: TTL, staleIfError: '1h', loadTimeout: limits });
      await cache.set('k', 'old');
      await clock.advance(TTL);
      const loader = new HandLoader<string>();
      const reads = [cache.getOrSet('k', loader.load)];
      await loader.begun();
      await clock.advance(limits.soft);
      const unhandled: unknown[] = [];
      const hear = (error: unknown) => unhandled.push(error);
      process.on('unhandledRejection', hear);
      reads.push(cache.getOrSet('k', loader.load));
      expect(await Promise.all(reads)).toEqual(['old', 'old']);
      loader.fail(new Error('source down'));
      await settle();
      process.off('unhandledRejection', hear);
      expect(unhandled).toEqual([]);
    },
  );

  test('without a stale value soft means nothing', async () => {
    const { cache, clock } = lonely({ loadTimeout: limits });
    const loader = new HandLoader<string>();
    const read = cache.getOrSet('k', loader.load);
    await clock.advance(999);
    loader.finish('value');
    expect(await read).toBe('value');
  });

  test.each(worlds)(
    '%s: past hard, a typed error; the late result is kept, and nobody starts a second load',
    async (_, world) => {
      const { cache, clock } = await world({ loadTimeout: limits });
      const loader = new HandLoader<string>();
      const first = cache.getOrSet('k', loader.load);
      const late = expect(first).rejects.toMatchObject({
        name: 'LoadTimeoutError',
        code: 'ERR_TIERWISE_LOAD_TIMEOUT',
        key: 'k',
        limitMs: 1_000,
      });
      await loader.begun();
      await clock.advance(1_000);
      await late;
      const second = cache.getOrSet('k', loader.load);
      await clock.advance(500);
      loader.finish('late');
      expect(await second).toBe('late');
      expect([await cache.get('k'), loader.count, cache.stats().loads.timeouts]).toEqual(['late', 1, 1]);
    },
  );

  test('a waiter has its own limit, counted from its own call', async () => {
    const { cache, clock } = lonely({ loadTimeout: { hard: 1_000 } });
    const loader = new HandLoader<string>();
    const leader = cache.getOrSet('k', loader.load);
    const leaderLate = expect(leader).rejects.toMatchObject({ limitMs: 1_000 });
    await clock.advance(900);
    const waiter = cache.getOrSet('k', loader.load, { loadTimeout: { hard: 50 } });
    const waiterLate = expect(waiter).rejects.toMatchObject({ limitMs: 50 });
    await clock.advance(50);
    await waiterLate;
    await clock.advance(50);
    await leaderLate;
    loader.finish('late');
    await settle();
    expect(await cache.get('k')).toBe('late');
  });

  test('past hard with a value that staleIfError allows: that value', async () => {
    const { cache, clock } = lonely({ ttl: TTL, staleIfError: '1h', loadTimeout: { hard: 1_000 } });
    await cache.set('k', 'old');
    await clock.advance(TTL);
    const loader = new HandLoader<string>();
    const read = cache.getOrSet('k', loader.load);
    await clock.advance(1_000);
    expect(await read).toBe('old');
    loader.finish('new');
    await settle();
    expect(await cache.get('k')).toBe('new');
  });

  test('late: 0 aborts the loader at hard, ignores what comes of it, and lets the next caller load', async () => {
    const { cache, clock } = await cluster().node({ loadTimeout: { hard: 1_000, late: 0 } });
    const loader = new HandLoader<string>();
    const late = expect(cache.getOrSet('k', loader.load)).rejects.toMatchObject({ code: 'ERR_TIERWISE_LOAD_TIMEOUT' });
    await loader.begun();
    await clock.advance(1_000);
    await late;
    expect(loader.contexts[0]?.signal.aborted).toBe(true);
    const next = cache.getOrSet('k', loader.load);
    await loader.begun(2);
    loader.finish('too late');
    loader.finish('second');
    expect(await next).toBe('second');
    expect(await cache.get('k')).toBe('second');
  });

  test('an invalidation between hard and the late result: the result is not kept', async () => {
    const { cache, clock } = await cluster().node({ loadTimeout: { hard: 1_000 } });
    const loader = new HandLoader<string>();
    const late = expect(cache.getOrSet('k', loader.load)).rejects.toThrow();
    await loader.begun();
    await clock.advance(1_000);
    await late;
    await cache.delete('k');
    loader.finish('loaded before the delete');
    await settle();
    expect(await cache.get('k')).toBe(undefined);
  });

  test('a frozen read of L2: a stale value in L1 answers at soft, a caller without one ends at hard', async () => {
    const { cache, l2, clock } = await cluster().node({
      ttl: TTL,
      staleIfError: '1h',
      loadTimeout: limits,
      l2Timeout: '1m',
      maxStaleness: '1h',
    });
    await cache.set('k', 'old');
    await clock.advance(TTL);
    l2.break('silent', 'read');
    const [stale, cold] = [cache.getOrSet('k', () => 'new'), cache.getOrSet('cold', () => 'new')];
    const refused = expect(cold).rejects.toMatchObject({ code: 'ERR_TIERWISE_LOAD_TIMEOUT' });
    await clock.advance(200);
    expect(await stale).toBe('old');
    await clock.advance(800);
    await refused;
    await clock.advance(60_000);
  });

  test('a node that waits for another node’s load is bound by hard as well', async () => {
    const { node, clock } = cluster();
    const [one, two] = [await node({ loadTimeout: '1h' }), await node({ loadTimeout: 1_000 })];
    const loader = new HandLoader<string>();
    const first = one.cache.getOrSet('k', loader.load);
    await loader.begun();
    const waiting = two.cache.getOrSet('k', loader.load);
    const late = expect(waiting).rejects.toMatchObject({ code: 'ERR_TIERWISE_LOAD_TIMEOUT' });
    await settle();
    await clock.advance(1_000);
    await late;
    expect(loader.count).toBe(1);
    loader.finish('value');
    expect(await first).toBe('value');
    await settle();
    expect(await two.cache.get('k')).toBe('value');
  });

  test('a loader that asks for its own key ends at hard instead of waiting for itself for ever', async () => {
    const { cache, clock } = lonely({ loadTimeout: { hard: 1_000, late: 0 } });
    const load = async (): Promise<string> => `${await cache.getOrSet('k', load)}`;
    const refused = expect(cache.getOrSet('k', load)).rejects.toMatchObject({ code: 'ERR_TIERWISE_LOAD_TIMEOUT' });
    // The loader waits for itself by now.
    await settle();
    await clock.advance(1_000);
    await refused;
  });

  test('callers of one moment with limits of their own do not share a wait', async () => {
    const { cache, clock } = lonely({ loadTimeout: { hard: 10_000 } });
    const loader = new HandLoader<string>();
    const patient = cache.getOrSet('k', loader.load);
    const hasty = expect(cache.getOrSet('k', loader.load, { loadTimeout: 1_000 })).rejects.toMatchObject({
      code: 'ERR_TIERWISE_LOAD_TIMEOUT',
    });
    await loader.begun();
    await clock.advance(1_000);
    await hasty;
    loader.finish('v');
    expect(await patient).toBe('v');
  });

  test('all callers of one moment share a timer', async () => {
    const { cache, clock } = lonely();
    const loader = new HandLoader<number>();
    const calls = Array.from({ length: 1_000 }, () => cache.getOrSet('k', loader.load));
    await loader.begun();
    await settle();
    // One for those who wait, one for the loader itself.
    expect(clock.timers).toBe(2);
    loader.finish(1);
    await Promise.all(calls);
    expect(clock.timers).toBe(1);
    await cache.delete('k');
    await clock.advance(10_000);
  });

  test('close() ends callers of a loader that never does', async () => {
    const { cache, clock } = lonely({ closeTimeout: 100 });
    const refused = expect(cache.getOrSet('k', never)).rejects.toMatchObject({ code: 'ERR_TIERWISE_CLOSED' });
    await settle();
    const closed = cache.close();
    await clock.advance(100);
    await closed;
    await refused;
  });
});

describe('an L2 that fails on the way (36)', () => {
  const down = new L2UnavailableError('test', 'down');

  test('a read that is not answered is the only question: no lease, no marks, no fill', async () => {
    const { cache, l2 } = await cluster().node();
    await cache.get('attach');
    l2.break(down, 'read');
    l2.calls.length = 0;
    expect(await cache.getOrSet('k', () => 'loaded', { tags: ['t'] })).toBe('loaded');
    expect(l2.calls).toEqual(['read']);
  });

  test('marks that are not answered, of what L2 has: no lease is asked for', async () => {
    const { node } = cluster();
    const [writer, reader] = [await node(), await node()];
    await writer.cache.set('k', 'in L2', { tags: ['t'] });
    reader.l2.tellState('deaf');
    reader.l2.break(down, 'marks', 'follow');
    reader.l2.calls.length = 0;
    expect(await reader.cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    expect(reader.l2.calls.filter((call) => call === 'acquire')).toEqual([]);
  });

  test('marks that are not answered before a load: its value is not put into L2 without them', async () => {
    const { cache, l2 } = await cluster().node();
    await cache.get('attach');
    l2.break(down, 'marks');
    expect(await cache.getOrSet('k', () => 'loaded', { tags: ['t'] })).toBe('loaded');
    expect(l2.count('write')).toBe(0);
  });

  test('what is filled while deaf is not answered past maxStaleness, not even when the source fails, not even expired', async () => {
    const { cache, l2, clock } = await cluster().node({ ttl: TTL, staleIfError: '1h', maxStaleness: 2_000 });
    l2.tellState('deaf');
    await cache.getOrSet('k', () => 'deaf');
    await cache.getOrSet('expired', () => 'deaf');
    await clock.advance(1_500);
    await cache.expire('expired');
    l2.break(down, 'read', 'acquire', 'marks', 'release', 'follow');
    await clock.advance(499);
    expect(await cache.getOrSet('k', failing)).toBe('deaf');
    await clock.advance(1);
    await expect(cache.getOrSet('k', failing)).rejects.toThrow('source down');
    await expect(cache.getOrSet('expired', failing)).rejects.toThrow('source down');
  });

  test('deaf within maxStaleness: a tagged value of a peer’s, promoted before, is still answered', async () => {
    const { node, clock } = cluster();
    const [writer, reader] = [await node({ ttl: '1h' }), await node({ ttl: '1h', maxStaleness: 2_000 })];
    await writer.cache.set('k', 'of the peer', { tags: ['t'] });
    expect(await reader.cache.get('k')).toBe('of the peer');
    reader.l2.tellState('deaf');
    await clock.advance(1_999);
    expect(reader.cache.peek('k')).toBe('of the peer');
    await clock.advance(1);
    expect(reader.cache.peek('k')).toBe(undefined);
  });

  test('a tag is expired during a load: its value is not fresh afterwards', async () => {
    const { cache } = await cluster().node({ staleIfError: '1h' });
    const loader = new HandLoader<string>();
    const read = cache.getOrSet('k', loader.load, { tags: ['t'] });
    await loader.begun();
    await cache.invalidateTags(['t'], { mode: 'expire' });
    loader.finish('loaded before');
    await read;
    expect([cache.peek('k'), await cache.get('k')]).toEqual([undefined, undefined]);
    expect(await cache.getOrSet('k', () => 'loaded after')).toBe('loaded after');
  });
});
