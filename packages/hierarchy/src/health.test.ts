import type { L2Host, L2Read } from '@tierwise/l2';
import { MemoryStore, memoryL2 } from '@tierwise/l2/memory';
import { describe, expect, test } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely, type Node } from '../test/nodes.js';
import { cut, DOWN, EVERYTHING } from '../test/outage.js';
import { createHierarchy, type Health } from './index.js';

const codes = ({ reasons }: Health) => reasons.map(({ code }) => code);

describe('health', () => {
  test('is ok where L2 gives back what is written to it, and the feed tells of it', async () => {
    const { cache, l2 } = await cluster().node();
    await cache.set('k', 'v');
    const before = [l2.count('write'), l2.count('read'), l2.count('delete')];
    const health = await cache.health();
    expect(health).toMatchObject({ state: 'ok', reasons: [], l2: { status: 'up', breaker: 'closed', latencyMs: 0 } });
    expect(health.feed).toEqual({ state: 'alive', lagMs: 0 });
    expect(health.l1).toMatchObject({ entries: 1, maxEntries: 5000 });
    expect([l2.count('write'), l2.count('read'), l2.count('delete')]).toEqual(before.map((count) => count + 1));
  });

  test('is ok on L1 alone', async () => {
    const { cache } = lonely();
    expect(await cache.health()).toMatchObject({ state: 'ok', reasons: [], l2: undefined, feed: { state: 'none' } });
  });

  test('is ok with an L2 that has no feed', async () => {
    const { cache } = await cluster().node({ without: ['feed'] });
    expect(await cache.health()).toMatchObject({ state: 'ok', feed: { state: 'none', lagMs: undefined } });
  });

  test('leaves nothing, and nobody sees anything of it', async () => {
    const { node } = cluster();
    const [asked, peer] = [await node(), await node()];
    await peer.cache.get('k');
    const seen: unknown[] = [];
    for (const { cache } of [asked, peer]) {
      for (const type of ['news', 'set', 'delete', 'miss', 'hit'] as const) cache.on(type, (event) => seen.push(event));
    }
    await asked.cache.health();
    await settle();
    expect(seen).toEqual([]);
    expect(asked.cache.stats().namespaces).toEqual({
      test: expect.objectContaining({ writes: { sets: 0, deletes: 0, invalidations: 0 } }),
    });
    expect(await asked.cache.purge()).toBe(0);
  });

  test('a process that dies between the write and the deletion leaves bytes that go by themselves', async () => {
    const { node, store, clock } = cluster();
    const { cache, l2 } = await node();
    const names: string[] = [];
    const write = l2.write.bind(l2);
    l2.write = (namespace, ...rest) => {
      names.push(namespace);
      return write(namespace, ...rest);
    };
    const deleting = l2.hold('delete');
    const checking = cache.health();
    await deleting.arrived;
    const [name = ''] = names;
    expect(name.startsWith('test:\u0001health:')).toBe(true);
    const other = memoryL2(store);
    await other.open({ origin: 'other', onNews: () => {}, onFeedState: () => {} });
    expect(await other.read(name, ['probe'])).toMatchObject([{ status: 'found' }]);
    await clock.advance(60_000);
    expect(await other.read(name, ['probe'])).toEqual([undefined]);
    await other.close();
    deleting.release();
    await checking;
  });

  test('does not reject where memory cannot be measured', async () => {
    const measure = () => {
      throw new Error('no such file');
    };
    const { cache } = lonely({ incidents: { memory: { measure } } });
    expect(await cache.health()).toMatchObject({ state: 'ok', memory: { used: Number.NaN } });
  });

  test('asked by many at once, asks L2 once', async () => {
    const { cache, l2 } = await cluster().node();
    const [first, ...others] = await Promise.all([cache.health(), cache.health(), cache.health()]);
    expect(l2.count('write')).toBe(1);
    for (const other of others) expect(other).toBe(first);
    await cache.health();
    expect(l2.count('write')).toBe(2);
  });

  test('a silent L2 costs its time limit and no more; the hierarchy is degraded', async () => {
    const { cache, l2, clock } = await cluster().node({ l2Timeout: 300 });
    l2.break('silent', ...EVERYTHING);
    let health: Health | undefined;
    cache.health().then((answer) => {
      health = answer;
    });
    await settle();
    await clock.advance(299);
    expect(health).toBeUndefined();
    await clock.advance(1);
    expect(health).toMatchObject({ state: 'degraded', tookMs: 300, l2: { status: 'down', latencyMs: undefined } });
    expect(health && codes(health)).toEqual(['l2-silent']);
    // What was given up goes no further: L2 was asked to follow, and for nothing after that.
    await clock.advance(300);
    expect(l2.count('write')).toBe(0);
  });

  test('a check under way when the hierarchy is closed ends before close() does', async () => {
    const { cache, l2 } = await cluster().node();
    const writing = l2.hold('write');
    const checking = cache.health();
    await writing.arrived;
    let closed = false;
    const closing = cache.close().then(() => {
      closed = true;
    });
    await settle();
    expect(closed).toBe(false);
    writing.release();
    await closing;
    expect((await checking).reasons).toMatchObject([{ code: 'closed' }]);
  });

  test.each<[string, Error, string]>([
    ['fails', DOWN, 'l2-failing'],
    ['is a read-only replica', new Error("READONLY You can't write against a read only replica."), 'l2-read-only'],
    ['is full', new Error('OOM command not allowed when used memory > maxmemory'), 'l2-full'],
  ])('an L2 that %s makes it degraded and says so', async (_, error, code) => {
    const { cache, l2 } = await cluster().node();
    l2.break(error, 'write');
    const health = await cache.health();
    expect(health.state).toBe('degraded');
    expect(codes(health)).toEqual([code]);
  });

  test.each<[string, L2Read]>([
    ['nothing', undefined],
    ['something else', { status: 'found', bytes: new Uint8Array(16), version: 1, ageMs: 0, freshMs: 1, keepMs: 1 }],
    ['damaged bytes', { status: 'damaged', reason: 'torn', version: 1 }],
  ])('an L2 that has %s where something was just written is wrong', async (_, answer) => {
    const { cache, l2 } = await cluster().node();
    l2.read = async () => [answer];
    expect(codes(await cache.health())).toEqual(['l2-wrong']);
  });

  test('an L2 that takes writes but answers no reads is failing', async () => {
    const { cache, l2 } = await cluster().node();
    l2.break(DOWN, 'read');
    expect(codes(await cache.health())).toEqual(['l2-failing']);
  });

  test('with the breaker open nothing is sent, and the answer comes at once', async () => {
    const node = await cluster().node({ breaker: { openFor: '10s' } });
    await cut(node);
    const asked = node.l2.calls.length;
    const health = await node.cache.health();
    expect(node.l2.calls).toHaveLength(asked);
    expect(health).toMatchObject({ state: 'degraded', tookMs: 0, l2: { status: 'down', breaker: 'open' } });
    expect(codes(health)).toEqual(['l2-down']);
  });

  test('an L2 that never opened is not open', async () => {
    const clock = (await cluster().node()).clock;
    const inner = memoryL2(new MemoryStore());
    const cache = createHierarchy({
      namespace: 'test',
      clock,
      l2: Object.assign(inner, { open: () => new Promise<void>(() => {}) }),
    });
    const checking = cache.health();
    await clock.advance(2_000);
    const health = await checking;
    expect(['l2-not-open', 'l2-silent']).toContain(codes(health)[0]);
    expect(health.state).toBe('degraded');
    const closing = cache.close();
    await clock.advance(10_000);
    await closing;
  });

  test('news that does not arrive though the feed counts as alive is late', async () => {
    const { cache, l2, clock } = await cluster().node();
    l2.holdNews();
    const checking = cache.health();
    await settle();
    await clock.advance(2_000);
    const health = await checking;
    expect(codes(health)).toEqual(['feed-late']);
    expect(health.l2?.status).toBe('up');
    l2.releaseNews();
  });

  test('a deaf node is degraded, and does not wait for news', async () => {
    const { cache, l2 } = await cluster().node();
    await cache.get('k');
    l2.tellState('deaf');
    const health = await cache.health();
    expect(codes(health)).toEqual(['feed-lost']);
    expect(health).toMatchObject({ tookMs: 0, feed: { state: 'deaf', lagMs: undefined } });
  });

  test('so is one whose feed has not come alive yet: no incident has begun, since nothing was lost', async () => {
    const inner = memoryL2(new MemoryStore());
    const open = inner.open.bind(inner);
    inner.open = (host: L2Host) => open({ ...host, onFeedState: () => {} });
    const cache = createHierarchy({ namespace: 'test', l2: inner });
    const health = await cache.health();
    expect(codes(health)).toEqual(['feed-lost']);
    expect(health.openIncidents).toBe(0);
    await cache.close();
  });

  test('what L2 has yet to be told is a reason', async () => {
    const node = await cluster().node({ breaker: { openFor: '10s' } });
    await cut(node);
    await node.cache.set('k', 'v');
    const health = await node.cache.health();
    expect(codes(health)).toEqual(['l2-down', 'outbox-pending']);
    expect(health.outbox.items).toBe(1);
  });

  test('where neither L2 nor the source answers, it is down', async () => {
    const node = await cluster().node({ incidents: { enabled: false }, breaker: { openFor: '10s' } });
    await cut(node);
    await failLoads(node);
    const health = await node.cache.health();
    expect(health.state).toBe('down');
    expect(codes(health)).toEqual(['nothing-answers', 'l2-down', 'load-failing']);
  });

  test('where L2 answers, failing loads make it degraded only', async () => {
    const node = await cluster().node({ incidents: { enabled: false } });
    await failLoads(node);
    expect(await node.cache.health()).toMatchObject({ state: 'degraded', reasons: [{ code: 'load-failing' }] });
  });

  test('a loader’s words are not in it, since they may name users; nor passwords of URLs in incidents', async () => {
    const { cache } = await cluster().node({ incidents: { enabled: false } });
    const fails = () => Promise.reject(new Error('no row for ada at postgres://app:s3cret@db'));
    for (let i = 0; i < 10; i += 1) await cache.getOrSet(`k${i}`, fails).catch(() => {});
    const health = await cache.health();
    expect(health.reasons).toEqual([{ code: 'load-failing', state: 'degraded', message: 'loads fail in "test"' }]);
    const [incident] = cache.incidents().open;
    expect(incident?.message).toBe('loads fail: Error: no row for ada at postgres://***@db');
  });

  test('closed, it is down, and L2 is not asked', async () => {
    const { cache, l2 } = await cluster().node();
    const closing = cache.close();
    const asked = l2.calls.length;
    expect(await cache.health()).toMatchObject({ state: 'down', reasons: [{ code: 'closed' }] });
    expect(l2.calls).toHaveLength(asked);
    await closing;
    expect(await cache.health()).toMatchObject({ state: 'down', reasons: [{ code: 'closed' }] });
  });

  test('what happened of late is about the last minute or two, not about all times', async () => {
    const { cache, clock } = lonely({ l1: { maxEntries: 1 } });
    expect((await cache.health()).recent).toEqual({
      ms: 0,
      hitRatio: undefined,
      evictions: 0,
      loads: 0,
      failedLoads: 0,
    });
    await cache.set('a', 1);
    await cache.set('b', 1);
    for (let i = 0; i < 3; i += 1) await cache.get('b');
    await cache.getOrSet('none', () => Promise.reject(new Error('no'))).catch(() => {});
    await clock.advance(60_000);
    const { recent } = await cache.health();
    expect(recent).toEqual({ ms: 60_000, hitRatio: 0.75, evictions: 1, loads: 1, failedLoads: 1 });
    await clock.advance(60_000);
    await cache.health();
    await clock.advance(1_000);
    expect((await cache.health()).recent).toMatchObject({ ms: 61_000, hitRatio: undefined, evictions: 0, loads: 0 });
  });
});

async function failLoads({ cache }: Node): Promise<void> {
  for (let i = 0; i < 6; i += 1) {
    await cache.getOrSet(`failing ${i}`, () => Promise.reject(new Error('no database'))).catch(() => {});
  }
}

describe('figures', () => {
  test('the feed is as late as the echo of a write of this node; meanwhile, as late as that is overdue', async () => {
    const { cache, l2, clock } = await cluster().node();
    await cache.set('k', 1);
    await clock.advance(1_000);
    l2.holdNews();
    await cache.set('k', 2);
    await clock.advance(40);
    expect(cache.stats().feed).toMatchObject({ state: 'alive', lagMs: 40 });
    l2.releaseNews();
    await clock.advance(500);
    expect(cache.stats().feed).toMatchObject({ lagMs: 40, losses: 0 });
    l2.tellState('deaf');
    expect(cache.stats().feed).toMatchObject({ state: 'deaf', lagMs: undefined, losses: 1 });
  });

  test('a write that did not come through is not waited for', async () => {
    const { cache, l2, clock } = await cluster().node();
    l2.break(DOWN, 'write');
    await cache.set('k', 1);
    await clock.advance(5);
    expect(cache.stats().feed.lagMs).toBeUndefined();
    l2.mend();
  });

  test('reads that share a look into L2 are counted, and so are waits for a lease', async () => {
    const { node, clock } = cluster();
    const [n1, n2] = [await node(), await node()];
    const loader = new HandLoader<string>();
    const first = n1.cache.getOrSet('k', loader.load);
    const second = n1.cache.getOrSet('k', loader.load);
    await loader.begun();
    const waiting = n2.cache.getOrSet('k', loader.load);
    await settle();
    await clock.advance(250);
    loader.finish('v');
    await Promise.all([first, second, waiting]);
    expect(n1.cache.stats()).toMatchObject({ coalesced: 1, leases: { waits: 0, waitMs: 0 } });
    expect(n2.cache.stats()).toMatchObject({ coalesced: 0, leases: { waits: 1, waitMs: 250 } });
  });

  test('evictions are told by namespace and bound, and expiry apart', async () => {
    const { cache, clock } = lonely({ l1: { maxEntries: 2 }, ttl: 1_000 });
    const other = cache.namespace('other');
    await cache.set('a', 1);
    await other.set('b', 1);
    await cache.set('c', 1);
    await clock.advance(10_000);
    const { namespaces } = cache.stats();
    expect(namespaces['test']?.evictions).toEqual({ entries: 1, bytes: 0, expired: 1 });
    expect(namespaces['test:other']?.evictions).toEqual({ entries: 0, bytes: 0, expired: 1 });
    expect(cache.stats().memory).toMatchObject({ maxEntries: 2, removed: { entries: 1 } });
  });

  test('a loader that takes too long is a failed load that timed out', async () => {
    const { cache, clock } = lonely({ loadTimeout: { hard: 100, late: 0 } });
    const loading = cache.getOrSet('k', () => new Promise(() => {})).catch((error: Error) => error.name);
    await settle();
    await clock.advance(100);
    expect(await loading).toBe('LoadTimeoutError');
    expect(cache.stats().loads).toMatchObject({ failed: 1, timedOut: 1 });
  });

  test('bytes are weighed encoded, compressed, sealed and packed, both ways', async () => {
    const { node } = cluster();
    const encryption = { keys: [{ id: 'a', key: '1'.repeat(64) }] };
    const [sealing, reading] = [await node({ encryption }), await node({ encryption })];
    const plain = await node({ namespace: 'plain' });
    await sealing.cache.set('long', 'x'.repeat(10_000));
    await sealing.cache.set('short', 'y');
    await reading.cache.get('long');
    await plain.cache.set('short', 'y');
    const { written } = sealing.cache.stats().bytes;
    const short = plain.cache.stats().bytes.written;
    expect(written.values).toBe(2);
    expect(written.encoded).toBeGreaterThan(10_000);
    expect(written.compressed).toBeLessThan(500);
    expect(written.encrypted).toBe(written.compressed);
    expect(written.packed).toBeGreaterThan(written.compressed);
    expect(reading.cache.stats().bytes.read).toMatchObject({ values: 1, encoded: written.encoded - short.encoded });
    expect(short).toMatchObject({ values: 1, compressed: short.encoded, encrypted: 0 });
  });
});
