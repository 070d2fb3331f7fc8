import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { memoryL2 } from '@tierwise/l2/memory';
import { describe, expect, test } from 'vitest';
import { HeldL2 } from '../test/held-l2.js';
import { ManualClock, settle } from '../test/manual-clock.js';
import { cluster, HandLoader, lonely } from '../test/nodes.js';
import { type Cache, createHierarchy } from './index.js';

const CALLS: [string, (cache: Cache) => unknown][] = [
  ['get', (cache) => cache.get('k')],
  ['getMany', (cache) => cache.getMany(['k'])],
  ['has', (cache) => cache.has('k')],
  ['peek', async (cache) => cache.peek('k')],
  ['getEntry', (cache) => cache.getEntry('k')],
  ['getOrSet', (cache) => cache.getOrSet('k', () => 1)],
  ['getOrSetMany', (cache) => cache.getOrSetMany(['k'], () => [1])],
  ['refresh', (cache) => cache.refresh('k', () => 1)],
  ['wrap', (cache) => cache.wrap(() => 1, { key: () => 'k' })()],
  ['define', (cache) => cache.define({ key: () => 'k', load: () => 1 }).get(1)],
  ['set', (cache) => cache.set('k', 1)],
  ['setMany', (cache) => cache.setMany([['k', 1]])],
  ['delete', (cache) => cache.delete('k')],
  ['deleteMany', (cache) => cache.deleteMany(['k'])],
  ['expire', (cache) => cache.expire('k')],
  ['touch', (cache) => cache.touch('k')],
  ['invalidateTags', (cache) => cache.invalidateTags(['t'])],
  ['clear', (cache) => cache.clear()],
  ['purge', (cache) => cache.purge()],
];

describe('close (45)', () => {
  test.each(CALLS)('afterwards %s rejects, and neither asks L2 nor calls a loader', async (_, call) => {
    const { cache, l2 } = await cluster().node();
    await cache.set('k', 'v');
    const child = cache.namespace('child');
    await cache.close();
    l2.calls.length = 0;
    const refusal = { name: 'HierarchyClosedError', code: 'ERR_TIERWISE_CLOSED' };
    for (const handle of [cache, child]) await expect((async () => call(handle))()).rejects.toMatchObject(refusal);
    expect(l2.calls).toEqual([]);
    await expect(cache.ready()).rejects.toMatchObject(refusal);
    expect(cache.stats().loads.started).toBe(0);
  });

  test('twice, and twice at once, is fine', async () => {
    const { cache } = await cluster().node();
    const closing = cache.close();
    expect(cache.close()).toBe(closing);
    await closing;
    await cache.close();
  });

  test('waits for loads and writes under way, whose callers get what they asked for', async () => {
    const { node } = cluster();
    const [closing, other] = [await node(), await node()];
    const loader = new HandLoader<string>();
    const load = closing.cache.getOrSet('loaded', loader.load);
    await loader.begun();
    const held = closing.l2.hold('write');
    const write = closing.cache.set('set', 'v');
    await held.arrived;
    let closed = false;
    const close = closing.cache.close().then(() => {
      closed = true;
    });
    await settle();
    expect(closed).toBe(false);
    held.release();
    await write;
    await settle();
    expect(closed).toBe(false);
    loader.finish('v');
    expect(await load).toBe('v');
    await close;
    expect(await other.cache.getMany(['loaded', 'set'])).toEqual(['v', 'v']);
  });

  test('aborts loaders that are not done after closeTimeout, and does not wait for those that ignore it', async () => {
    const { cache, clock } = await cluster().node({ closeTimeout: '3s' });
    const loader = new HandLoader<string>();
    const heeds = cache.getOrSet(
      'heeds',
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        }),
    );
    const ignores = cache.getOrSet('ignores', loader.load);
    const refused = Promise.all(
      [heeds, ignores].map((call) => expect(call).rejects.toMatchObject({ code: 'ERR_TIERWISE_CLOSED' })),
    );
    await loader.begun();
    let closed = false;
    const close = cache.close().then(() => {
      closed = true;
    });
    await clock.advance(2_999);
    expect([closed, loader.contexts[0]?.signal.aborted]).toEqual([false, false]);
    await clock.advance(1);
    await close;
    await refused;
    expect(loader.contexts[0]?.signal.aborted).toBe(true);
    // What comes of it is nobody's business any more.
    loader.finish('late');
    await settle();
  });

  test('before L2 has opened: ends all the same', async () => {
    const [l2, clock] = [new HeldL2(memoryL2()), new ManualClock()];
    const held = l2.hold('open');
    const cache = createHierarchy({ namespace: 'test', l2, clock });
    await cache.close();
    expect(clock.timers).toBe(0);
    held.release();
    await settle();
    expect(clock.timers).toBe(0);
  });
});

describe('quiet (law 12)', () => {
  test('an empty hierarchy has no timer, with an L2 or without; one that holds something that expires has one, and one more to notice that the process stood still', async () => {
    for (const [timers, { cache, clock }] of [[1, lonely()] as const, [2, await cluster().node()] as const]) {
      await settle();
      expect(clock.timers).toBe(0);
      await cache.get('k');
      await cache.getOrSet('k', () => 1, { ttl: 0 });
      await expect(cache.getOrSet('k', () => Promise.reject(new Error('down')))).rejects.toThrow('down');
      await settle();
      expect(clock.timers).toBe(0);
      await cache.setMany([
        ['a', 1],
        ['b', 2],
      ]);
      expect(clock.timers).toBe(timers);
      await cache.deleteMany(['a', 'b']);
      await clock.advance(120_000);
      expect(clock.timers).toBe(0);
    }
  });

  test('the clean-up looks in at most every 5 s', async () => {
    const { cache, clock } = lonely({ ttl: '1h' });
    await cache.set('k', 1);
    let ticks = 0;
    const setTimer = clock.setTimer.bind(clock);
    clock.setTimer = (task, ms) => {
      expect(ms).toBeGreaterThanOrEqual(5_000);
      ticks += 1;
      return setTimer(task, ms);
    };
    await clock.advance(600_000);
    expect(ticks).toBeGreaterThan(0);
    expect(ticks).toBeLessThanOrEqual(120);
  });
});

describe('a process of its own (law 12)', () => {
  test('on L1 alone ends by itself, closed or not, though it holds values', async () => {
    const code = (end: string) => `
      import { createHierarchy } from '@tierwise/hierarchy';
      const cache = createHierarchy({ namespace: 'shop', ttl: '1h' });
      await cache.getOrSet('k', () => 'v', { tags: ['t'] });
      await cache.namespace('child').set('k', 1);
      ${end}
      console.log('done');
    `;
    expect(await run(code(''))).toBe('done');
    expect(await run(code('await cache.close();'))).toBe('done');
  });

  test('on an L2 in memory likewise', async () => {
    const code = `
      import { createHierarchy } from '@tierwise/hierarchy';
      import { memoryL2 } from '@tierwise/l2/memory';
      const cache = createHierarchy({ namespace: 'shop', l2: memoryL2() });
      console.log(await cache.getOrSet('k', () => 'v'));
    `;
    expect(await run(code)).toBe('v');
  });

  test('sees no unhandled rejection, whatever fails while nobody waits any more', async () => {
    const code = `
      import { createHierarchy } from '@tierwise/hierarchy';
      import { memoryL2 } from '@tierwise/l2/memory';
      const down = async () => { throw new Error('L2 is down'); };
      const calls = ['open', 'read', 'write', 'delete', 'expire', 'touch', 'purge'];
      const leases = { acquire: down, renew: down, release: down };
      const time = { marks: down, advance: down };
      const broken = Object.fromEntries(calls.map((call) => [call, down]));
      for (const parts of [{}, { feed: { follow: down }, time, leases }, broken, { ...broken, leases, time }]) {
        const inner = memoryL2();
        const l2 = { name: 'broken', health: down, close: () => inner.close(), leases: inner.leases, time: inner.time, feed: inner.feed };
        for (const call of calls) l2[call] = inner[call].bind(inner);
        const cache = createHierarchy({ namespace: 'shop', l2: { ...l2, ...parts }, l2Timeout: '50ms', closeTimeout: '50ms' });
        const gone = new AbortController();
        const { signal } = gone;
        const failing = () => new Promise((_, reject) => setTimeout(reject, 5, new Error('source')));
        const calling = [
          cache.getOrSet('a', failing, { signal }),
          cache.getOrSetMany(['a', 'b'], failing, { signal, tags: ['t'] }),
          cache.refresh('c', failing, { signal }),
          cache.get('d', { signal }),
          cache.set('e', 1, { tags: ['t'] }),
          cache.set('f', () => 1),
          cache.getOrSet('g', () => Symbol('no value')),
          cache.getOrSet('h', (context) => { throw new Error('at once'); }),
          cache.delete('e'), cache.expire('e'), cache.touch('e'), cache.invalidateTags(['t']), cache.clear(), cache.ready(),
        ];
        setTimeout(() => gone.abort(), 1);
        await Promise.allSettled(calling);
        cache.getOrSet('late', failing).catch(() => {});
        await cache.close();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      console.log('quiet');
    `;
    expect(await run(code)).toBe('quiet');
  });
});

/** Runs a program in this package's folder. Fails unless the process ends by itself, with code 0 and without a complaint. */
async function run(code: string): Promise<string> {
  const node = ['--unhandled-rejections=strict', '--input-type=module', '--eval', code];
  const cwd = join(import.meta.dirname, '..');
  const { stdout, stderr } = await promisify(execFile)(process.execPath, node, {
    cwd,
    timeout: 15_000,
    // What goes wrong on purpose is not to be reported here.
    env: { ...process.env, INCIDENT_RESPONSE_ENABLED: 'false' },
  });
  expect(stderr).toBe('');
  return stdout.trim();
}
