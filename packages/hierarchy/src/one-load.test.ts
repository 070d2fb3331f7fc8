import { describe, expect, test } from 'vitest';
import { settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely } from '../test/nodes.js';

const LEASE_MS = 3000;

describe('concurrent misses on one node (law 2)', () => {
  test('100 of them: one look into L2, one load, 100 equal results (11)', async () => {
    const node = await cluster().node();
    const loader = new HandLoader<{ n: number }>();
    const reads = node.l2.count('read');
    const all = Promise.all(Array.from({ length: 100 }, () => node.cache.getOrSet('k', loader.load)));
    await loader.begun();
    loader.finish({ n: 1 });
    const values = await all;
    expect(values).toEqual(Array.from({ length: 100 }, () => ({ n: 1 })));
    expect(loader.count).toBe(1);
    expect(node.l2.count('read') - reads).toBe(1);
    expect(node.cache.stats().loads).toMatchObject({ started: 1, stored: 1, shared: 99 });
  });

  test.each([
    ['rejects', (loader: HandLoader<unknown>) => loader.fail(new Error('down'))],
    [
      'gives up by fail()',
      (loader: HandLoader<unknown>) => {
        try {
          loader.contexts[0]?.fail('down');
        } catch (error) {
          loader.fail(error);
        }
      },
    ],
  ])('the loader %s: one load, all reject with the same error, the next call tries again (12)', async (_, end) => {
    const node = await cluster().node();
    const loader = new HandLoader<unknown>();
    const all = Array.from({ length: 100 }, () => node.cache.getOrSet('k', loader.load));
    const settled = Promise.allSettled(all);
    await loader.begun();
    end(loader);
    const errors = (await settled).map((each) => (each.status === 'rejected' ? each.reason : undefined));
    expect(new Set(errors).size).toBe(1);
    expect(String(errors[0])).toContain('down');
    expect(loader.count).toBe(1);
    expect(await node.cache.getOrSet('k', () => 'next')).toBe('next');
  });

  test('one that asks again in the very moment of the failure gets a load of its own', async () => {
    const { cache } = lonely();
    const loader = new HandLoader<string>();
    const retried = cache.getOrSet('k', loader.load).catch(() => cache.getOrSet('k', () => 'second'));
    // A caller with a signal hears a few promise jobs later, and is still there when the first one asks again.
    const other = cache.getOrSet('k', loader.load, { signal: new AbortController().signal });
    await loader.begun();
    loader.fail(new Error('first'));
    expect(await retried).toBe('second');
    await expect(other).rejects.toThrow('first');
  });

  test.each([
    ['skip()', (loader: HandLoader<unknown>) => loader.finish(loader.contexts[0]?.skip())],
    [
      'skip() with a value',
      (loader: HandLoader<unknown>) => {
        loader.contexts[0]?.skip();
        loader.finish('not to be kept');
      },
    ],
    ['undefined', (loader: HandLoader<unknown>) => loader.finish(undefined)],
  ])('%s: one load, all get undefined, the next call tries again (12)', async (_, end) => {
    const node = await cluster().node();
    const loader = new HandLoader<unknown>();
    const all = Promise.all(Array.from({ length: 100 }, () => node.cache.getOrSet('k', loader.load)));
    await loader.begun();
    end(loader);
    expect(new Set(await all)).toEqual(new Set([undefined]));
    expect(loader.count).toBe(1);
    expect(await node.cache.getOrSet('k', () => 'next')).toBe('next');
  });

  test('a load whose value cannot be kept rejects, and does not wedge the key', async () => {
    const node = await cluster().node();
    await expect(node.cache.getOrSet('k', () => ({ run: () => {} }))).rejects.toMatchObject({
      code: 'ERR_TIERWISE_UNSERIALIZABLE',
      path: 'value.run',
    });
    expect(await node.cache.getOrSet('k', () => 'next')).toBe('next');
  });

  test('two handles to one namespace share a load, and so do a batch and a single call (13)', async () => {
    const node = await cluster().node();
    const [one, two] = [node.cache.namespace('n'), node.cache.namespace('n', { ttl: '1h' })];
    const loader = new HandLoader<string>();
    const single = one.getOrSet('k', loader.load);
    await loader.begun();
    const other = two.getOrSet('k', loader.load);
    const batch = two.getOrSetMany<string>(['k', 'l'], (keys) => keys.map((key) => `batch ${key}`));
    await settle();
    loader.finish('value');
    expect(await Promise.all([single, other, batch])).toEqual(['value', 'value', ['value', 'batch l']]);
    expect(loader.count).toBe(1);
  });

  test('refresh: loads anew, shares a load under way, and others share its', async () => {
    const node = await cluster().node();
    await node.cache.set('k', 'old');
    const loader = new HandLoader<string>();
    const refreshing = node.cache.refresh('k', loader.load);
    await loader.begun();
    expect(await node.cache.get('k')).toBe('old');
    const again = node.cache.refresh('k', loader.load);
    await settle();
    loader.finish('new');
    expect(await Promise.all([refreshing, again])).toEqual(['new', 'new']);
    expect(loader.count).toBe(1);
    expect(node.cache.peek('k')).toBe('new');
  });
});

describe('callers who leave (15)', () => {
  test('one aborts: it rejects at once, the others get the value, the loader is not told', async () => {
    const node = await cluster().node();
    const loader = new HandLoader<string>();
    const abort = new AbortController();
    const leaving = node.cache.getOrSet('k', loader.load, { signal: abort.signal });
    const staying = node.cache.getOrSet('k', loader.load, { signal: new AbortController().signal });
    await loader.begun();
    abort.abort(new Error('gone'));
    await expect(leaving).rejects.toThrow('gone');
    expect(loader.contexts[0]?.signal.aborted).toBe(false);
    loader.finish('value');
    expect(await staying).toBe('value');
  });

  test('all abort: the loader is told, with the last one’s reason', async () => {
    const node = await cluster().node();
    const loader = new HandLoader<string>();
    const aborts = [new AbortController(), new AbortController()];
    const leaving = aborts.map(({ signal }) => node.cache.getOrSet('k', loader.load, { signal }));
    await loader.begun();
    aborts[0]?.abort(new Error('first'));
    await expect(leaving[0]).rejects.toThrow('first');
    aborts[1]?.abort(new Error('second'));
    await expect(leaving[1]).rejects.toThrow('second');
    expect(loader.contexts[0]?.signal.reason).toEqual(new Error('second'));
    loader.fail(new Error('aborted'));
    await settle();
    expect(await node.cache.getOrSet('k', () => 'next')).toBe('next');
  });

  test('one that cannot leave (no signal) keeps the load alive', async () => {
    const { cache } = lonely();
    const loader = new HandLoader<string>();
    const abort = new AbortController();
    const leaving = cache.getOrSet('k', loader.load, { signal: abort.signal });
    const staying = cache.getOrSet('k', loader.load);
    await loader.begun();
    abort.abort(new Error('gone'));
    await expect(leaving).rejects.toThrow('gone');
    expect(loader.contexts[0]?.signal.aborted).toBe(false);
    loader.finish('value');
    expect(await staying).toBe('value');
  });

  test('one that comes after all have left waits for the load to end before it begins its own', async () => {
    const { cache } = lonely();
    const loader = new HandLoader<string>();
    const abort = new AbortController();
    const leaving = cache.getOrSet('k', loader.load, { signal: abort.signal });
    await loader.begun();
    abort.abort(new Error('gone'));
    await expect(leaving).rejects.toThrow('gone');
    const late = cache.getOrSet('k', loader.load);
    await settle();
    expect(loader.count).toBe(1);
    loader.fail(new Error('aborted'));
    await loader.begun(2);
    loader.finish('second');
    expect(await late).toBe('second');
  });

  test('one that comes after all have left gets the value of a load that did not heed its signal', async () => {
    const { cache } = lonely();
    const loader = new HandLoader<string>();
    const abort = new AbortController();
    const leaving = cache.getOrSet('k', loader.load, { signal: abort.signal });
    await loader.begun();
    abort.abort();
    await expect(leaving).rejects.toThrow();
    const late = cache.getOrSet('k', loader.load);
    loader.finish('first');
    expect(await late).toBe('first');
    expect(loader.count).toBe(1);
  });

  test('one whose signal is aborted beforehand rejects without a load', async () => {
    const { cache } = lonely();
    const loader = new HandLoader<string>();
    await expect(cache.getOrSet('k', loader.load, { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow(
      'no',
    );
    await expect(cache.get('k', { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
    expect(loader.count).toBe(0);
  });

  test('all leave while the node waits for another one’s load: no loader is run for nobody', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const holder = new HandLoader<string>();
    const loading = n1.cache.getOrSet('k', holder.load);
    await holder.begun();
    const loader = new HandLoader<string>();
    const abort = new AbortController();
    const leaving = n2.cache.getOrSet('k', loader.load, { signal: abort.signal });
    await settle();
    abort.abort(new Error('gone'));
    await expect(leaving).rejects.toThrow('gone');
    await settle();
    expect(n2.cache.stats().underWay.flights).toBe(0);
    holder.finish('value');
    expect(await loading).toBe('value');
    await settle();
    expect(loader.count).toBe(0);
  });
});

describe('strange loaders (17)', () => {
  test('one that throws before it returns a promise', async () => {
    const node = await cluster().node();
    const load = () => {
      throw new Error('at once');
    };
    await expect(node.cache.getOrSet('k', load)).rejects.toThrow('at once');
    expect(await node.cache.getOrSet('k', () => 'next')).toBe('next');
  });

  test('one that returns a value, or a thenable', async () => {
    const { cache } = lonely();
    expect(await cache.getOrSet('value', () => 1)).toBe(1);
    const thenable: PromiseLike<number> = Promise.resolve(2);
    expect(await cache.getOrSet('thenable', () => thenable)).toBe(2);
  });

  test('one that never settles: callers can leave, and close() ends it', async () => {
    const { cache, clock } = lonely({ closeTimeout: 1000 });
    const loader = new HandLoader<string>();
    const waiting = cache.getOrSet('k', loader.load);
    waiting.catch(() => {});
    await loader.begun();
    const closing = cache.close();
    await settle();
    await clock.advance(1000);
    expect(loader.contexts[0]?.signal.aborted).toBe(true);
    await closing;
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_TIERWISE_CLOSED' });
    loader.fail(new Error('aborted'));
  });
});

describe('concurrent misses on two nodes (16)', () => {
  test('one load in the cluster, both get it; the other node is woken by the feed', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const loader = new HandLoader<string>();
    const one = n1.cache.getOrSet('k', loader.load);
    await loader.begun();
    const two = n2.cache.getOrSet('k', loader.load);
    await settle();
    const asked = n2.l2.count('acquire');
    loader.finish('value');
    expect(await Promise.all([one, two])).toEqual(['value', 'value']);
    expect(loader.count).toBe(1);
    expect(n2.l2.count('acquire')).toBe(asked);
    expect(n2.cache.stats().loads).toMatchObject({ started: 0, elsewhere: 1 });
  });

  test('a node whose miss was read just before the fill does not load a second time', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const read = n2.l2.hold('read', 'back');
    const two = n2.cache.getOrSet('k', () => 'second load');
    await read.arrived;
    n2.l2.holdNews();
    expect(await n1.cache.getOrSet('k', () => 'value')).toBe('value');
    read.release();
    expect(await two).toBe('value');
    n2.l2.releaseNews();
  });

  test.each(['rejects', 'skips'])('the holder’s loader %s: the waiting node loads at once', async (how) => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const loader = new HandLoader<string | undefined>();
    const one = n1.cache.getOrSet('k', loader.load).catch(() => 'failed');
    await loader.begun();
    const two = n2.cache.getOrSet('k', () => 'value');
    await settle();
    if (how === 'rejects') loader.fail(new Error('down'));
    else loader.finish(undefined);
    expect(await one).toBe(how === 'rejects' ? 'failed' : undefined);
    expect(await two).toBe('value');
  });

  test('the lease is given back between the answer "held" and the wait for it', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const loader = new HandLoader<string>();
    const one = n1.cache.getOrSet('k', loader.load).catch(() => 'failed');
    await loader.begun();
    const answer = n2.l2.hold('acquire', 'back');
    const two = n2.cache.getOrSet('k', () => 'value');
    await answer.arrived;
    loader.fail(new Error('down'));
    await one;
    await settle();
    answer.release();
    expect(await two).toBe('value');
  });

  test('the lease is granted, and revoked before the answer is here: no load is begun for nothing', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const answer = n2.l2.hold('acquire', 'back');
    const loader = new HandLoader<string>();
    const two = n2.cache.getOrSet('k', loader.load);
    await answer.arrived;
    await n1.cache.set('k', 'set');
    await settle();
    answer.release();
    expect(await two).toBe('set');
    expect(loader.count).toBe(0);
  });

  test('the holder dies: exactly one other takes over, within the lease’s time', async () => {
    const { node, clock } = cluster();
    const lease = { ttl: LEASE_MS };
    const [n1, n2, n3] = [await node({ lease }), await node({ lease }), await node({ lease })];
    const dead = new HandLoader<string>();
    const never = n1.cache.getOrSet('k', dead.load);
    await dead.begun();
    // Dead: nothing of it reaches L2 any more.
    const renewal = n1.l2.hold('renew', 'out');
    const loader = new HandLoader<string>();
    const both = [n2, n3].map(({ cache }) => cache.getOrSet('k', loader.load));
    await settle();
    await clock.advance(LEASE_MS - 1);
    expect(loader.count).toBe(0);
    await clock.advance(2);
    await loader.begun();
    await settle();
    expect(loader.count).toBe(1);
    loader.finish('taken over');
    expect(await Promise.all(both)).toEqual(['taken over', 'taken over']);
    expect(loader.count).toBe(1);
    // Back from the dead: its value is refused.
    dead.finish('old');
    renewal.fail(new Error('dead'));
    expect(await never).toBe('old');
    for (const { cache } of [n1, n2, n3]) expect(await cache.get('k')).toBe('taken over');
  });

  test('a load longer than its lease keeps it by renewal', async () => {
    const { node, clock } = cluster();
    const lease = { ttl: LEASE_MS };
    const [n1, n2] = [await node({ lease }), await node({ lease })];
    const loader = new HandLoader<string>();
    const one = n1.cache.getOrSet('k', loader.load);
    await loader.begun();
    const two = n2.cache.getOrSet('k', loader.load);
    for (let i = 0; i < 5; i += 1) await clock.advance(LEASE_MS);
    expect(loader.count).toBe(1);
    loader.finish('value');
    expect(await Promise.all([one, two])).toEqual(['value', 'value']);
    expect(loader.count).toBe(1);
  });

  test('a lease that ran out cannot fill', async () => {
    const { node, clock } = cluster();
    const n1 = await node({ lease: { ttl: LEASE_MS } });
    const renewal = n1.l2.hold('renew', 'out');
    const loader = new HandLoader<string>();
    const one = n1.cache.getOrSet('k', loader.load);
    await loader.begun();
    await clock.advance(LEASE_MS + 1);
    renewal.fail(new Error('too late'));
    loader.finish('old');
    expect(await one).toBe('old');
    expect(await n1.cache.get('k')).toBeUndefined();
  });

  test('waiting is bounded: past lease.wait a node loads for itself, and leaves L2 alone', async () => {
    const { node, clock } = cluster();
    const n1 = await node();
    const n2 = await node({ lease: { wait: 500 } });
    const holder = new HandLoader<string>();
    const one = n1.cache.getOrSet('k', holder.load);
    await holder.begun();
    const two = n2.cache.getOrSet('k', () => 'own');
    await settle();
    await clock.advance(500);
    expect(await two).toBe('own');
    expect(n2.cache.peek('k')).toBe('own');
    holder.finish('value');
    expect(await one).toBe('value');
    await settle();
    expect(await n2.cache.get('k')).toBe('value');
  });

  test('without a feed the waiting node asks again, and loads no second time', async () => {
    const { node, clock } = cluster();
    const [n1, n2] = [await node(), await node({ without: ['feed'] })];
    const loader = new HandLoader<string>();
    const one = n1.cache.getOrSet('k', loader.load);
    await loader.begun();
    const two = n2.cache.getOrSet('k', loader.load);
    await settle();
    loader.finish('value');
    await one;
    await clock.advance(500);
    expect(await two).toBe('value');
    expect(loader.count).toBe(1);
  });

  test('when L2 does not answer, a node loads for itself and does not fill L2', async () => {
    const { node } = cluster();
    const [n1, n2] = [await node(), await node()];
    const read = n1.l2.hold('read', 'out');
    const loading = n1.cache.getOrSet('k', () => 'own');
    await read.arrived;
    read.fail(new Error('down'));
    expect(await loading).toBe('own');
    expect(n1.cache.peek('k')).toBe('own');
    expect(await n2.cache.get('k')).toBeUndefined();
    expect(n1.cache.stats().l2).toMatchObject({ unanswered: 1 });
  });

  test('two nodes miss 50 keys at once, in batches: each key is loaded once', async () => {
    const { node } = cluster();
    const nodes = [await node(), await node()];
    const keys = Array.from({ length: 50 }, (_, n) => `k${n}`);
    const loaded: string[] = [];
    const load = async (missing: readonly string[]) => {
      loaded.push(...missing);
      await settle();
      return missing.map((key) => `value of ${key}`);
    };
    const answers = await Promise.all(nodes.map(({ cache }) => cache.getOrSetMany(keys, load)));
    for (const answer of answers) expect(answer).toEqual(keys.map((key) => `value of ${key}`));
    expect(loaded.toSorted()).toEqual(keys.toSorted());
  });
});
