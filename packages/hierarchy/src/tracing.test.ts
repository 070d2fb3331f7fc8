import { type TracingChannel, tracingChannel } from 'node:diagnostics_channel';
import { afterEach, describe, expect, test } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely } from '../test/nodes.js';
import { cut, mend } from '../test/outage.js';
import {
  createHierarchy,
  type FeedTrace,
  type Hierarchy,
  type Instrumentation,
  type L2Trace,
  type LoadTrace,
  type ReadTrace,
  type RecoveryTrace,
  TRACING_CHANNELS,
  type Trace,
  type TraceKind,
} from './index.js';

type Phase = 'start' | 'end' | 'asyncStart' | 'asyncEnd' | 'error';

const undo: (() => void)[] = [];
afterEach(() => {
  for (const each of undo.splice(0)) each();
});

/** Subscribes to a channel until the test ends. @returns what was published, as phases and as traces that have ended. */
function watch<T extends Trace>(kind: TraceKind): { phases: Phase[]; ended: T[]; begun: T[] } {
  const channel: TracingChannel<unknown, object> = tracingChannel(TRACING_CHANNELS[kind]);
  const [phases, ended, begun]: [Phase[], T[], T[]] = [[], [], []];
  const on =
    (phase: Phase, then = (_: T) => {}) =>
    (context: object) => {
      phases.push(phase);
      then(context as T);
    };
  const subscribers = {
    start: on('start', (trace) => begun.push(trace)),
    end: on('end'),
    asyncStart: on('asyncStart'),
    asyncEnd: on('asyncEnd', (trace) => ended.push(trace)),
    error: on('error'),
  };
  channel.subscribe(subscribers);
  undo.push(() => channel.unsubscribe(subscribers));
  return { phases, ended, begun };
}

/** An instrumentation that notes what it stands around. */
function around(): Instrumentation & { traces: Trace[]; hierarchy: Hierarchy | undefined } {
  const traces: Trace[] = [];
  return {
    traces,
    hierarchy: undefined,
    attached(hierarchy) {
      this.hierarchy = hierarchy;
    },
    around(trace, run) {
      traces.push(trace);
      return run();
    },
  };
}

describe('tierwise:read', () => {
  test('an L1 hit is none; what leaves L1 names hierarchy, namespace and key, and how it ended', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const reads = watch<ReadTrace>('read');
    await n1.cache.getOrSet('k', () => 1);
    await n1.cache.get('k');
    await n1.cache.getOrSet('k', () => 2);
    n1.cache.peek('k');
    await n2.cache.getOrSet('k', () => 3);
    await n2.cache.namespace('deep').get('none');
    await n2.cache.expire('k');
    await n2.cache.get('k');
    await n1.cache.set('l', 1);
    await n2.cache.get('l');
    await n2.cache.getOrSet('skipped', ({ skip }) => skip());
    expect(
      reads.ended.map(({ hierarchy, namespace, key, mayLoad, behind, outcome }) => [
        hierarchy === n1.cache ? 'n1' : hierarchy === n2.cache ? 'n2' : '?',
        ...[namespace, key, mayLoad, behind, outcome],
      ]),
    ).toEqual([
      ['n1', 'test', 'k', true, false, 'loaded'],
      ['n2', 'test', 'k', true, false, 'l2'],
      ['n2', 'test:deep', 'none', false, false, 'none'],
      ['n2', 'test', 'k', false, false, 'none'],
      ['n2', 'test', 'l', false, false, 'l2'],
      ['n2', 'test', 'skipped', true, false, 'none'],
    ]);
    expect(reads.phases.slice(0, 4)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    expect(reads.ended.every((trace) => !('result' in trace) || trace.result === undefined)).toBe(true);
  });

  test('of several readers one loads, the others share; all of them know the load', async () => {
    const { cache } = lonely();
    const [reads, loads] = [watch<ReadTrace>('read'), watch<LoadTrace>('load')];
    const loader = new HandLoader<number>();
    const answers = [cache.getOrSet('k', loader.load), cache.getOrSet('k', loader.load)];
    await loader.begun();
    loader.finish(1);
    await Promise.all(answers);
    expect(reads.ended.map(({ outcome }) => outcome)).toEqual(['loaded', 'shared']);
    expect(loads.ended).toEqual([expect.objectContaining({ key: 'k', namespace: 'test', outcome: 'stored' })]);
    expect(reads.ended.map(({ load }) => load === loads.ended[0])).toEqual([true, true]);
  });

  test('another node loads meanwhile: elsewhere, and there is no load here', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const [reads, loads] = [watch<ReadTrace>('read'), watch<LoadTrace>('load')];
    const loader = new HandLoader<number>();
    const theirs = n1.cache.getOrSet('k', loader.load);
    await loader.begun();
    const mine = n2.cache.getOrSet('k', () => 2);
    await settle();
    loader.finish(1);
    expect(await Promise.all([theirs, mine])).toEqual([1, 1]);
    const ofMine = reads.ended.filter(({ hierarchy }) => hierarchy === n2.cache);
    expect(ofMine.map(({ outcome, load }) => [outcome, load])).toEqual([['elsewhere', undefined]]);
    expect(loads.ended).toHaveLength(1);
  });

  test('a stale answer is one, and the refresh behind it another that nobody waits for', async () => {
    const { cache, clock } = lonely({ ttl: 100, staleWhileRevalidate: 1_000 });
    await cache.getOrSet('k', () => 1);
    await clock.advance(200);
    const reads = watch<ReadTrace>('read');
    expect(await cache.getOrSet('k', () => 2)).toBe(1);
    await settle();
    expect(reads.ended.map(({ behind, outcome }) => [behind, outcome]).sort()).toEqual([
      [false, 'stale'],
      [true, 'loaded'],
    ]);
  });

  test('a failing load fails the read: both carry the error, and the read no outcome', async () => {
    const { cache } = lonely();
    const [reads, loads] = [watch<ReadTrace>('read'), watch<LoadTrace>('load')];
    const boom = new Error('boom');
    await expect(cache.getOrSet('k', () => Promise.reject(boom))).rejects.toBe(boom);
    expect(loads.ended.map(({ outcome, error }) => [outcome, error])).toEqual([['failed', boom]]);
    expect(reads.ended.map(({ outcome, error, load }) => [outcome, error, load])).toEqual([
      [undefined, boom, loads.ended[0]],
    ]);
    expect(reads.phases).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd']);
  });
});

describe('tierwise:l2', () => {
  test('tells of each command its operation, its namespace, how many keys, and that it was answered', async () => {
    const { node } = cluster();
    const { cache } = await node();
    await cache.get('warm');
    const commands = watch<L2Trace>('l2');
    await cache.getOrSetMany(['a', 'b', 'c'], (keys) => keys.map(() => 1), { tags: ['t'] });
    await cache.delete('a');
    await cache.deleteMany(['b', 'c']);
    await cache.invalidateTags(['t', 'u']);
    expect(
      commands.ended.map(({ backend, operation, namespace, count, answered }) => [
        ...[backend, operation, namespace, count, answered],
      ]),
    ).toEqual([
      ['memory', 'read', 'test', 3, true],
      ['memory', 'marks', 'test', 1, true],
      ['memory', 'acquire', 'test', 3, true],
      ['memory', 'fill', 'test', 3, true],
      ['memory', 'delete', 'test', 1, true],
      ['memory', 'delete', 'test', 2, true],
      ['memory', 'advance', 'test', 2, true],
    ]);
  });

  test('one that fails and one that is not sent at all were not answered, and say why', async () => {
    const { node } = cluster();
    const it = await node({ breaker: { failures: 1 } });
    const commands = watch<L2Trace>('l2');
    const down = new Error('down');
    it.l2.break(down, 'read', 'health', 'acquire');
    await it.cache.get('k');
    await it.cache.get('k');
    expect(commands.ended.map(({ operation, answered, error }) => [operation, answered, error])).toEqual([
      ['read', false, down],
      ['read', false, expect.objectContaining({ reason: 'breaker-open' })],
    ]);
    it.l2.mend();
  });
});

describe('tierwise:feed', () => {
  test("tells of a peer's deed, and of one's own as one's own, after it has been dealt with", async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    await n2.cache.getOrSet('k', () => 1);
    await n1.cache.getOrSet('k', () => 1);
    await settle();
    const heard: unknown[] = [];
    const channel: TracingChannel<unknown, object> = tracingChannel(TRACING_CHANNELS.feed);
    const subscriber = (context: unknown) => {
      const { own, news, hierarchy } = context as FeedTrace;
      heard.push(hierarchy === n2.cache ? ['n2', own, news, n2.cache.peek('k')] : ['n1', own, news]);
    };
    channel.end.subscribe(subscriber);
    undo.push(() => channel.end.unsubscribe(subscriber));
    await n1.cache.delete('k');
    await settle();
    const news = expect.objectContaining({ type: 'changed', cause: 'delete', keys: ['k'] });
    expect(heard.sort()).toEqual([
      ['n1', true, news],
      ['n2', false, news, undefined],
    ]);
  });
});

test("tierwise:feed tells of marks of one's own as one's own, though they are heeded as a peer's are", async () => {
  const { node } = cluster();
  const { cache } = await node();
  await cache.get('warm');
  const own: unknown[] = [];
  const channel: TracingChannel<unknown, object> = tracingChannel(TRACING_CHANNELS.feed);
  const subscriber = (context: unknown) => own.push([(context as FeedTrace).news.type, (context as FeedTrace).own]);
  channel.start.subscribe(subscriber);
  undo.push(() => channel.start.unsubscribe(subscriber));
  await cache.invalidateTags(['t']);
  await settle();
  expect(own).toEqual([['marks', true]]);
});

describe('tierwise:recovery', () => {
  test('each try says how much waited for it, how it ended, and what was made up for', async () => {
    const { node } = cluster();
    const it = await node();
    await cut(it);
    await it.cache.delete('a');
    await it.cache.set('b', 1);
    const tries = watch<RecoveryTrace>('recovery');
    await it.clock.advance(2_000);
    expect(tries.ended.length).toBeGreaterThan(0);
    expect(tries.ended.every(({ outcome, error }) => outcome === 'failed' && error instanceof Error)).toBe(true);
    tries.ended.length = 0;
    await mend(it);
    expect(tries.ended.at(-1)).toMatchObject({
      hierarchy: it.cache,
      pending: 2,
      outcome: 'recovered',
      replayed: { deleted: 1, stored: 1 },
    });
  });
});

describe('an instrumentation', () => {
  test('hears its hierarchy, and stands around everything without any subscriber', async () => {
    const instrumentation = around();
    const { node } = cluster();
    const [n1, n2] = [await node({ instrumentation }), await node()];
    expect(instrumentation.hierarchy).toBe(n1.cache);
    instrumentation.traces.length = 0;
    await n1.cache.getOrSet('k', () => 1);
    await n1.cache.get('k');
    await n2.cache.delete('k');
    await settle();
    const traces = instrumentation.traces.filter(({ kind }) => kind !== 'l2');
    expect(traces.map((trace) => [trace.kind, 'outcome' in trace ? trace.outcome : undefined])).toEqual([
      ['read', 'loaded'],
      ['load', 'stored'],
      ['feed', undefined],
      ['feed', undefined],
    ]);
    expect(traces.every(({ hierarchy }) => hierarchy === n1.cache)).toBe(true);
  });

  test('without one and without subscribers nothing is made: not even the names of what is done', async () => {
    const { cache } = lonely();
    expect(Object.values(TRACING_CHANNELS).some((name) => tracingChannel(name).hasSubscribers)).toBe(false);
    const read = cache.getOrSet('k', () => 1);
    const reads = watch<ReadTrace>('read');
    await read;
    expect(reads.phases).toEqual([]);
  });

  test('must have an around()', () => {
    const instrumentation = { begin: () => {} } as never;
    expect(() => createHierarchy({ namespace: 'test', instrumentation })).toThrow(/around\(\)/);
  });
});
