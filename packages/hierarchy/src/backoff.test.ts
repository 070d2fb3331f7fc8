import { expect, test } from 'vitest';
import { ManualClock } from '../test/manual-clock.js';
import { Backoff } from './backoff.js';

const WAITS = { firstMs: 1_000, maxMs: 4_000 };

test('a key that nobody asks for any more is forgotten, and with it how often it failed', async () => {
  const clock = new ManualClock();
  const backoff = new Backoff(clock);
  backoff.failed('a', WAITS);
  await clock.advance(2_000);
  backoff.failed('b', WAITS);
  expect(backoff.size).toBe(1);
  backoff.failed('a', WAITS);
  await clock.advance(1_000);
  // The first wait again, not the second.
  expect(backoff.isResting('a')).toBe(false);
});

test('a key that fails each time it is asked for is not forgotten', async () => {
  const clock = new ManualClock();
  const backoff = new Backoff(clock);
  backoff.failed('a', WAITS);
  await clock.advance(1_000);
  backoff.failed('a', WAITS);
  await clock.advance(1_499);
  expect(backoff.isResting('a')).toBe(true);
});

test('so many keys are remembered, the latest ones', () => {
  const backoff = new Backoff(new ManualClock());
  for (let index = 0; index <= 10_000; index += 1) backoff.failed(`k${index}`, WAITS);
  expect(backoff.size).toBe(10_000);
  expect([backoff.isResting('k0'), backoff.isResting('k10000')]).toEqual([false, true]);
});
