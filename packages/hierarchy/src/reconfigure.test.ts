import { describe, expect, onTestFinished, test } from 'vitest';
import { ManualClock, settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely } from '../test/nodes.js';
import { type HierarchyEventOf, ReconfigureError, type ReconfigureOptions } from './index.js';

/** What a refused change says is wrong. */
function problemsOf(change: () => unknown): readonly { option: string; reason: string }[] {
  try {
    change();
  } catch (error) {
    expect(error).toBeInstanceOf(ReconfigureError);
    expect((error as ReconfigureError).code).toBe('ERR_TIERWISE_RECONFIGURE');
    return (error as ReconfigureError).problems;
  }
  return [];
}

describe('what a change comes to', () => {
  test('is answered and told: what is not as it was, before and after, and nothing where all is as it was', () => {
    const { cache } = lonely({ ttl: '10m', l1: { maxEntries: 100 } });
    const told: HierarchyEventOf<'reconfigured'>[] = [];
    cache.on('reconfigured', (event) => told.push(event));
    const change = { ttl: '1m', staleIfError: 0, l1: { maxEntries: 50 }, breaker: false, refreshAhead: 0.8 } as const;
    const expected = {
      before: { ttl: 600_000, 'l1.maxEntries': 100, 'breaker.failures': 5, refreshAhead: false },
      after: { ttl: 60_000, 'l1.maxEntries': 50, 'breaker.failures': Number.POSITIVE_INFINITY, refreshAhead: 0.8 },
    };
    expect(cache.reconfigure(change)).toEqual(expected);
    expect(told).toEqual([{ type: 'reconfigured', ...expected }]);
    expect(cache.reconfigure(change)).toEqual({ before: {}, after: {} });
    expect(cache.reconfigure({ ttl: undefined } as unknown as ReconfigureOptions)).toEqual({ before: {}, after: {} });
    expect(told).toHaveLength(1);
  });

  test('of options that are objects, what is not named stays; a single duration is one part of them', () => {
    const { cache } = lonely({
      l1: { maxEntries: 10, maxBytes: 1000 },
      loadTimeout: { soft: '1s', hard: '5s' },
      loadBackoff: '2s',
    });
    expect(cache.reconfigure({ l1: { maxEntries: 5 }, loadTimeout: '7s', loadBackoff: { max: '3s' } }).after).toEqual({
      'l1.maxEntries': 5,
      'loadTimeout.hard': 7000,
      'loadBackoff.max': 3000,
    });
    expect(cache.reconfigure({ loadTimeout: { soft: '2s' }, lease: { wait: '1s' } }).before).toEqual({
      'loadTimeout.soft': 1000,
      'lease.wait': 30_000,
    });
  });

  test('everything that is refused is told at once, and then nothing is changed', async () => {
    const { cache } = lonely({ ttl: '10m' });
    const changes = {
      ttl: '1m',
      l1: { maxEntries: 0 },
      namespace: 'other',
      statleIfError: 1,
      incidents: { enabled: false, window: 5 },
    };
    expect(problemsOf(() => cache.reconfigure(changes as never))).toEqual([
      { option: 'l1', reason: expect.stringContaining('l1.maxEntries must be a whole number') },
      { option: 'namespace', reason: expect.stringContaining('empty cache') },
      { option: 'statleIfError', reason: 'there is no such option (did you mean "staleIfError"?)' },
      { option: 'incidents.window', reason: expect.stringContaining('enabled and warnEvery can be changed') },
    ]);
    await cache.set('k', 1);
    expect((await cache.getEntry('k'))?.freshMs).toBe(600_000);
    expect(cache.reconfigure({ ttl: '1m', incidents: { enabled: false } }).before).toEqual({
      ttl: 600_000,
      'incidents.enabled': true,
    });
  });

  test.each([
    'l2',
    'encryption',
    'compression',
    'returns',
    'journal',
    'replay',
    'clock',
    'namespace',
    'instrumentation',
  ])('%s is refused with a reason', (option) => {
    const { cache } = lonely();
    const problems = problemsOf(() => cache.reconfigure({ [option]: {} } as never));
    expect(problems).toEqual([{ option, reason: expect.stringMatching(/.{20}/) }]);
  });

  test.each([null, 5, [], 'ttl'])('%j is no change', (changes) => {
    const { cache } = lonely();
    expect(problemsOf(() => cache.reconfigure(changes as never))).toHaveLength(1);
  });

  test('each by itself is right, and together they are wrong: nothing is changed', () => {
    const { cache } = lonely({ ttl: 1000 });
    const problems = problemsOf(() => cache.reconfigure({ validation: 'strict', ttl: 0.5 }));
    expect(problems).toEqual([{ option: 'validation, ttl', reason: expect.stringContaining('whole milliseconds') }]);
    expect(cache.reconfigure({ ttl: 0.5 }).after).toEqual({ ttl: 1 });
    expect(problemsOf(() => cache.reconfigure({ validation: 'strict' }))).toHaveLength(1);
  });

  test('after close() it is refused', async () => {
    const { cache } = lonely();
    await cache.close();
    expect(() => cache.reconfigure({ ttl: 1 })).toThrow(expect.objectContaining({ code: 'ERR_TIERWISE_CLOSED' }));
  });

  test('what the environment said at first stays, whatever it says by now', () => {
    const { INCIDENT_RESPONSE_ENABLED: before } = process.env;
    onTestFinished(() => {
      if (before === undefined) delete process.env.INCIDENT_RESPONSE_ENABLED;
      else process.env.INCIDENT_RESPONSE_ENABLED = before;
    });
    process.env.INCIDENT_RESPONSE_ENABLED = 'false';
    const { cache } = lonely();
    process.env.INCIDENT_RESPONSE_ENABLED = 'true';
    expect(cache.reconfigure({ ttl: 1 }).after).toEqual({ ttl: 1 });
    expect(cache.reconfigure({ incidents: { enabled: true } }).before).toEqual({ 'incidents.enabled': false });
  });
});

describe('defaults of calls', () => {
  test('what is stored keeps its deadlines; what is stored from then on has the new ones', async () => {
    const { cache, clock } = lonely({ ttl: '10m' });
    await cache.set('old', 1);
    cache.reconfigure({ ttl: '1m' });
    await cache.set('new', 1);
    await clock.advance(60_000);
    expect([cache.peek('old'), cache.peek('new')]).toEqual([1, undefined]);
    await clock.advance(540_000);
    expect(cache.peek('old')).toBeUndefined();
  });

  test('handles follow in what they did not say themselves, and so do those below them, definitions and wrapped functions', async () => {
    const { cache } = lonely({ ttl: '10m', staleIfError: 0 });
    const own = cache.namespace('own', { ttl: '2m' });
    const below = own.namespace('below', { staleIfError: '5m' });
    const follower = cache.namespace('follower').namespace('below');
    const definition = own.define({ key: (id: number) => `d${id}`, load: () => 'loaded', staleIfError: '7m' });
    const wrapped = cache.wrap(async (id: number) => id, { key: (id) => `w${id}`, ttl: '3m' });
    cache.reconfigure({ ttl: '1m' });
    const lives = async () => {
      await Promise.all([cache, own, below, follower].map((each) => each.set('k', 1)));
      await definition.refresh(1);
      await cache.delete('w1');
      await wrapped(1);
      const freshMs = async (of: typeof own, key = 'k') => (await of.getEntry(key))?.freshMs;
      return Promise.all([
        freshMs(cache),
        freshMs(own),
        freshMs(below),
        freshMs(follower),
        freshMs(own, 'd1'),
        freshMs(cache, 'w1'),
      ]);
    };
    expect(await lives()).toEqual([60_000, 120_000, 120_000, 60_000, 120_000, 180_000]);
    cache.reconfigure({ ttl: '4m', l1: { ttl: '90s' } });
    expect(await lives()).toEqual([240_000, 120_000, 120_000, 240_000, 120_000, 180_000]);
    // All of them have the new ttl of L1, which none of them has set.
    for (const each of [cache, own, below, follower]) expect(each.peek('k')).toBe(1);
  });

  test('the ttl of L1 is followed by handles that said other things', async () => {
    const { cache, clock } = lonely({ ttl: '10m', staleIfError: '10m' });
    const own = cache.namespace('own', { ttl: '2m' });
    cache.reconfigure({ l1: { ttl: '10s' } });
    await own.set('k', 1);
    await clock.advance(10_000);
    expect(own.peek('k')).toBeUndefined();
  });

  test('a load under way keeps the limits it began with', async () => {
    const { cache, clock } = lonely({ loadTimeout: { hard: '5s' } });
    const loader = new HandLoader<number>();
    const loading = cache.getOrSet('k', loader.load);
    await loader.begun();
    cache.reconfigure({ loadTimeout: '1s', ttl: '1m' });
    await clock.advance(4000);
    loader.finish(1);
    expect(await loading).toBe(1);
    expect((await cache.getEntry('k'))?.freshMs).toBe(600_000);
    const late = cache.getOrSet('other', loader.load).catch((error: Error) => error);
    await clock.advance(1000);
    expect(await late).toMatchObject({ limitMs: 1000 });
    loader.finish(1);
    await settle();
  });
});

describe('bounds of L1', () => {
  test('smaller ones take what was used least recently at once, told as evictions, and are no incident', async () => {
    const { cache } = lonely({ l1: { maxEntries: 5000 } });
    const evicted: string[] = [];
    cache.on('evict', ({ key, cause }) => evicted.push(`${key} ${cause}`));
    for (let n = 0; n < 2000; n += 1) await cache.set(`k${n}`, n);
    cache.peek('k0');
    cache.reconfigure({ l1: { maxEntries: 2 } });
    expect(cache.stats().memory).toMatchObject({ entries: 2 });
    expect([cache.peek('k0'), cache.peek('k1999'), cache.peek('k1998')]).toEqual([0, 1999, undefined]);
    expect(evicted).toHaveLength(1998);
    expect(evicted[0]).toBe('k1 entries');
    expect(cache.incidents()).toMatchObject({ open: [], past: [] });
    cache.reconfigure({ l1: { maxEntries: 3 } });
    await cache.set('third', 3);
    expect(cache.stats().memory.entries).toBe(3);
  });

  test('bytes: what does not fit any more goes', async () => {
    const { cache } = lonely();
    await cache.set('a', 'x'.repeat(100));
    await cache.set('b', 'x'.repeat(100));
    cache.reconfigure({ l1: { maxBytes: 150 } });
    expect([cache.peek('a'), cache.peek('b')]).toEqual([undefined, 'x'.repeat(100)]);
  });

  test('while memory is short, other bounds are kept below the shrunk ones, and come when there is room', async () => {
    const memory = { used: 0, limit: 1000 };
    const measure = () => memory;
    const { cache, clock } = lonely({
      l1: { maxEntries: 1000 },
      incidents: { enabled: true, memory: { measure }, warnEvery: '1d' },
    });
    for (let n = 0; n < 1000; n += 1) await cache.set(`k${n}`, n);
    memory.used = 900;
    await clock.advance(1000);
    await cache.set('k', 1);
    const shrunk = cache.stats().memory.entries;
    expect(shrunk).toBeLessThan(800);
    cache.reconfigure({ l1: { maxEntries: 2000 } });
    for (let n = 0; n < 1000; n += 1) await cache.set(`again${n}`, n);
    expect(cache.stats().memory.entries).toBeLessThanOrEqual(shrunk);
    memory.used = 100;
    await clock.advance(60_000);
    for (let n = 0; n < 2500; n += 1) await cache.set(`more${n}`, n);
    expect(cache.stats().memory.entries).toBe(2000);
  });

  test('a value of any size that the present bounds allow is allowed by strict validation', async () => {
    const { cache } = lonely({ validation: 'strict', l1: { maxBytes: 100 } });
    await expect(cache.set('k', 'x'.repeat(200))).rejects.toMatchObject({ code: 'ERR_TIERWISE_INVALID_VALUE' });
    cache.reconfigure({ l1: { maxBytes: 1000 } });
    await cache.set('k', 'x'.repeat(200));
    cache.reconfigure({ l1: { maxBytes: 100 }, validation: 'normal' });
    await cache.set('k', 'x'.repeat(200));
  });
});

describe('limits of time', () => {
  test('l2Timeout holds for the next command', async () => {
    const { cache, l2, clock } = await cluster().node({ l2Timeout: '10s' });
    cache.reconfigure({ l2Timeout: '1s' });
    const held = l2.hold('read', 'out');
    const reading = cache.get('k');
    await held.arrived;
    let answer: unknown = 'none yet';
    reading.then((value) => {
      answer = value;
    });
    await clock.advance(999);
    expect(answer).toBe('none yet');
    await clock.advance(1);
    expect(answer).toBeUndefined();
    held.release();
  });

  test('maxStaleness, the feed being lost: a shorter one counts at once, a longer one brings nothing back', async () => {
    const { cache, l2, clock } = await cluster().node({ maxStaleness: '10s', incidents: { enabled: false } });
    await cache.set('k', 1);
    l2.tellState('deaf');
    await clock.advance(3000);
    expect(cache.peek('k')).toBe(1);
    cache.reconfigure({ maxStaleness: '2s' });
    expect(cache.peek('k')).toBeUndefined();
    cache.reconfigure({ maxStaleness: '1h' });
    expect(cache.peek('k')).toBeUndefined();
  });

  test('maxStaleness, the process standing still: a shorter one is what counts from then on', async () => {
    class StandingClock extends ManualClock {
      stoodStillMs = 0;
      override now(): number {
        return super.now() + this.stoodStillMs;
      }
    }
    const clock = new StandingClock();
    const { cache } = await cluster().node({ clock, maxStaleness: '1h' });
    await cache.set('k', 1);
    expect(cache.peek('k')).toBe(1);
    cache.reconfigure({ maxStaleness: '10s' });
    expect(cache.peek('k')).toBe(1);
    clock.stoodStillMs += 10_000;
    expect(cache.peek('k')).toBeUndefined();
  });

  test('lease.ttl: a load under way renews its lease for what it was granted, so that nobody else loads', async () => {
    const { node, clock } = cluster();
    const n1 = await node({ lease: { ttl: '3s' } });
    const n2 = await node();
    const loader = new HandLoader<string>();
    const first = n1.cache.getOrSet('k', loader.load);
    await loader.begun();
    n1.cache.reconfigure({ lease: { ttl: '100ms' } });
    await clock.advance(1000);
    const second = n2.cache.getOrSet('k', () => 'a second load');
    await clock.advance(2500);
    loader.finish('one load');
    await settle();
    expect([await first, await second]).toEqual(['one load', 'one load']);
  });

  test('the breaker opens after as many failures as are asked for now', async () => {
    const { cache, l2, clock } = await cluster().node({ breaker: { failures: 100 }, incidents: { enabled: false } });
    cache.reconfigure({ breaker: { failures: 2 } });
    l2.break(new Error('down'), 'read');
    await cache.get('a');
    expect(cache.stats().l2.breaker).toBe('closed');
    await cache.get('b');
    expect(cache.stats().l2.breaker).toBe('open');
    l2.mend();
    await clock.advance(20_000);
  });
});

test('validation can be another one from now on, for all handles', async () => {
  const { cache } = lonely();
  const child = cache.namespace('child', { ttl: '1m' });
  const refused = expect.objectContaining({ code: 'ERR_TIERWISE_INVALID_KEY' });
  await expect(child.set('a\nb', 1)).rejects.toEqual(refused);
  cache.reconfigure({ validation: 'relaxed' });
  await child.set('a\nb', 1, { tags: ['t\n'] });
  expect(await child.get('a\nb')).toBe(1);
  cache.reconfigure({ validation: 'strict' });
  await expect(child.get('a ')).rejects.toEqual(refused);
  await expect(child.set('a', 1, { tags: ['t', 't'] })).rejects.toEqual(refused);
  expect(() => cache.namespace('a ')).toThrow(refused);
});

test('incidents are answered, or not, as is asked for now', async () => {
  const warned: string[] = [];
  const listener = (warning: Error) => warned.push(warning.message);
  process.on('warning', listener);
  onTestFinished(() => void process.off('warning', listener));
  const { cache, l2, clock } = await cluster().node({ breaker: { failures: 1 }, incidents: { enabled: false } });
  const trouble = async (key: string) => {
    l2.break(new Error('down'), 'read');
    await cache.get(key);
    l2.mend();
    await clock.advance(20_000);
    await new Promise(setImmediate);
  };
  await trouble('a');
  expect(warned).toEqual([]);
  cache.reconfigure({ incidents: { enabled: true } });
  await trouble('b');
  expect(warned).toEqual([expect.stringContaining('l2-down')]);
});

test('names that mean something to JavaScript are options that do not exist', () => {
  const { cache } = lonely();
  for (const name of ['constructor', '__proto__', 'toString']) {
    const change = JSON.parse(`{ "${name}": { "ttl": 5 } }`);
    expect(problemsOf(() => cache.reconfigure(change))).toMatchObject([{ option: name }]);
  }
});
