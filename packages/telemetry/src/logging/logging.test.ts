import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Incident, LoadFailedError } from '@tierwise/hierarchy';
import pino from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { cluster, cut, ManualClock, mend, settle } from '../../test/nodes.js';
import { Redaction } from '../redaction.js';
import { type AuditRecord, auditTo, type Logger, type LoggingOptions, logTo, withCorrelationId } from './index.js';
import { LINES } from './lines.js';

interface Logged {
  readonly level: number;
  readonly msg: string;
  readonly event: string;
  readonly [field: string]: unknown;
}

const [DEBUG, INFO, WARN, ERROR] = [20, 30, 40, 50];

/** A real pino that writes into an array. */
function memory(level = 'debug'): { logger: Logger; lines: Logged[]; text: () => string; take: () => Logged[] } {
  const lines: Logged[] = [];
  const logger = pino({ level, base: null }, { write: (line) => lines.push(JSON.parse(line)) });
  return { logger, lines, text: () => JSON.stringify(lines), take: () => lines.splice(0) };
}

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function logged(options: LoggingOptions = {}) {
  const node = cluster();
  const [n1, n2] = [await node(), await node()];
  const [log, peers] = [memory(), memory()];
  stops.push(logTo(n1.cache, log.logger, { clock: n1.clock, hashSecret: 's', ...options }));
  stops.push(logTo(n2.cache, peers.logger, { clock: n2.clock, hashSecret: 's', ...options }));
  return { ...n1, n1, n2, log, peers };
}

const shape = ({ level, event, correlationId }: Logged) => [level, event, correlationId];
const hash = (name: string) => new Redaction({ hashSecret: 's' }).name(name);

describe('operations', () => {
  test('are lines at debug, each with the id of the caller', async () => {
    const { cache, log } = await logged();
    await withCorrelationId('r1', async () => {
      await cache.getOrSet('k', () => 1, { tags: ['t'] });
      await cache.get('k');
      await cache.set('k', 2);
      await cache.touch('k');
      await cache.expire('k');
      await cache.deleteMany(['k', 'l']);
      await cache.invalidateTags(['t']);
      await cache.transaction((transaction) => transaction.set('m', 1));
      await cache.purge();
    });
    await cache.set('k', 1);
    const events = ['load', 'set', 'touch', 'expire', 'delete', 'invalidate', 'set', 'commit', 'invalidate', 'purge'];
    expect(log.lines.filter(({ event }) => event !== 'news').map(shape)).toEqual([
      ...events.map((event) => [DEBUG, event, 'r1']),
      [DEBUG, 'set', undefined],
    ]);
    expect(log.lines[0]).toMatchObject({
      msg: 'tierwise: loaded',
      namespace: 'shop',
      key: hash('k'),
      outcome: 'stored',
    });
    expect(log.lines[4]).toMatchObject({ keys: [hash('k'), hash('l')], count: 2 });
    expect(log.lines[5]).toMatchObject({ tags: [hash('t')], mode: 'dead' });
  });

  test('say of a load by which definition it was, and what it cost', async () => {
    const { cache, log } = await logged();
    const value = { name: 'value', key: String, load: (id: number) => id };
    await cache.define({ ...value, cost: { unit: 'USD', perLoad: 0.5 } }).get(1);
    await cache.define({ ...value, name: 'free', key: (id) => `f${id}` }).get(1);
    await cache.getOrSet('k', () => 1);
    const loads = log.lines.filter(({ event }) => event === 'load');
    expect(loads.map(({ definition, cost }) => [definition, cost])).toEqual([
      ['value', { amount: 0.5, unit: 'USD' }],
      ['free', undefined],
      [undefined, undefined],
    ]);
  });

  test('of tuning are lines at info, of nobody, with the reasons', () => {
    const redaction = new Redaction({});
    const reasons = { hitRatio: 0.9, readsPerMinute: 60, changesPerHour: 2, unchanged: 0.5, loadCost: 3 };
    const ttl = { definition: 'value', namespace: 'shop', beforeMs: 10, afterMs: 20, reasons };
    expect(LINES.tuned({ type: 'tuned', what: 'ttl', mode: 'auto', ...ttl }, redaction)).toEqual({
      ...{ level: 'info', message: 'a ttl was tuned', impersonal: true },
      fields: { what: 'ttl', mode: 'auto', ...ttl },
    });
    const advised = LINES.tuned({ type: 'tuned', what: 'ttl', mode: 'advise', ...ttl }, redaction);
    expect(advised.message).toBe('another ttl is advised');
    const before = { maxEntries: 1, maxBytes: 2 };
    const advice = { size: 'larger', gain: 0.1, maxEntries: 2, maxBytes: 2 } as const;
    expect(LINES.tuned({ type: 'tuned', what: 'l1', before, advice }, redaction)).toMatchObject({
      ...{ level: 'info', message: 'another size of L1 is advised', fields: { what: 'l1', before, advice } },
    });
  });

  test('hits, misses and evictions only where they are asked for', async () => {
    const { cache, log } = await logged({ traffic: true });
    await cache.get('k');
    await cache.set('k', 1);
    await cache.get('k');
    expect(log.lines.map(({ event, tier }) => [event, tier])).toEqual([
      ['miss', 'l1'],
      ['miss', 'l2'],
      ['set', undefined],
      ['hit', 'l1'],
    ]);
  });

  test('are not even made where the level is off', async () => {
    const node = cluster();
    const { cache, clock } = await node();
    const { logger, lines } = memory('warn');
    const asked: string[] = [];
    const isLevelEnabled = (level: string) => {
      asked.push(level);
      return false;
    };
    const fails = () => expect.unreachable();
    stops.push(logTo(cache, { debug: fails, info: fails, warn: fails, error: fails, isLevelEnabled }, { clock }));
    stops.push(logTo(cache, logger, { clock }));
    await cache.set('k', 1);
    await cache.getOrSet('l', () => Promise.reject(new Error('no'))).catch(() => {});
    expect(asked).toEqual(['debug', 'error']);
    expect(lines.map(shape)).toEqual([[ERROR, 'load', undefined]]);
  });

  test("a peer's log has the id of the request that did it here", async () => {
    const { cache, peers, n2 } = await logged();
    await withCorrelationId('r1', () => cache.delete('k'));
    await withCorrelationId('r2', () => cache.invalidateTags(['t']));
    await settle();
    const origin = peers.lines[0]?.origin;
    expect(peers.lines).toEqual([
      expect.objectContaining({ level: DEBUG, event: 'news', news: 'changed', cause: 'delete', correlationId: 'r1' }),
      expect.objectContaining({
        level: DEBUG,
        event: 'news',
        news: 'marks',
        mode: 'dead',
        correlationId: 'r2',
        origin,
      }),
    ]);
    expect(peers.lines[0]).toMatchObject({ keys: [hash('k')], count: 1 });
    expect(n2.cache.correlationId()).toBeUndefined();
  });

  test('a refresh behind and what is made up for keep the id of who caused them', async () => {
    const { n1, cache, clock, log, peers } = await logged();
    await cache.getOrSet('k', () => 1, { ttl: 100, staleWhileRevalidate: 10_000 });
    await clock.advance(200);
    log.take();
    await withCorrelationId('r1', () => cache.getOrSet('k', () => 2, { staleWhileRevalidate: 10_000 }));
    await settle();
    expect(log.take().map(shape)).toEqual([
      [DEBUG, 'stale', 'r1'],
      [DEBUG, 'load', 'r1'],
    ]);
    cut(n1);
    peers.take();
    await withCorrelationId('r2', () => cache.delete('gone'));
    await mend(n1);
    expect(log.lines.filter(({ event }) => event === 'deferred').map(shape)).toEqual([[WARN, 'deferred', 'r2']]);
    expect(log.lines.filter(({ event }) => event === 'recovered').map(shape)).toEqual([[INFO, 'recovered', undefined]]);
    expect(peers.lines.map((line) => [line.event, line.cause, line.correlationId])).toEqual([['news', 'delete', 'r2']]);
  });
});

describe('trouble', () => {
  test('is one line in an interval, and then one with how many more there were', async () => {
    const { cache, clock, log } = await logged({ intervalMs: 1_000 });
    const fail = (id: string) =>
      withCorrelationId(id, () => cache.getOrSet(`k ${id}`, () => Promise.reject(new Error('no'))).catch(() => {}));
    for (const id of ['r1', 'r2', 'r3']) await fail(id);
    expect(log.take().map((line) => [...shape(line), line.repeated])).toEqual([[ERROR, 'load', 'r1', undefined]]);
    await clock.advance(1_000);
    const [told, ...others] = log.take();
    expect(others).toEqual([]);
    expect(told).toMatchObject({ event: 'load', repeated: 2, correlationId: 'r3' });
    expect(told?.msg).toBe('tierwise: a load failed (2 more)');
    // Quiet for an interval: it is over, and the next one is new.
    await clock.advance(1_000);
    expect(log.take()).toEqual([]);
    await fail('r4');
    expect(log.take().map(shape)).toEqual([[ERROR, 'load', 'r4']]);
  });

  test('of another kind is a line of its own, and what was counted is told when logging stops', async () => {
    const { cache, clock, log } = await logged({ intervalMs: 1_000 });
    const { timers } = clock;
    const failWith = (error: Error) => cache.getOrSet('k', () => Promise.reject(error)).catch(() => {});
    await failWith(new Error('a'));
    await failWith(new TypeError('b'));
    await failWith(new TypeError('c'));
    expect(log.take().map(({ error }) => (error as { type: string }).type)).toEqual(['Error', 'TypeError']);
    for (const stop of stops.splice(0)) await stop();
    expect(log.take().map(({ repeated }) => repeated)).toEqual([1]);
    expect(clock.timers).toBe(timers);
    await failWith(new Error('d'));
    await clock.advance(10_000);
    expect(log.lines).toEqual([]);
  });

  test('of more kinds than are told apart, the oldest is told of, and begins anew', async () => {
    const { cache, log } = await logged({ intervalMs: 1_000 });
    const failIn = (namespace: string) =>
      cache
        .namespace(namespace)
        .getOrSet('k', () => Promise.reject(new Error('no')))
        .catch(() => {});
    await failIn('first');
    await failIn('first');
    for (let i = 0; i < 200; i += 1) await failIn(`n${i}`);
    const ofFirst = log.take().filter(({ namespace }) => namespace === 'shop:first');
    expect(ofFirst.map(({ repeated }) => repeated)).toEqual([undefined, 1]);
    await failIn('first');
    expect(log.take()).toMatchObject([{ namespace: 'shop:first' }]);
  });

  test('is no trouble of the process where the logger throws, even when it is told of later', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => void warnings.push(warning);
    process.on('warning', onWarning);
    stops.push(() => process.off('warning', onWarning));
    const { cache, clock } = await cluster()();
    const fail = () => {
      throw new Error('the disk is full');
    };
    stops.push(logTo(cache, { debug: fail, info: fail, warn: fail, error: fail }, { clock, intervalMs: 1_000 }));
    for (const key of ['a', 'b']) await cache.getOrSet(key, () => Promise.reject(new Error('no'))).catch(() => {});
    await clock.advance(1_000);
    await settle();
    expect(warnings.map(({ message }) => message)).toContain('the logger threw: the disk is full');
  });

  test('of L2 is told: the errors, the breaker, what waits, the way back', async () => {
    const { n1, cache, log } = await logged();
    cut(n1, new Error('connect redis://:s3cret@host'));
    for (let i = 0; i < 10; i += 1) await cache.get(`k${i}`);
    await cache.set('k', 1);
    await mend(n1);
    const lines = log.lines
      .filter(({ event }) => event !== 'incident')
      .map(({ level, event, state }) => [level, event, state].filter(Boolean).join(' '));
    expect(lines).toEqual([
      `${ERROR} l2-error`,
      `${ERROR} breaker open`,
      `${WARN} deferred`,
      `${DEBUG} set`,
      `${INFO} breaker half-open`,
      ...lines.slice(5),
    ]);
    expect(lines).toContain(`${INFO} breaker closed`);
    expect(lines.at(-1)).toBe(`${INFO} recovered`);
    expect(log.text()).not.toContain('s3cret');
  });

  test('of the feed and of bytes is told', async () => {
    const { l2, n2, cache, log } = await logged();
    l2.tellState('deaf');
    l2.tellState('alive');
    await n2.l2.write('shop', [{ key: 'bad', bytes: Buffer.from('"user:1" rubbish'), freshMs: 1_000, keepMs: 1_000 }]);
    await settle();
    await cache.get('bad');
    expect(log.lines.map(({ level, event, phase }) => [level, event, phase].filter(Boolean).join(' '))).toEqual([
      `${WARN} incident begin`,
      `${WARN} feed`,
      `${INFO} incident end`,
      `${INFO} feed`,
      `${DEBUG} news`,
      `${WARN} incident begin`,
      `${WARN} damaged`,
    ]);
  });
});

describe('what must not be in logs is not in them', () => {
  const SECRET = 'the-value-that-nobody-may-see';
  const KEY = 'user:ada@example.org';

  test.each([
    ['hash', {}],
    ['omit', { keys: 'omit' }],
  ] as const)('neither values nor keys (%s), whatever is done and whatever fails', async (_, options) => {
    const { n1, cache, l2, clock, log, peers } = await logged({ traffic: true, ...options });
    const value = { secret: SECRET };
    const tags = [`of ${KEY}`];
    await cache.getOrSet(KEY, () => value, { tags });
    await cache.get(KEY);
    await cache.set(KEY, value, { tags, ttl: 100, staleIfError: 100_000 });
    await cache.transaction((transaction) => transaction.set(KEY, value));
    await cache.set(KEY, value, { ttl: 100, staleIfError: 100_000 });
    await clock.advance(200);
    const failing = [
      () => Promise.reject(new Error(`no row for ${KEY}`)),
      () => Promise.reject(new LoadFailedError(`the loader of ${JSON.stringify(KEY)} failed`, { key: KEY })),
      () => Promise.reject(new Error('outer', { cause: new Error(`inner ${KEY}`) })),
      () => (() => {}) as never,
    ];
    for (const load of failing) await cache.refresh(KEY, load).catch(() => {});
    await cache.invalidateTags(tags);
    l2.break(new Error(`"${KEY}" is broken`), 'read', 'write');
    await cache.get(`${KEY} `).catch(() => {});
    await cache.set(KEY, value);
    cut(n1);
    await cache.delete(KEY);
    await mend(n1);
    for (const stop of stops.splice(0)) await stop();
    expect(log.lines.length).toBeGreaterThan(15);
    expect(log.lines.filter(({ level }) => level >= WARN).length).toBeGreaterThan(4);
    for (const text of [log.text(), peers.text()]) {
      expect(text).not.toContain(SECRET);
      expect(text).not.toContain('ada');
    }
    expect(log.text().includes(hash(KEY) ?? '')).toBe(_ === 'hash');
  });

  test('nor what an incident says, of which nobody knows what is in it', () => {
    const incident: Incident = {
      id: '1',
      kind: 'load-failing',
      severity: 'warning',
      subject: 'shop',
      message: `no row for ${KEY}`,
      beganAt: 0,
      endedAt: undefined,
      durationMs: 1,
      count: 3,
      numbers: { failures: 3 },
    };
    const event = { type: 'incident', phase: 'begin', incident } as const;
    expect(LINES.incident(event, new Redaction()).fields).not.toHaveProperty('says');
    expect(LINES.incident(event, new Redaction({ keys: 'plain' })).fields).toMatchObject({ says: `no row for ${KEY}` });
  });

  test('keys are, where they are asked for', async () => {
    const { cache, log } = await logged({ keys: 'plain' });
    await cache.set(KEY, SECRET);
    expect(log.lines[0]).toMatchObject({ key: KEY });
    expect(log.text()).not.toContain(SECRET);
  });
});

describe('options that mean nothing are refused', () => {
  test.each([0, -1, Number.NaN, 2 ** 31])('intervalMs %s', async (intervalMs) => {
    const { cache } = await cluster()();
    expect(() => logTo(cache, memory().logger, { intervalMs })).toThrow(/intervalMs must be/);
  });

  test('and where none is said, time is the process', async () => {
    const { cache } = await cluster()();
    const log = memory();
    const stop = logTo(cache, log.logger);
    await cache.getOrSet('k', () => Promise.reject(new Error('no'))).catch(() => {});
    stop();
    expect(log.lines.map(shape)).toEqual([[ERROR, 'load', undefined]]);
  });
});

describe('the audit stream', () => {
  test('has who did what and when, of every operation that changes something', async () => {
    const clock = new ManualClock();
    const { cache } = await cluster()({ clock });
    const records: AuditRecord[] = [];
    let user: string | undefined = 'ada';
    const stop = auditTo(cache, (record) => records.push(record), {
      keys: 'plain',
      who: () => user,
      node: 'n1',
      now: () => 1_795_224_600_000,
    });
    await withCorrelationId('r1', async () => {
      await cache.getOrSet('loaded', () => 1);
      await cache.set('k', 1);
      await cache.touch('k');
      await cache.expire('k');
      await cache.deleteMany(['k', 'l']);
      await cache.invalidateTags(['t'], { mode: 'expire' });
      await cache.transaction((transaction) => {
        transaction.set('m', 1);
        transaction.delete('n');
      });
      await cache.purge();
    });
    const by = { at: '2026-11-21T01:30:00.000Z', namespace: 'shop', who: 'ada', correlationId: 'r1', node: 'n1' };
    expect(records).toEqual([
      { ...by, operation: 'set', keys: ['k'], count: 1 },
      { ...by, operation: 'touch', keys: ['k'], count: 1 },
      { ...by, operation: 'expire', keys: ['k'], count: 1 },
      { ...by, operation: 'delete', keys: ['k', 'l'], count: 2 },
      { ...by, operation: 'invalidate', tags: ['t'], count: 1, mode: 'stale' },
      { ...by, operation: 'delete', keys: ['n'], count: 1 },
      { ...by, operation: 'set', keys: ['m'], count: 1 },
      { ...by, operation: 'commit', keys: ['m', 'n'], count: 2 },
      { ...by, operation: 'clear', count: 1, mode: 'dead' },
      { ...by, operation: 'purge', count: 2 },
    ]);
    records.length = 0;
    user = undefined;
    await cache.set('k', 1);
    stop();
    await cache.set('k', 2);
    expect(records).toEqual([{ at: by.at, namespace: 'shop', node: 'n1', operation: 'set', keys: ['k'], count: 1 }]);
  });

  test('has a restore, and what L2 will only be told of later; no keys unless they are asked for', async () => {
    const node = await cluster()();
    const folder = await mkdtemp(join(tmpdir(), 'tierwise-audit-'));
    stops.push(() => rm(folder, { recursive: true }));
    const file = join(folder, 'snapshot');
    await node.cache.set('user:1', 1);
    await node.cache.snapshot(file);
    const records: AuditRecord[] = [];
    stops.push(auditTo(node.cache, (record) => records.push(record)));
    await node.cache.restore(file);
    cut(node);
    await node.cache.delete('user:1');
    expect(records.map(({ operation, count }) => [operation, count])).toEqual([
      ['restore', expect.any(Number)],
      ['delete', 1],
    ]);
    expect(records[0]?.restored).toMatchObject({ file, total: 1 });
    expect(JSON.stringify(records)).not.toContain('user:1');
    await mend(node);
  });
});

test('what was done is in the audit, though who() throws', async () => {
  const { cache } = await cluster()();
  const records: AuditRecord[] = [];
  const who = () => {
    throw new Error('no session');
  };
  stops.push(auditTo(cache, (record) => records.push(record), { who, keys: 'plain' }));
  await cache.set('k', 1);
  expect(records).toMatchObject([{ operation: 'set', keys: ['k'] }]);
  expect(records[0]).not.toHaveProperty('who');
});
