import { L1 } from '@tierwise/l1';
import { L2TimeoutError, L2UnavailableError } from '@tierwise/l2';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ManualClock, settle } from '../test/manual-clock.js';
import { cluster, lonely, type Node } from '../test/nodes.js';
import { Events } from './events.js';
import { resolveIncidentOptions } from './incident-options.js';
import { Burst, diagnose, Latency } from './incident-signals.js';
import { IncidentWatch } from './incident-watch.js';
import type { Hierarchy, HierarchyEventOf, Incident, IncidentKind, Journal, JournalHost } from './index.js';

let warnings: string[] = [];

beforeEach(() => {
  warnings = [];
  vi.spyOn(process, 'emitWarning').mockImplementation((warning) => {
    warnings.push(String(warning));
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

function phases(cache: Hierarchy): string[] {
  const heard: string[] = [];
  cache.on('incident', ({ phase, incident }: HierarchyEventOf<'incident'>) => heard.push(`${phase} ${incident.kind}`));
  return heard;
}

/** Bytes in L2 that are none of ours. */
async function damage({ cache, l2 }: Node, key: string): Promise<void> {
  await l2.write('test', [{ key, bytes: Buffer.from('nonsense'), freshMs: 60_000, keepMs: 60_000 }]);
  await cache.get(key);
}

const failing = () => Promise.reject(new Error('the source is out of order'));

async function failLoads(cache: Pick<Hierarchy, 'getOrSet'>, times: number): Promise<void> {
  for (let load = 0; load < times; load += 1) await cache.getOrSet(`failing ${load}`, failing).catch(() => {});
}

describe('from begin to end', () => {
  test('signs of one thing are one incident, which ends when nothing more is seen of it for a while', async () => {
    const node = await cluster().node();
    const { cache, clock } = node;
    const heard = phases(cache);
    await damage(node, 'a');
    await damage(node, 'b');
    expect(cache.incidents().open).toMatchObject([
      { kind: 'bytes-undecodable', severity: 'warning', subject: 'test', count: 2, endedAt: undefined },
    ]);
    await clock.advance(29_999);
    await damage(node, 'c');
    await clock.advance(29_999);
    expect(cache.incidents().open).toHaveLength(1);
    await clock.advance(1);
    expect(heard).toEqual(['begin bytes-undecodable', 'update bytes-undecodable', 'end bytes-undecodable']);
    const { open, past } = cache.incidents();
    expect(open).toEqual([]);
    expect(past).toMatchObject([{ kind: 'bytes-undecodable', count: 3, durationMs: 59_999 }]);
    expect(past[0]?.endedAt).toBeGreaterThanOrEqual(past[0]?.beganAt ?? Number.NaN);
  });

  test('while all is well there is no timer, and neither is there after the end', async () => {
    const { cache, clock } = lonely({ ttl: 0 });
    await cache.getOrSet('k', () => 1);
    expect(clock.timers).toBe(0);
    await failLoads(cache, 5);
    expect(clock.timers).toBe(1);
    await clock.advance(30_000);
    expect(clock.timers).toBe(0);
  });

  test('what happens with every read or write is not listened to, so that it is not made', () => {
    const events = new Events();
    const options = resolveIncidentOptions();
    new IncidentWatch({ clock: new ManualClock(), events, options, maxEntries: 1, maxBytes: 1, l1: () => new L1() });
    expect(events.wants('load')).toBe(true);
    for (const type of ['hit', 'miss', 'set', 'delete', 'evict', 'news'] as const)
      expect(events.wants(type)).toBe(false);
  });

  test('the list of past ones is bounded', async () => {
    const { cache, clock } = lonely({ incidents: { history: 2 } });
    for (let round = 0; round < 3; round += 1) {
      await failLoads(cache, 5);
      await clock.advance(60_000);
    }
    expect(cache.incidents().past).toHaveLength(2);
  });

  test('so many namespaces that not each gets its own: the others have one in common, and nothing begins and ends without a pause', async () => {
    const { cache } = lonely();
    const heard = phases(cache);
    for (let round = 0; round < 7; round += 1) {
      for (let tenant = 0; tenant < 300; tenant += 1) await failLoads(cache.namespace(`tenant ${tenant}`), 1);
    }
    expect(heard).toEqual(Array(257).fill('begin load-failing'));
    const { open, past } = cache.incidents();
    expect([open.length, past.length]).toEqual([257, 0]);
    expect(open.at(-1)).toMatchObject({ subject: undefined, count: 44 * 3 });
  });

  test('updates come once a second at the most', async () => {
    const node = await cluster().node();
    const heard = phases(node.cache);
    for (let key = 0; key < 10; key += 1) await damage(node, `first ${key}`);
    expect(heard).toEqual(['begin bytes-undecodable']);
    await node.clock.advance(1000);
    for (let key = 0; key < 10; key += 1) await damage(node, `second ${key}`);
    expect(heard).toEqual(['begin bytes-undecodable', 'update bytes-undecodable']);
    expect(node.cache.incidents().open[0]?.count).toBe(20);
  });

  test('after close nothing begins, and what was open has no timer', async () => {
    const { cache, clock } = lonely();
    await failLoads(cache, 5);
    await cache.close();
    expect(clock.timers).toBe(0);
    expect(cache.incidents().open).toHaveLength(1);
  });
});

describe('kinds', () => {
  const error = (message: string) => new L2UnavailableError('redis', message);
  const kinds: [IncidentKind, Error][] = [
    ['l2-read-only', error("READONLY You can't write against a read only replica.")],
    ['l2-full', error("OOM command not allowed when used memory > 'maxmemory'.")],
    [
      'l2-full',
      new L2UnavailableError('embedded', 'failed', { cause: Object.assign(new Error('x'), { code: 'ENOSPC' }) }),
    ],
    ['l2-full', error('MDB_MAP_FULL: Environment mapsize limit reached')],
    [
      'l2-read-only',
      new L2UnavailableError('embedded', 'failed', { cause: new Error('EROFS: read-only file system') }),
    ],
  ];
  test.each(kinds)('%s: an error of L2 says so, or its cause', async (kind, thrown) => {
    const { cache, l2 } = await cluster().node();
    l2.break(thrown, 'write');
    await cache.set('k', 1).catch(() => {});
    expect(cache.incidents().open.map((incident) => incident.kind)).toContain(kind);
  });

  test('an error that says nothing special is no incident', () => {
    expect(diagnose(error('the connection was reset'))).toBeUndefined();
    expect(diagnose('thrown')).toBeUndefined();
    const circular = error('x');
    circular.cause = circular;
    expect(diagnose(circular)).toBeUndefined();
  });

  test('l2-slow: time-outs within the window, though L2 is not down', async () => {
    const { cache, l2, clock } = await cluster().node({ incidents: { l2Slow: { timeouts: 2 }, window: '10s' } });
    l2.break(new L2TimeoutError('memory', 'read', 10), 'read');
    await cache.get('a');
    await clock.advance(10_001);
    await cache.get('b');
    expect(cache.incidents().open).toEqual([]);
    await cache.get('c');
    await cache.get('d');
    expect(cache.incidents().open).toMatchObject([{ kind: 'l2-slow', numbers: { timeouts: 2 } }]);
  });

  test('l2-slow: far above the usual, judged window by window, and not when it is fast all the same', () => {
    let now = 0;
    const latency = new Latency({ clock: { now: () => now } as never, windowMs: 1000, factor: 5, leastMs: 25 });
    const window = (ms: number, answers = 20) => {
      for (let answer = 0; answer < answers; answer += 1) latency.answered(ms);
      now += 1000;
      return latency.answered(ms)?.slow;
    };
    expect(window(2)).toBe(false);
    expect(window(20)).toBe(false); // Ten times the usual, but below what is ever slow.
    expect(window(2)).toBe(false);
    expect(window(100)).toBe(true);
    expect(window(100, 5)).toBeUndefined(); // Too few for a verdict.
    expect(window(2)).toBe(false);
    // A new normal is learnt.
    let windows = 0;
    while (window(100) === true) windows += 1;
    expect(windows).toBeGreaterThan(3);
    expect(windows).toBeLessThan(40);
  });

  test('l2-slow: what the hierarchy measures of its own commands', async () => {
    const { cache, l2, clock } = await cluster().node({ incidents: { window: '1s' } });
    const heard = phases(cache);
    const window = async (ms: number) => {
      for (let n = 0; n < 11; n += 1) {
        const held = l2.hold('read');
        const read = cache.get(`absent ${n}`);
        await held.arrived;
        await clock.advance(ms);
        held.release();
        await read;
      }
      await clock.advance(1000);
    };
    await window(1);
    await window(80);
    expect(heard).toEqual([]);
    await window(80);
    expect(heard).toEqual(['begin l2-slow']);
    const { meanMs, usualMs } = cache.incidents().open[0]?.numbers ?? {};
    expect(meanMs).toBeGreaterThan(5 * (usualMs ?? Number.NaN));
    await window(1);
    await window(1);
    expect(heard.at(-1)).toBe('end l2-slow');
  });

  test('l2-down: from the opening of the breaker to its closing; what was slow until then is not slow any more', async () => {
    const { cache, l2, clock } = await cluster().node({ incidents: { l2Slow: { timeouts: 2 } } });
    const heard = phases(cache);
    l2.break(new L2TimeoutError('memory', 'read', 10), 'read');
    for (let n = 0; n < 8; n += 1) await cache.get(`key ${n}`);
    expect(heard).toEqual(['begin l2-slow', 'end l2-slow', 'begin l2-down']);
    expect(cache.incidents().open).toMatchObject([{ kind: 'l2-down', severity: 'critical' }]);
    l2.mend();
    await clock.advance(60_000);
    expect(heard.at(-1)).toBe('end l2-down');
  });

  test('journal-failing: until the disk takes records again', async () => {
    let host: JournalHost | undefined;
    const stats = { records: 0, inMemory: 0, bytes: 0, segments: 0, dropped: 0 };
    const journal: Journal = {
      open: async (given) => {
        host = given;
        return [];
      },
      append: async () => [],
      settle: () => {},
      stats: () => stats,
      close: async () => {},
    };
    const { cache } = await cluster().node({ journal });
    const heard = phases(cache);
    host?.onTrouble({ type: 'failing', error: new Error('ENOSPC') });
    expect(cache.incidents().open).toMatchObject([{ message: expect.stringContaining('ENOSPC') }]);
    host?.onTrouble({ type: 'recovered' });
    expect(heard).toEqual(['begin journal-failing', 'end journal-failing']);
  });

  test('feed-lost: until the feed is back', async () => {
    const { cache, l2, clock } = await cluster().node();
    const heard = phases(cache);
    l2.tellState('deaf');
    await clock.advance(3_600_000);
    expect(cache.incidents().open).toMatchObject([{ kind: 'feed-lost', durationMs: 3_600_000 }]);
    l2.tellState('alive');
    expect(heard).toEqual(['begin feed-lost', 'end feed-lost']);
  });

  test('bytes-undecryptable: sealed with a key that is not in the ring', async () => {
    const { node } = cluster();
    const key = (id: string) => ({ keys: [{ id, key: Buffer.alloc(32, id) }] });
    const [writer, reader] = [await node({ encryption: key('a') }), await node({ encryption: key('b') })];
    await writer.cache.set('k', 1);
    await reader.cache.get('k');
    expect(reader.cache.incidents().open).toMatchObject([{ kind: 'bytes-undecryptable', subject: 'test' }]);
  });

  test('load-failing: many of the loads of one namespace within the window, until they succeed again', async () => {
    const { cache, clock } = lonely({ ttl: 0 });
    const other = cache.namespace('other');
    await failLoads(cache, 4);
    await clock.advance(10_001);
    await failLoads(cache, 4);
    expect(cache.incidents().open).toEqual([]);
    await failLoads(cache, 1);
    await other.getOrSet('fine', () => 1);
    expect(cache.incidents().open).toMatchObject([
      { kind: 'load-failing', subject: 'test', numbers: { failed: 5, loads: 5 } },
    ]);
    expect(cache.incidents().open[0]?.message).toContain('the source is out of order');
    await clock.advance(10_001);
    await cache.getOrSet('fine', () => 1);
    await clock.advance(10_001);
    await cache.getOrSet('fine', () => 1);
    expect(cache.incidents().open).toEqual([]);
  });

  test('load-failing: a few failures among many successes are none, and neither are loads that were given up', async () => {
    const { cache } = lonely({ ttl: 0 });
    for (let load = 0; load < 20; load += 1) await cache.getOrSet('fine', () => 1);
    await failLoads(cache, 8);
    const given = () => Promise.reject(new DOMException('given up', 'AbortError'));
    for (let load = 0; load < 50; load += 1) await cache.getOrSet('k', given).catch(() => {});
    expect(cache.incidents().open).toEqual([]);
  });

  test('load-failing: also with errors that cannot be shown', async () => {
    const { cache } = lonely();
    const bare = () => Promise.reject(Object.create(null));
    for (let load = 0; load < 5; load += 1) await cache.getOrSet(`k ${load}`, bare).catch(() => {});
    expect(cache.incidents().open).toMatchObject([{ kind: 'load-failing' }]);
  });

  test('evictions-high: as many entries as L1 holds within the window', async () => {
    const { cache, clock } = lonely({ l1: { maxEntries: 10 }, incidents: { evictionsHigh: { evictions: 20 } } });
    for (let key = 0; key < 29; key += 1) await cache.set(`a ${key}`, 1);
    await clock.advance(10_001);
    for (let key = 0; key < 19; key += 1) await cache.set(`b ${key}`, 1);
    expect(cache.incidents().open).toEqual([]);
    await cache.set('one more', 1);
    expect(cache.incidents().open).toMatchObject([{ kind: 'evictions-high', severity: 'info' }]);
    expect(warnings).toEqual([]);
  });
});

describe('so many within a window', () => {
  test('few are told exactly, whatever came before them', async () => {
    const clock = new ManualClock();
    const burst = new Burst(clock, 3, 10_000);
    const told: (number | undefined)[] = [];
    for (const pause of [0, 9_000, 2_000, 100, 0, 20_000, 5_000, 5_000, 5_001]) {
      await clock.advance(pause);
      told.push(burst.add());
    }
    expect(told).toEqual([undefined, undefined, undefined, 2_100, undefined, undefined, undefined, 10_000, undefined]);
  });

  test('of many, only some moments are remembered', async () => {
    const clock = new ManualClock();
    const burst = new Burst(clock, 1_000, 10_000);
    for (let n = 0; n < 999; n += 1) expect(burst.add()).toBeUndefined();
    await clock.advance(20_000);
    let needed = 1;
    while (burst.add() === undefined) needed += 1;
    expect(needed).toBeGreaterThanOrEqual(1_000);
    expect(needed).toBeLessThanOrEqual(1_016);
  });
});

describe('responses', () => {
  test('by default a process warning, and of one kind no more than one an interval', async () => {
    const { cache, clock } = lonely({ incidents: { warnEvery: '10m' } });
    await failLoads(cache, 5);
    expect(warnings).toMatchObject([expect.stringContaining('warning incident load-failing of "test"')]);
    for (let round = 0; round < 2; round += 1) {
      await clock.advance(60_000);
      await failLoads(cache, 5);
    }
    expect(warnings).toHaveLength(1);
    await clock.advance(600_000);
    await failLoads(cache, 5);
    expect(warnings[1]).toContain('and 2 more');
  });

  test('a handler takes the default response’s place, and can ask for it', async () => {
    const handled: string[] = [];
    const { cache, clock } = lonely({
      incidents: {
        handlers: {
          'load-failing': (incident: Incident, respond, phase) => {
            handled.push(`${phase} ${incident.subject}`);
            if (handled.length > 2) respond();
          },
        },
      },
    });
    await failLoads(cache, 5);
    await clock.advance(30_000);
    expect([handled, warnings]).toEqual([['begin test', 'end test'], []]);
    await failLoads(cache, 5);
    expect(warnings).toHaveLength(1);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('broken handler');
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('broken handler');
      },
    ],
  ])('a handler that %s is reported and disturbs nothing', async (_, handler) => {
    const { cache } = lonely({ incidents: { handlers: { 'load-failing': handler } } });
    await failLoads(cache, 5);
    await settle();
    expect(warnings).toMatchObject([expect.stringContaining('broken handler')]);
    expect(await cache.getOrSet('k', () => 1)).toBe(1);
  });

  test('a handler that throws or rejects with what cannot be shown does not fail the write that it was told of', async () => {
    const throwing = () => {
      throw Object.create(null);
    };
    const { cache } = lonely({
      l1: { maxEntries: 1 },
      incidents: {
        evictionsHigh: { evictions: 1 },
        handlers: { 'evictions-high': throwing, 'load-failing': async () => throwing() },
      },
    });
    await cache.set('a', 1);
    await cache.set('b', 1);
    expect(cache.peek('b')).toBe(1);
    await failLoads(cache, 5);
    await settle();
    expect(warnings).toEqual([expect.stringContaining("'evictions-high'"), expect.stringContaining("'load-failing'")]);
  });

  test('INCIDENT_RESPONSE_ENABLED=false: incidents are told, and nothing is done; the option wins', async () => {
    vi.stubEnv('INCIDENT_RESPONSE_ENABLED', 'false');
    const [quiet, loud] = [lonely(), lonely({ incidents: { enabled: true } })];
    vi.stubEnv('INCIDENT_RESPONSE_ENABLED', 'true');
    const heard = phases(quiet.cache);
    await failLoads(quiet.cache, 5);
    expect([heard, warnings]).toEqual([['begin load-failing'], []]);
    await failLoads(loud.cache, 5);
    expect(warnings).toHaveLength(1);
  });

  test('options that make no sense are refused, and so is a misspelt environment', () => {
    const wrong: unknown[] = [
      { handler: {} },
      { handlers: { 'l2-gone': () => {} } },
      { handlers: { 'l2-down': 'warn' } },
      { enabled: 'no' },
      { history: -1 },
      { memory: { high: 0.5, low: 0.6 } },
      { memory: { high: 2 } },
      { loadFailing: { failures: 0 } },
    ];
    for (const incidents of wrong) expect(() => lonely({ incidents: incidents as object })).toThrow(/incidents/);
    vi.stubEnv('INCIDENT_RESPONSE_ENABLED', 'nope');
    expect(() => lonely()).toThrow(/INCIDENT_RESPONSE_ENABLED/);
  });
});
