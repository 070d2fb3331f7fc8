import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { type Deferred, deferred } from '../test/deferred.js';
import { Depot, type Dummy, Questions } from '../test/depot.js';
import { settled } from '../test/manual-clock.js';
import { PoolClosedError, PoolConnectError, PoolExhaustedError, PoolMisuseError, PoolTimeoutError } from './index.js';
import type { PoolEvent } from './observed.js';

describe('borrowing', () => {
  test('the connection that was used last is lent again, and a new one is made only if none is idle', async () => {
    const depot = new Depot();
    const pool = depot.pool({ max: 3 });
    const [a, b] = [await pool.acquire(), await pool.acquire()];
    pool.release(a);
    pool.release(b);
    expect(await pool.acquire()).toBe(b);
    expect(await pool.acquire()).toBe(a);
    expect(pool.stats()).toMatchObject({ size: 2, borrowed: 2, idle: 0, created: 2, hits: 2, misses: 2 });
  });

  test('never more than max, and those who wait are served in the order of their arrival', async () => {
    const depot = new Depot();
    const pool = depot.pool({ max: 2 });
    const held = [await pool.acquire(), await pool.acquire()];
    const order: number[] = [];
    const noted = (n: number) => (connection: Dummy) => {
      order.push(n);
      return connection;
    };
    const waiting = [0, 1, 2, 3].map((n) => pool.acquire().then(noted(n)));
    await settled();
    expect(pool.stats()).toMatchObject({ waiting: 4, borrowed: 2, size: 2 });
    for (const connection of held) pool.release(connection);
    await settled();
    expect(order).toEqual([0, 1]);
    for (const waiter of waiting.slice(0, 2)) pool.release(await waiter);
    await Promise.all(waiting);
    expect(order).toEqual([0, 1, 2, 3]);
    expect(depot.made.length).toBe(2);
  });

  test('who comes while others wait does not overtake them, though a connection becomes idle at that moment', async () => {
    const pool = new Depot().pool({ max: 1 });
    const held = await pool.acquire();
    const order: string[] = [];
    const first = pool.use(() => order.push('first'));
    pool.release(held);
    const second = pool.use(() => order.push('second'));
    await Promise.all([first, second]);
    expect(order).toEqual(['first', 'second']);
  });

  test('use gives back, whether the function answers, rejects or throws at once', async () => {
    const pool = new Depot().pool({ max: 1 });
    expect(await pool.use(async (it) => it.id)).toBe(0);
    await expect(pool.use(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    const throws = (): never => {
      throw new Error('at once');
    };
    await expect(pool.use(throws)).rejects.toThrow('at once');
    expect(pool.stats()).toMatchObject({ borrowed: 0, idle: 1, created: 1 });
  });

  test('a function of use that gives its connection back by itself does not take it from the next borrower', async () => {
    const pool = new Depot().pool({ max: 1 });
    const stay = deferred<void>();
    const early = pool.use((it) => {
      pool.release(it);
      return stay.promise;
    });
    const next = await pool.acquire();
    stay.resolve();
    await early;
    expect(pool.stats()).toMatchObject({ borrowed: 1, idle: 0 });
    pool.release(next);
  });

  test('what is not borrowed cannot be given back', async () => {
    const depot = new Depot();
    const pool = depot.pool();
    const connection = await pool.acquire();
    pool.release(connection);
    expect(() => pool.release(connection)).toThrow(PoolMisuseError);
    expect(() => pool.release({ ...connection })).toThrow(PoolMisuseError);
    expect(pool.stats()).toMatchObject({ borrowed: 0, idle: 1 });
  });

  test('a connection that is given back as unfit is ended', async () => {
    const depot = new Depot();
    const pool = depot.pool();
    pool.release(await pool.acquire(), { discard: true });
    await settled();
    expect(depot.made[0]?.ended).toBe(true);
    expect(pool.stats()).toMatchObject({ size: 0, destroyed: { discarded: 1 } });
  });
});

describe('waiting', () => {
  test('rejects after the time-out, and leaves no timer', async () => {
    const depot = new Depot();
    const pool = depot.pool({ max: 1, acquireTimeout: 100 });
    const held = await pool.acquire();
    const idleTimers = depot.clock.timers.length;
    const waiter = pool.acquire();
    const longer = pool.acquire({ timeout: 200 });
    const rejection = expect(waiter).rejects.toThrow(PoolTimeoutError);
    await depot.clock.advance(100);
    await rejection;
    expect(pool.stats()).toMatchObject({ waiting: 1, errors: { timeout: 1 } });
    pool.release(held);
    pool.release(await longer);
    expect(depot.clock.timers.length).toBe(idleTimers + 1); // when it will have been idle for too long
  });

  test('ends with its signal, leaves no listener, and whoever waited behind it moves up', async () => {
    const depot = new Depot();
    const pool = depot.pool({ max: 1 });
    const held = await pool.acquire();
    const abort = new AbortController();
    const cancelled = pool.acquire({ signal: abort.signal });
    const behind = pool.acquire();
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1);
    abort.abort(new Error('changed my mind'));
    // In the same turn: the one who left must not be given what comes back now.
    pool.release(held);
    await expect(cancelled).rejects.toThrow('changed my mind');
    expect(await behind).toBe(held);
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
    expect(pool.stats()).toMatchObject({ waiting: 0, borrowed: 1, errors: { aborted: 1 } });
  });

  test('a signal that is aborted already, and one that is aborted after the connection was lent', async () => {
    const pool = new Depot().pool({ max: 1 });
    await expect(pool.acquire({ signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
    const abort = new AbortController();
    const connection = await pool.acquire({ signal: abort.signal });
    abort.abort();
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
    expect(pool.stats().borrowed).toBe(1);
    pool.release(connection);
    await expect(pool.acquire({ signal: abort.signal })).rejects.toBe(abort.signal.reason);
    expect(pool.stats()).toMatchObject({ borrowed: 0, idle: 1 });
  });

  test('what is being made for somebody who left is kept for the next one', async () => {
    const depot = new Depot();
    const made = deferred<void>();
    const pool = depot.pool({ create: (context) => made.promise.then(() => depot.make(context)) });
    const abort = new AbortController();
    const cancelled = pool.acquire({ signal: abort.signal });
    abort.abort(new Error('left'));
    await expect(cancelled).rejects.toThrow('left');
    expect(pool.stats()).toMatchObject({ connecting: 1, size: 1 });
    made.resolve();
    await settled();
    expect(pool.stats()).toMatchObject({ connecting: 0, idle: 1, borrowed: 0 });
  });

  test('only so many may wait: the next is rejected at once', async () => {
    const pool = new Depot().pool({ max: 2, maxWaiting: 1 });
    // Those for whom a connection is being made do not count as waiting behind others.
    const held = await Promise.all([pool.acquire(), pool.acquire()]);
    const waiter = pool.acquire();
    await expect(pool.acquire()).rejects.toThrow(PoolExhaustedError);
    pool.release(held[0]);
    await waiter;
    expect(pool.stats()).toMatchObject({ waiting: 0, borrowed: 2, errors: { exhausted: 1 } });
  });

  test('with maxWaiting: 0, whatever can be made or is idle is still lent', async () => {
    const pool = new Depot().pool({ max: 2, maxWaiting: 0, validate: async () => true });
    const held = await Promise.all([pool.acquire(), pool.acquire()]);
    await expect(pool.acquire()).rejects.toThrow(PoolExhaustedError);
    for (const connection of held) pool.release(connection);
    await Promise.all([pool.acquire(), pool.acquire()]);
  });
});

describe('connections that cannot be made', () => {
  test('reject who waits, with the reason', async () => {
    const depot = new Depot();
    const pool = depot.pool({ max: 2 });
    depot.down = true;
    const results = await Promise.allSettled([1, 2, 3, 4].map(() => pool.acquire()));
    for (const result of results) {
      expect(result).toMatchObject({ status: 'rejected', reason: { cause: { message: 'the server is down' } } });
    }
    expect(pool.stats()).toMatchObject({ size: 0, waiting: 0, connecting: 0 });
    depot.down = false;
    await pool.acquire();
  });

  test('do not reject who will be served by another one that is on its way', async () => {
    const depot = new Depot();
    const makings: Deferred<Dummy>[] = [];
    const pool = depot.pool({
      max: 2,
      create: () => {
        const making = deferred<Dummy>();
        makings.push(making);
        return making.promise;
      },
    });
    const abort = new AbortController();
    const leaves = pool.acquire({ signal: abort.signal });
    const stays = pool.acquire();
    abort.abort(new Error('left'));
    await expect(leaves).rejects.toThrow('left');
    makings[0]?.reject(new Error('refused'));
    await settled();
    const second: Dummy = { id: 1, context: { signal: abort.signal, lost: () => {} }, ended: false };
    makings[1]?.resolve(second);
    expect(await stays).toBe(second);
  });

  test('that take too long are given up, and ended should they come later', async () => {
    const depot = new Depot();
    const late = deferred<Dummy>();
    let context: { readonly signal: AbortSignal } | undefined;
    const pool = depot.pool({
      connectTimeout: 50,
      create: (it) => {
        context = it;
        return late.promise;
      },
    });
    const waiter = expect(pool.acquire()).rejects.toThrow(PoolConnectError);
    await depot.clock.advance(50);
    await waiter;
    expect(context?.signal.aborted).toBe(true);
    const dummy: Dummy = { id: 7, context: { signal: AbortSignal.abort(), lost: () => {} }, ended: false };
    late.resolve(dummy);
    await settled();
    expect(dummy.ended).toBe(true);
    expect(pool.stats()).toMatchObject({ size: 0, created: 0 });
  });

  test('that are in the pool already are refused: one connection has one borrower', async () => {
    const pool = new Depot().pool({ create: () => the });
    const the: Dummy = new Depot().make({ signal: AbortSignal.abort(), lost: () => {} });
    const borrowed = await pool.acquire();
    await expect(pool.acquire()).rejects.toThrow('in the pool already');
    pool.release(borrowed);
    expect(pool.stats()).toMatchObject({ size: 1, idle: 1, created: 1 });
    expect(the.ended).toBe(false);
  });
});

describe('validation', () => {
  test('an invalid connection is ended, and the borrower gets the next one', async () => {
    const depot = new Depot();
    const unfit = new Set<number>();
    const pool = depot.pool({ max: 2, validate: (it) => !unfit.has(it.id) });
    const [a, b] = await Promise.all([pool.acquire(), pool.acquire()]);
    pool.release(a);
    pool.release(b);
    unfit.add(b.id);
    expect(await pool.acquire()).toBe(a);
    await settled();
    expect(b.ended).toBe(true);
    expect(pool.stats()).toMatchObject({ destroyed: { invalid: 1 }, errors: { validation: 1 }, size: 1 });
    unfit.add(a.id);
    pool.release(a);
    expect((await pool.acquire()).id).toBe(2);
  });

  test('those who wait are served in order, however long the validations take', async () => {
    const depot = new Depot();
    const questions = new Questions<boolean>();
    const pool = depot.pool({ max: 2, validate: questions.ask });
    const [a, b] = await Promise.all([pool.acquire(), pool.acquire()]);
    pool.release(a);
    pool.release(b);
    const order: string[] = [];
    const noted = (who: string) => (connection: Dummy) => {
      order.push(who);
      return connection;
    };
    const first = pool.acquire().then(noted('first'));
    const second = pool.acquire().then(noted('second'));
    await settled();
    expect(pool.stats()).toMatchObject({ checking: 2, waiting: 2 });
    await questions.answer(a.id, true);
    expect(order).toEqual(['first']);
    await questions.answer(b.id, true);
    expect([await first, await second]).toEqual([a, b]);
    expect(order).toEqual(['first', 'second']);
  });

  test('a connection under validation for somebody who leaves is kept', async () => {
    const depot = new Depot();
    const questions = new Questions<boolean>();
    const pool = depot.pool({ max: 1, validate: questions.ask });
    pool.release(await pool.acquire());
    const abort = new AbortController();
    const waiter = pool.acquire({ signal: abort.signal });
    await settled();
    abort.abort(new Error('left'));
    await expect(waiter).rejects.toThrow('left');
    await questions.answer(0, true);
    expect(pool.stats()).toMatchObject({ idle: 1, checking: 0, size: 1, created: 1 });
  });

  test('one that throws or takes too long counts as failed', async () => {
    const depot = new Depot();
    const questions = new Questions<boolean>();
    const pool = depot.pool({ max: 1, validate: questions.ask, checkTimeout: 20 });
    pool.release(await pool.acquire());
    const waiter = pool.acquire();
    await settled();
    const [asked] = questions.open;
    await depot.clock.advance(20);
    expect((await waiter).id).toBe(1);
    expect(asked?.signal.aborted).toBe(true);
    pool.release(await waiter);
    const next = pool.acquire();
    await settled();
    questions.open[1]?.fail(new Error('reset'));
    expect((await next).id).toBe(2);
    expect(pool.stats().destroyed.invalid).toBe(2);
  });

  test('with validateAfter, what was used a moment ago is lent without a question', async () => {
    const depot = new Depot();
    let asked = 0;
    const pool = depot.pool({ validateAfter: 100, validate: () => ++asked > 0 });
    pool.release(await pool.acquire());
    await depot.clock.advance(99);
    pool.release(await pool.acquire());
    expect(asked).toBe(0);
    await depot.clock.advance(100);
    pool.release(await pool.acquire());
    expect(asked).toBe(1);
  });
});

describe('a connection that ends by itself', () => {
  test('leaves at once if it is idle, and when it is given back if it is borrowed', async () => {
    const depot = new Depot();
    const pool = depot.pool({ max: 2 });
    const [a, b] = await Promise.all([pool.acquire(), pool.acquire()]);
    pool.release(a);
    a.context.lost(new Error('reset'));
    b.context.lost(new Error('reset'));
    b.context.lost(new Error('and closed')); // sockets say it twice
    await settled();
    expect(pool.stats()).toMatchObject({ idle: 0, borrowed: 1, size: 1, errors: { lost: 2 } });
    pool.release(b);
    await settled();
    expect(pool.stats()).toMatchObject({ borrowed: 0, size: 0, destroyed: { lost: 2 } });
    expect([a.ended, b.ended]).toEqual([true, true]);
  });

  test('is not lent though its validation said yes', async () => {
    const depot = new Depot();
    const questions = new Questions<boolean>();
    const pool = depot.pool({ max: 1, validate: questions.ask });
    const a = await pool.acquire();
    pool.release(a);
    const waiter = pool.acquire();
    await settled();
    a.context.lost();
    await questions.answer(0, true);
    expect((await waiter).id).toBe(1);
  });

  test('while it is being made counts as one that could not be made', async () => {
    const depot = new Depot();
    const pool = depot.pool({
      create: (context) => {
        context.lost(new Error('at once'));
        return depot.make(context);
      },
    });
    await expect(pool.acquire()).rejects.toThrow('at once');
    expect(depot.alive).toBe(0);
    expect(pool.stats()).toMatchObject({ size: 0, created: 0 });
  });
});

test('events say what the statistics count, and a listener that throws disturbs nobody', async () => {
  const depot = new Depot();
  const pool = depot.pool({ name: 'shop', max: 1, acquireTimeout: 10 });
  const heard: PoolEvent[] = [];
  pool.on(() => {
    throw new Error('bad listener');
  });
  const off = pool.on((event) => heard.push(event));
  const held = await pool.acquire();
  const waiter = expect(pool.acquire()).rejects.toThrow(PoolTimeoutError);
  await depot.clock.advance(10);
  await waiter;
  pool.release(held, { discard: true });
  expect(heard).toEqual([
    { type: 'created', pool: 'shop', ms: 0 },
    { type: 'acquired', pool: 'shop', hit: false, waitMs: 0 },
    { type: 'error', pool: 'shop', kind: 'timeout', error: expect.any(PoolTimeoutError) },
    { type: 'released', pool: 'shop', holdMs: 10 },
    { type: 'destroyed', pool: 'shop', reason: 'discarded' },
  ]);
  off();
  await pool.close();
  expect(heard).toHaveLength(5);
  expect(pool.stats().hold.max).toBe(10);
});

test('options that make no sense are refused', () => {
  const depot = new Depot();
  expect(() => depot.pool({ min: 5, max: 4 })).toThrow('min must not be above max');
  expect(() => depot.pool({ max: 0 })).toThrow('max must be a whole number from 1');
  expect(() => depot.pool({ acquireTimeout: Number.NaN })).toThrow('acquireTimeout');
  expect(() => depot.pool({ name: '' })).toThrow('name');
});

test('an error carries the name of its class, its code and the pool', async () => {
  const pool = new Depot().pool({ name: 'shop' });
  await pool.close();
  await expect(pool.acquire()).rejects.toMatchObject({
    name: 'PoolClosedError',
    code: 'ERR_TIERWISE_POOL_CLOSED',
    pool: 'shop',
    message: 'shop: is closed',
  });
  await expect(pool.acquire()).rejects.toThrow(PoolClosedError);
});
