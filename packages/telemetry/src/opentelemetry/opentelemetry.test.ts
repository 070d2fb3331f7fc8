import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SamplingDecision,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { createHierarchy, withCorrelationId } from '@tierwise/hierarchy';
import { redisL2 } from '@tierwise/l2-redis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { cluster, cut, mend, settle } from '../../test/nodes.js';
import { Redaction } from '../redaction.js';
import { openTelemetry } from './index.js';

const exporter = new InMemorySpanExporter();
let isSampled = true;
const provider = new NodeTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(exporter)],
  sampler: {
    shouldSample: () => ({ decision: isSampled ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD }),
  },
});
const app = provider.getTracer('the app');

// The real thing: its AsyncLocalStorageContextManager is what carries contexts.
beforeAll(() => provider.register());
afterAll(() => provider.shutdown());
afterEach(() => {
  isSampled = true;
  exporter.reset();
});

const spans = (): ReadableSpan[] => exporter.getFinishedSpans();
const named = (name: string): ReadableSpan[] => spans().filter((span) => span.name === name);
const only = (name: string): ReadableSpan => {
  const [span, ...others] = named(name);
  if (span === undefined || others.length > 0) throw new Error(`${named(name).length} spans are called ${name}`);
  return span;
};
const idOf = (span: ReadableSpan) => span.spanContext().spanId;
const isChild = (child: ReadableSpan, parent: ReadableSpan) =>
  child.parentSpanContext?.spanId === idOf(parent) && child.spanContext().traceId === parent.spanContext().traceId;

/** Runs in a span of the app's, in a trace of its own. */
const inSpan = <T>(name: string, work: () => Promise<T>): Promise<T> =>
  context.with(ROOT_CONTEXT, () =>
    app.startActiveSpan(name, async (span) => {
      try {
        return await work();
      } finally {
        span.end();
      }
    }),
  );

/** Makes a span wherever it is called, as an instrumented database client does. */
const query = <T>(name: string, answer: T): T => {
  app.startActiveSpan(name, (span) => span.end());
  return answer;
};

async function traced(options: Parameters<typeof openTelemetry>[0] = {}) {
  const node = cluster();
  const n1 = await node({ instrumentation: openTelemetry(options) });
  const n2 = await node();
  await settle();
  exporter.reset();
  return { ...n1, n1, n2 };
}

describe('a read that loads', () => {
  test('is a span of the caller, with the look into L2, the lease and the load in it, and the fill in that', async () => {
    const { cache } = await traced();
    await inSpan('request', () =>
      cache.getOrSet('user:1', async () => {
        await settle();
        return query('query', 1);
      }),
    );
    const [request, read, load] = [only('request'), only('tierwise.read'), only('tierwise.load')];
    expect(isChild(read, request)).toBe(true);
    for (const name of ['tierwise.l2 read', 'tierwise.l2 acquire', 'tierwise.load']) {
      expect([name, isChild(only(name), read)]).toEqual([name, true]);
    }
    expect(isChild(only('query'), load)).toBe(true);
    expect(isChild(only('tierwise.l2 fill'), load)).toBe(true);
    expect(read.attributes).toEqual({
      'tierwise.namespace': 'shop',
      'tierwise.key.hash': new Redaction().name('user:1'),
      'tierwise.read.may_load': true,
      'tierwise.read.behind': false,
      'tierwise.read.outcome': 'loaded',
    });
    expect(load.attributes).toMatchObject({ 'tierwise.namespace': 'shop', 'tierwise.load.outcome': 'stored' });
    expect(only('tierwise.l2 fill').attributes).toEqual({
      'db.system.name': 'memory',
      'db.operation.name': 'fill',
      'tierwise.namespace': 'shop',
      'tierwise.l2.answered': true,
    });
    expect([read, load].flatMap(({ links, events }) => [...links, ...events])).toEqual([]);
    expect(read.status.code).toBe(SpanStatusCode.UNSET);
  });

  test("leaves the caller's own span active, and a hit in L1 leaves no span at all", async () => {
    const { cache } = await traced();
    await inSpan('request', async () => {
      const before = trace.getActiveSpan();
      await cache.getOrSet('k', () => 1);
      expect(trace.getActiveSpan()).toBe(before);
    });
    exporter.reset();
    await cache.getOrSet('k', () => 2);
    await cache.get('k');
    cache.peek('k');
    expect(spans()).toEqual([]);
  });

  test('of a batch: each key is a read, what they share is one command, the loader runs in the first load', async () => {
    const { cache } = await traced();
    await inSpan('request', () => cache.getOrSetMany(['a', 'b', 'c'], (keys) => query('query', keys)));
    expect(named('tierwise.read')).toHaveLength(3);
    expect(named('tierwise.read').every((read) => isChild(read, only('request')))).toBe(true);
    expect(only('tierwise.l2 read').attributes).toMatchObject({ 'db.operation.batch.size': 3 });
    expect(named('tierwise.load').some((load) => isChild(only('query'), load))).toBe(true);
  });
});

describe('a read that waits for the load of another', () => {
  test('has a link to it, in whichever trace it is; who began it has none', async () => {
    const { cache } = await traced();
    let finish: (value: number) => void = () => {};
    const loading = new Promise<number>((resolve) => {
      finish = resolve;
    });
    const leader = inSpan('leader', () => cache.getOrSet('k', () => loading));
    await settle();
    const waiter = inSpan('waiter', () => cache.getOrSet('k', () => 2));
    await settle();
    finish(1);
    expect(await Promise.all([leader, waiter])).toEqual([1, 1]);
    const load = only('tierwise.load');
    const [ofLeader, ofWaiter] = ['leader', 'waiter'].map((name) =>
      named('tierwise.read').find((read) => isChild(read, only(name))),
    );
    expect(ofLeader && isChild(load, ofLeader)).toBe(true);
    expect(ofLeader?.links).toEqual([]);
    expect(ofWaiter?.links.map((link) => link.context)).toEqual([load.spanContext()]);
    expect(ofWaiter?.spanContext().traceId).not.toBe(load.spanContext().traceId);
    expect(ofWaiter?.attributes).toMatchObject({ 'tierwise.read.outcome': 'shared' });
  });

  test('a refresh behind is a read of its own, within the one that answered the stale value', async () => {
    const { cache, clock } = await traced();
    const policy = { ttl: 100, staleWhileRevalidate: 10_000 };
    await cache.getOrSet('k', () => 1, policy);
    await clock.advance(200);
    exporter.reset();
    expect(await inSpan('request', () => cache.getOrSet('k', () => 2, policy))).toBe(1);
    await settle();
    const outcomes = named('tierwise.read').map(({ attributes }) => attributes['tierwise.read.outcome']);
    expect(outcomes.sort()).toEqual(['loaded', 'stale']);
    const [stale, behind] = [false, true].map((isBehind) =>
      named('tierwise.read').find(({ attributes }) => attributes['tierwise.read.behind'] === isBehind),
    );
    expect(stale && isChild(stale, only('request'))).toBe(true);
    expect(stale && behind && isChild(behind, stale)).toBe(true);
    expect(behind && isChild(only('tierwise.load'), behind)).toBe(true);
  });
});

describe('what fails', () => {
  test('is an error of the load and of the read, without key, value and stack', async () => {
    const { cache } = await traced({ keys: 'omit' });
    const error = Object.assign(new Error('no row for user:1 at pg://me:s3cret@host'), { code: 'P0002' });
    await expect(cache.getOrSet('user:1', () => Promise.reject(error))).rejects.toBe(error);
    for (const span of [only('tierwise.load'), only('tierwise.read')]) {
      expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: 'no row for *** at pg://***@host' });
      expect(span.attributes).toMatchObject({ 'error.type': 'P0002' });
      expect(span.events).toMatchObject([{ name: 'exception' }]);
      expect(JSON.stringify([span.attributes, span.events])).not.toMatch(/user:1|s3cret|stack/);
    }
    expect(only('tierwise.load').attributes).toMatchObject({ 'tierwise.load.outcome': 'failed' });
    expect(only('tierwise.read').attributes).not.toHaveProperty('tierwise.read.outcome');
  });

  test('in L2 is an error of the command alone, also one that was not sent', async () => {
    const { n1, cache } = await traced();
    cut(n1, new TypeError('down'));
    for (let i = 0; i < 10; i += 1) await cache.get(`k${i}`);
    const commands = named('tierwise.l2 read');
    expect(commands.every(({ status }) => status.code === SpanStatusCode.ERROR)).toBe(true);
    const types = commands.map(({ attributes }) => attributes['error.type']);
    expect([types[0], types.at(-1)]).toEqual(['TypeError', 'breaker-open']);
    expect(commands.every(({ attributes }) => attributes['tierwise.l2.answered'] === false)).toBe(true);
    expect(named('tierwise.read').every(({ status }) => status.code === SpanStatusCode.UNSET)).toBe(true);
  });

  test('with nothing at all, or what is no error, is an error as well', async () => {
    const { cache } = await traced();
    await expect(cache.getOrSet('k', () => Promise.reject(undefined))).rejects.toBeUndefined();
    await expect(cache.getOrSet('l', () => Promise.reject('text'))).rejects.toBe('text');
    expect(named('tierwise.load').map(({ status }) => status.code)).toEqual([
      SpanStatusCode.ERROR,
      SpanStatusCode.ERROR,
    ]);
  });
});

describe('what nobody called for is a trace of its own', () => {
  test('news, though the hierarchy was made within a request', async () => {
    const node = cluster();
    const n2 = await node();
    const n1 = await inSpan('request', () => node({ instrumentation: openTelemetry() }));
    exporter.reset();
    await withCorrelationId('r1', () => inSpan('deed', () => n2.cache.deleteMany(['user:1', 'user:2'])));
    await settle();
    const heard = spans().filter(({ name }) => name === 'tierwise.feed changed');
    expect(heard.length).toBeGreaterThan(0);
    for (const span of heard) {
      expect(span.parentSpanContext).toBeUndefined();
      expect(span.kind).toBe(SpanKind.CONSUMER);
      expect(span.attributes).toMatchObject({
        'tierwise.namespace': 'shop',
        'tierwise.feed.own': false,
        'tierwise.feed.cause': 'delete',
        'tierwise.correlation_id': 'r1',
      });
    }
    expect(JSON.stringify(heard.map(({ attributes }) => attributes))).not.toContain('user:');
    expect(n1.cache.stats().l2.breaker).toBe('closed');
  });

  test('recovery, though a request was the first to fail', async () => {
    const { n1, cache, clock } = await traced();
    cut(n1);
    await inSpan('request', () => cache.delete('k'));
    await clock.advance(2_000);
    const failed = named('tierwise.recovery');
    expect(failed.length).toBeGreaterThan(0);
    for (const span of failed) {
      expect(span.parentSpanContext).toBeUndefined();
      expect(span.status.code).toBe(SpanStatusCode.ERROR);
      expect(span.attributes).toMatchObject({ 'tierwise.recovery.outcome': 'failed', 'tierwise.recovery.pending': 1 });
    }
    exporter.reset();
    await mend(n1);
    const recovered = named('tierwise.recovery').at(-1);
    expect(recovered?.attributes).toMatchObject({
      'tierwise.recovery.outcome': 'recovered',
      'tierwise.recovery.deleted': 1,
    });
    expect(recovered?.status.code).toBe(SpanStatusCode.UNSET);
    const replayed = named('tierwise.l2 delete').at(-1);
    expect(replayed && recovered && isChild(replayed, recovered)).toBe(true);
  });
});

describe('options', () => {
  test('keys can be shown, or hashed alike on all nodes', async () => {
    const { cache } = await traced({ keys: 'plain' });
    await cache.get('user:1');
    expect(only('tierwise.read').attributes).toMatchObject({ 'tierwise.key': 'user:1' });
    const other = await traced({ hashSecret: 's' });
    await other.cache.get('user:1');
    const hash = new Redaction({ hashSecret: 's' }).name('user:1');
    expect(only('tierwise.read').attributes).toMatchObject({ 'tierwise.key.hash': hash });
  });

  test('of hits in L1, so many get a span as is said, in the trace of the caller', async () => {
    let chance = 0.4;
    const { cache } = await traced({ l1Hits: 0.5, random: () => chance });
    await cache.set('k', 1);
    exporter.reset();
    await withCorrelationId('r1', () => inSpan('request', () => cache.get('k')));
    chance = 0.5;
    await cache.get('k');
    const hit = only('tierwise.read');
    expect(isChild(hit, only('request'))).toBe(true);
    expect(hit.attributes).toEqual({
      'tierwise.namespace': 'shop',
      'tierwise.key.hash': new Redaction().name('k'),
      'tierwise.read.outcome': 'l1',
      'tierwise.correlation_id': 'r1',
    });
  });

  test("spans are made by a tracer of the user's choice", async () => {
    const mine = new InMemorySpanExporter();
    const other = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(mine)] });
    const { cache } = await traced({ tracer: other.getTracer('mine') });
    mine.reset();
    await cache.get('k');
    expect(mine.getFinishedSpans().map(({ name }) => name)).toEqual(['tierwise.l2 read', 'tierwise.read']);
    expect(spans()).toEqual([]);
    await other.shutdown();
  });

  test('what is not sampled leaves no span, and the loader still gets its context', async () => {
    const { cache } = await traced();
    isSampled = false;
    const active = await cache.getOrSet('k', () => trace.getActiveSpan()?.isRecording());
    expect(active).toBe(false);
    expect(spans()).toEqual([]);
  });

  test.each([-0.1, 1.1, Number.NaN, '1'])('l1Hits %j is refused', (l1Hits) => {
    expect(() => openTelemetry({ l1Hits: l1Hits as number })).toThrow(/part from 0 to 1/);
  });
});

test('over a real Redis, spans of commands are clients of redis, and contexts come back from its connection', async () => {
  const url = process.env.TIERWISE_TEST_REDIS_URL as string;
  const namespace = `otel-${process.pid}-${Date.now()}`;
  const cache = createHierarchy({ namespace, l2: redisL2({ url }), instrumentation: openTelemetry() });
  try {
    await cache.ready();
    exporter.reset();
    const ask = (name: string) =>
      inSpan(name, async () => {
        const before = trace.getActiveSpan();
        await cache.getOrSet(name, async () => query(`query ${name}`, name));
        expect(trace.getActiveSpan()).toBe(before);
      });
    await Promise.all(['a', 'b', 'c'].map(ask));
    for (const name of ['a', 'b', 'c']) {
      const read = named('tierwise.read').find((span) => isChild(span, only(name)));
      const load = read && named('tierwise.load').find((span) => isChild(span, read));
      expect(load && isChild(only(`query ${name}`), load)).toBe(true);
    }
    const commands = spans().filter(({ attributes }) => 'db.system.name' in attributes);
    expect(commands.length).toBeGreaterThan(2);
    for (const { kind, attributes } of commands) {
      expect([kind, attributes['db.system.name']]).toEqual([SpanKind.CLIENT, 'redis']);
    }
  } finally {
    await cache.purge();
    await cache.close();
  }
});
