import { describe, expect, test } from 'vitest';
import { deferred } from '../test/deferred.js';
import { Depot, type Dummy, Questions } from '../test/depot.js';
import { settled } from '../test/manual-clock.js';
import { PoolClosedError, PoolConnectError } from './index.js';
import type { ConnectionPool } from './pool.js';

async function borrow(pool: ConnectionPool<Dummy>, count: number): Promise<Dummy[]> {
  return Promise.all(Array.from({ length: count }, () => pool.acquire()));
}

function giveBack(pool: ConnectionPool<Dummy>, all: readonly Dummy[]): void {
  for (const connection of all) pool.release(connection);
}

describe('idle connections', () => {
  test('go after idleTimeout, but not below min; those used least go first', async () => {
    const depot = new Depot();
    const pool = depot.pool({ min: 1, max: 3, idleTimeout: 100 });
    giveBack(pool, await borrow(pool, 3));
    await depot.clock.advance(60);
    giveBack(pool, await borrow(pool, 1));
    await depot.clock.advance(40);
    expect(depot.made.map((it) => it.ended)).toEqual([true, true, false]);
    await depot.clock.advance(1_000);
    expect(pool.stats()).toMatchObject({ idle: 1, destroyed: { idle: 2 } });
  });

  test('grow old: each goes within maxLifetime, and not all at once', async () => {
    const depot = new Depot();
    const chances = [0, 0.5];
    Object.assign(depot.clock, { random: () => chances.shift() ?? 0 });
    const pool = depot.pool({
      max: 2,
      maxLifetime: 1_000,
      idleTimeout: 10_000,
    });
    giveBack(pool, await borrow(pool, 2));
    await depot.clock.advance(949);
    expect(depot.alive).toBe(2);
    await depot.clock.advance(1);
    expect(depot.alive).toBe(1);
    await depot.clock.advance(50);
    expect(pool.stats()).toMatchObject({ size: 0, destroyed: { lifetime: 2 } });
  });

  test('that became too old while borrowed go when they are given back', async () => {
    const depot = new Depot();
    const pool = depot.pool({ maxLifetime: 1_000 });
    const [connection] = await borrow(pool, 1);
    await depot.clock.advance(1_000);
    giveBack(pool, connection ? [connection] : []);
    await settled();
    expect(pool.stats()).toMatchObject({ size: 0, destroyed: { lifetime: 1 } });
  });

  test('no timer is set in a pool that has none', async () => {
    const depot = new Depot();
    const pool = depot.pool({ idleTimeout: 100, healthCheckInterval: 50, check: () => true });
    giveBack(pool, await borrow(pool, 2));
    expect(depot.clock.timers.length).toBeGreaterThan(0);
    await depot.clock.advance(300);
    expect(depot.clock.timers).toEqual([]);
  });
});

describe('health checks', () => {
  test('a failing connection leaves, though nobody borrows; the others are asked again and again', async () => {
    const depot = new Depot();
    const sick = new Set<number>();
    const asked: number[] = [];
    const pool = depot.pool({
      max: 3,
      healthCheckInterval: 1_000,
      check: (it) => {
        asked.push(it.id);
        if (sick.has(it.id)) throw new Error('no answer');
        return true;
      },
    });
    giveBack(pool, await borrow(pool, 3));
    await depot.clock.advance(999);
    expect(asked).toEqual([]);
    sick.add(1);
    await depot.clock.advance(1);
    expect(asked).toEqual([0, 1, 2]);
    expect(pool.stats()).toMatchObject({ idle: 2, destroyed: { unhealthy: 1 }, errors: { health: 1 } });
    await depot.clock.advance(1_000);
    expect(asked).toEqual([0, 1, 2, 0, 2]);
  });

  test('come at times that differ by chance, by a quarter at most', async () => {
    for (const [chance, due] of [
      [0, 750],
      [0.999_999, 1_250],
    ] as const) {
      const depot = new Depot();
      Object.assign(depot.clock, { random: () => chance });
      const pool = depot.pool({ healthCheckInterval: 1_000, check: () => true });
      giveBack(pool, await borrow(pool, 1));
      expect(depot.clock.timers[0]).toBeCloseTo(due, 1);
    }
  });

  test('one at a time; who comes meanwhile gets another, or waits for the check', async () => {
    const depot = new Depot();
    const questions = new Questions<boolean>();
    const pool = depot.pool({ max: 2, healthCheckInterval: 1_000, check: questions.ask });
    giveBack(pool, await borrow(pool, 2));
    await depot.clock.advance(1_000);
    expect(questions.open.map((it) => it.dummy.id)).toEqual([0]);
    expect((await pool.acquire()).id).toBe(1);
    const waiter = pool.acquire();
    await questions.answer(0, true);
    expect((await waiter).id).toBe(0);
    expect(pool.stats()).toMatchObject({ created: 2, checking: 0 });
  });

  test('do not make a connection younger: it still goes after idleTimeout', async () => {
    const depot = new Depot();
    const pool = depot.pool({ idleTimeout: 1_500, healthCheckInterval: 1_000, check: async () => true });
    giveBack(pool, await borrow(pool, 1));
    await depot.clock.advance(1_500);
    expect(pool.stats()).toMatchObject({ size: 0, destroyed: { idle: 1 } });
  });
});

describe('min', () => {
  test('warmUp makes as many', async () => {
    const depot = new Depot();
    const pool = depot.pool({ min: 3 });
    await settled();
    expect(depot.made).toEqual([]);
    await pool.warmUp();
    await pool.warmUp();
    expect(pool.stats()).toMatchObject({ idle: 3, created: 3 });
  });

  test('warmUp says what went wrong', async () => {
    const depot = new Depot();
    depot.down = true;
    await expect(depot.pool({ min: 2 }).warmUp()).rejects.toThrow(PoolConnectError);
  });

  test('what is lost is made anew; a server that ends each at once is not besieged, and one that is down is tried again', async () => {
    const depot = new Depot();
    const pool = depot.pool({ min: 2, max: 4 });
    await pool.warmUp();
    for (const dummy of depot.made) dummy.context.lost();
    await depot.clock.advance(0);
    expect(pool.stats()).toMatchObject({ idle: 2, created: 4 });
    for (const dummy of depot.made) dummy.context.lost();
    await depot.clock.advance(999);
    expect(pool.stats()).toMatchObject({ idle: 0, created: 4 });
    depot.down = true;
    await depot.clock.advance(10_000);
    const failed = pool.stats().errors.connect;
    expect(failed).toBeGreaterThanOrEqual(18);
    expect(failed).toBeLessThanOrEqual(22);
    depot.down = false;
    await depot.clock.advance(1_000);
    expect(pool.stats()).toMatchObject({ idle: 2 });
  });
});

describe('the end', () => {
  test('drain lends nothing new, serves who waits, and answers whether everything came back', async () => {
    const depot = new Depot();
    const pool = depot.pool({ max: 1 });
    const held = await pool.acquire();
    const waiter = pool.acquire();
    const drained = pool.drain(1_000);
    await expect(pool.acquire()).rejects.toThrow(PoolClosedError);
    await expect(pool.warmUp()).rejects.toThrow(PoolClosedError);
    pool.release(held);
    pool.release(await waiter);
    expect(await drained).toBe(true);
    await settled();
    expect(depot.alive).toBe(0);
    expect(pool.stats()).toMatchObject({ size: 0, destroyed: { closed: 1 } });
    expect(depot.clock.timers).toEqual([]);
  });

  test('close ends what is still borrowed at the deadline, and rejects who waits', async () => {
    const depot = new Depot();
    const pool = depot.pool({ max: 1 });
    const states: string[] = [];
    pool.on((event) => states.push(event.type === 'destroyed' ? event.reason : event.type));
    const stay = deferred<void>();
    const using = pool.use(() => stay.promise);
    await settled();
    const waiter = expect(pool.acquire()).rejects.toThrow(PoolClosedError);
    const closed = pool.close({ deadline: 100 });
    expect(pool.close()).toBe(closed);
    await depot.clock.advance(99);
    expect(depot.alive).toBe(1);
    await depot.clock.advance(1);
    await Promise.all([closed, waiter]);
    expect(depot.alive).toBe(0);
    stay.resolve();
    await using; // comes too late, but is no mistake
    expect(pool.stats()).toMatchObject({ size: 0, borrowed: 0, waiting: 0, destroyed: { abandoned: 1 } });
    expect(states.slice(-4)).toEqual(['draining', 'error', 'abandoned', 'closed']);
    expect(depot.clock.timers).toEqual([]);
  });

  test('close gives up what is being made, and ends it should it come later', async () => {
    const depot = new Depot();
    const making = deferred<void>();
    const pool = depot.pool({ create: (context) => making.promise.then(() => depot.make(context)) });
    const waiter = expect(pool.acquire()).rejects.toThrow(PoolClosedError);
    await Promise.all([pool.close({ deadline: 0 }), depot.clock.advance(0)]);
    await waiter;
    making.resolve();
    await settled();
    expect(depot.made.map((it) => it.ended)).toEqual([true]);
    expect(pool.stats().size).toBe(0);
  });

  test('close gives up a warm-up that is under way, with the reason, and nothing comes after it', async () => {
    const depot = new Depot();
    const making = deferred<void>();
    const pool = depot.pool({ min: 3, create: (context) => making.promise.then(() => depot.make(context)) });
    const warming = pool.warmUp().catch((error) => error);
    await Promise.all([pool.close({ deadline: 0 }), depot.clock.advance(0)]);
    expect(await warming).toBeInstanceOf(PoolConnectError);
    expect((await warming).cause).toBeInstanceOf(PoolClosedError);
    making.resolve();
    await depot.clock.advance(10_000);
    expect(depot.made.map((it) => it.ended)).toEqual([true, true, true]);
    expect(pool.stats()).toMatchObject({ size: 0, created: 0 });
    expect(depot.clock.timers).toEqual([]);
  });

  test('a connection whose health check is under way when the pool closes goes as well', async () => {
    const depot = new Depot();
    const questions = new Questions<boolean>();
    const pool = depot.pool({ check: questions.ask, healthCheckInterval: 100 });
    pool.release(await pool.acquire());
    await depot.clock.advance(100);
    const closing = pool.close({ deadline: 0 });
    await depot.clock.advance(0);
    await questions.answer(0, true);
    await closing;
    expect(pool.stats()).toMatchObject({ size: 0, destroyed: { closed: 1 } });
    expect(depot.clock.timers).toEqual([]);
  });

  test('a connection whose ending hangs or throws does not hold up the others for longer than destroyTimeout', async () => {
    const depot = new Depot();
    const pool = depot.pool({ max: 1, destroyTimeout: 50, destroy: () => new Promise(() => {}) });
    pool.release(await pool.acquire(), { discard: true });
    const waiter = pool.acquire();
    await settled();
    expect(pool.stats()).toMatchObject({ ending: 1, waiting: 1, size: 1 }); // it may still be open
    await depot.clock.advance(50);
    expect((await waiter).id).toBe(1);
    expect(pool.stats().errors.destroy).toBe(1);
  });
});
