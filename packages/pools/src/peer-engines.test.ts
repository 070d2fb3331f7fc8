/**
 * What kept pool engines do where our issue demands something of them: the reasons for ADR 6. Each test says what the engine does *not*
 * give; should one of them fail after an update, the decision may be looked at again.
 */
import { createPool } from 'generic-pool';
import { Pool } from 'tarn';
import { expect, test } from 'vitest';
import { deferred } from '../test/deferred.js';
import { settled } from '../test/manual-clock.js';
import { ConnectionPool } from './index.js';

interface Numbered {
  readonly id: number;
}

const UNREACHED_MS = 100_000;

/** Both connections idle, validation of number 0 held: two ask, and the answer for the other one comes first. */
interface Scene {
  readonly order: string[];
  /** Lets the validation end. */
  readonly finish: () => Promise<void>;
}

async function scene(
  make: (validate: (it: Numbered) => boolean | Promise<boolean>) => {
    acquire: () => Promise<Numbered>;
    release: (it: Numbered) => unknown;
  },
): Promise<Scene> {
  const held = deferred<boolean>();
  let holding = false;
  const { acquire, release } = make((it) => (holding && it.id === 1 ? held.promise : true));
  const both = await Promise.all([acquire(), acquire()]);
  for (const it of both.sort((a, b) => a.id - b.id)) await release(it);
  holding = true;
  const order: string[] = [];
  // The connection that was given back last is the one that is lent first: whoever asks first meets the held validation.
  void acquire().then(() => order.push('first'));
  void acquire().then(() => order.push('second'));
  await settled();
  return {
    order,
    finish: async () => {
      held.resolve(true);
      await settled();
    },
  };
}

function numbered(): () => Promise<Numbered> {
  let next = 0;
  return async () => ({ id: next++ });
}

test('ours: a slow validation does not let the second overtake the first', async () => {
  const { order, finish } = await scene((validate) => {
    const pool = new ConnectionPool<Numbered>({ create: numbered(), max: 2, validate });
    return { acquire: () => pool.acquire(), release: (it) => pool.release(it) };
  });
  await finish();
  expect(order).toEqual(['first', 'second']);
});

test('tarn: whoever meets a slow validation is overtaken', async () => {
  const { order, finish } = await scene((validate) => {
    const pool = new Pool<Numbered>({
      create: numbered(),
      destroy: () => {},
      validate: validate as (it: Numbered) => boolean,
      min: 0,
      max: 2,
      acquireTimeoutMillis: UNREACHED_MS,
    });
    return { acquire: () => pool.acquire().promise, release: (it) => pool.release(it) };
  });
  await finish();
  expect(order).toEqual(['second', 'first']);
});

test('tarn: a healthy connection is destroyed when the one for whom it is validated leaves; ours is kept (pool.test.ts)', async () => {
  const held = deferred<boolean>();
  const destroyed: Numbered[] = [];
  let holding = false;
  const pool = new Pool<Numbered>({
    create: numbered(),
    destroy: (it) => void destroyed.push(it),
    validate: (() => (holding ? held.promise : true)) as () => boolean,
    min: 0,
    max: 1,
    acquireTimeoutMillis: UNREACHED_MS,
  });
  pool.release(await pool.acquire().promise);
  holding = true;
  const waiter = pool.acquire();
  const rejected = waiter.promise.catch(() => 'rejected');
  await settled();
  waiter.abort();
  expect(await rejected).toBe('rejected');
  await settled();
  expect(destroyed).toEqual([{ id: 0 }]);
});

test('generic-pool: who waits cannot leave, so that a connection is made and lent for nobody', () => {
  const pool = createPool({ create: numbered(), destroy: async () => {} });
  const request = pool.acquire();
  expect(Object.keys(request).filter((name) => /abort|cancel/i.test(name))).toEqual([]);
  expect(pool.acquire.length).toBeLessThanOrEqual(1); // a priority, no signal
});
