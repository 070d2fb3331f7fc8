import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Depot } from '../test/depot.js';
import { settled } from '../test/manual-clock.js';
import { seeded } from '../test/seeded.js';

const CROWD = 10_000;

test.each([1, 2, 3])('10,000 who wait and of whom many leave end with exact counts (seed %i)', async (seed) => {
  const random = seeded(seed);
  const depot = new Depot();
  const pool = depot.pool({ max: 10, maxWaiting: CROWD, acquireTimeout: 1_000, maxLifetime: 1_000_000 });
  let held = 0;
  let peak = 0;
  const served: number[] = [];
  const outcomes = { done: 0, failed: 0, left: 0, late: 0 };
  const controllers: AbortController[] = [];
  const ends: (() => void)[] = [];
  const calls = Array.from({ length: CROWD }, async (_, n) => {
    const controller = new AbortController();
    controllers.push(controller);
    const timeout = random() < 0.1 ? 100 : 1_000;
    const call = pool.use(
      async (dummy) => {
        served.push(n);
        peak = Math.max(peak, ++held);
        expect(dummy.ended).toBe(false);
        if (random() < 0.05) dummy.context.lost(new Error('reset'));
        await new Promise<void>((resolve) => ends.push(resolve));
        held--;
        if (random() < 0.1) throw new Error('failed');
      },
      { signal: controller.signal, timeout },
    );
    await call.then(
      () => outcomes.done++,
      (error: Error) => {
        if (error.message === 'failed') outcomes.failed++;
        else if (error.message === 'left') outcomes.left++;
        else outcomes.late++;
      },
    );
  });
  await settled();
  for (let turn = 0; pool.stats().waiting > 0 || held > 0; turn++) {
    // Abort and give back in one turn, in any order: the interleaving that loses connections.
    for (let n = 0; n < 8; n++) {
      if (random() < 0.5) ends.splice(Math.floor(random() * ends.length), 1)[0]?.();
      if (random() < 0.5) controllers[Math.floor(random() * CROWD)]?.abort(new Error('left'));
    }
    if (turn % 10 === 9) await depot.clock.advance(1);
    else await settled();
  }
  await Promise.all(calls);
  const stats = pool.stats();
  expect(outcomes.done + outcomes.failed + outcomes.left + outcomes.late).toBe(CROWD);
  for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(100);
  expect(peak).toBe(10);
  expect(served).toEqual([...served].sort((a, b) => a - b));
  expect(stats).toMatchObject({ borrowed: 0, waiting: 0, connecting: 0, checking: 0, ending: 0 });
  expect(stats.hits + stats.misses).toBe(outcomes.done + outcomes.failed);
  expect(stats.hold.count).toBe(outcomes.done + outcomes.failed);
  expect(stats.errors).toMatchObject({ aborted: outcomes.left, timeout: outcomes.late });
  expect(stats.size).toBe(stats.idle);
  expect(stats.idle).toBe(depot.alive);
  expect(stats.created - stats.destroyed.lost).toBe(depot.alive);
  await pool.close();
  expect(depot.alive).toBe(0);
  expect(depot.clock.timers).toEqual([]);
});

test('whatever happens in whatever order, the parts of the pool add up and everything comes to rest', async () => {
  const step = fc.constantFrom(
    'acquire',
    'acquire',
    'release',
    'release',
    'discard',
    'abort',
    'lose',
    'pass',
    'down',
    'up',
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(step, fc.nat(20)), { maxLength: 60 }), async (steps) => {
      const depot = new Depot();
      let questions = 0;
      const pool = depot.pool({
        max: 3,
        min: 1,
        maxWaiting: 4,
        acquireTimeout: 50,
        idleTimeout: 300,
        maxLifetime: 2_000,
        healthCheckInterval: 40,
        validate: async () => questions++ % 7 !== 3,
      });
      const held: Awaited<ReturnType<typeof pool.acquire>>[] = [];
      const calls: { controller: AbortController; done: Promise<void> }[] = [];
      for (const [what, n] of steps) {
        if (what === 'acquire') {
          const controller = new AbortController();
          const got = pool.acquire({ signal: controller.signal });
          calls.push({ controller, done: got.then((it) => void held.push(it)).catch(() => {}) });
        } else if (what === 'release' || what === 'discard') {
          const [it] = held.splice(n % Math.max(held.length, 1), 1);
          if (it) pool.release(it, { discard: what === 'discard' });
        } else if (what === 'abort') calls[n % Math.max(calls.length, 1)]?.controller.abort();
        else if (what === 'lose') depot.made[n % Math.max(depot.made.length, 1)]?.context.lost();
        else if (what === 'pass') await depot.clock.advance(n * 3);
        else depot.down = what === 'down';
        const { size, idle, borrowed, connecting, checking, ending } = pool.stats();
        expect(idle + borrowed + connecting + checking + ending).toBe(size);
        expect(size).toBeLessThanOrEqual(3);
        expect(depot.alive).toBeLessThanOrEqual(3);
      }
      await depot.clock.advance(100);
      await Promise.all(calls.map((call) => call.done));
      for (const it of held) pool.release(it);
      await pool.close();
      const stats = pool.stats();
      expect(stats).toMatchObject({ size: 0, borrowed: 0, waiting: 0 });
      const destroyed = Object.values(stats.destroyed).reduce((sum, count) => sum + count, 0);
      expect(destroyed).toBe(stats.created);
      expect(depot.alive).toBe(0);
      expect(depot.clock.timers).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
