import { L2ClosedError, L2TimeoutError, L2UnavailableError } from '@tierwise/l2';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Calls } from './calls.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** Replies that come when the test says so. */
function replies(count: number): { promise: Promise<number>; come: () => void }[] {
  return Array.from({ length: count }, (_, i) => {
    const { promise, resolve } = withResolvers<number>();
    return { promise, come: () => resolve(i) };
  });
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

test('a call of several commands gets its time anew with each answer', async () => {
  const calls = new Calls(100);
  const sent = replies(3);
  const call = calls.run('read', undefined, (answered) => Promise.all(sent.map(({ promise }) => answered(promise))));
  for (const { come } of sent) {
    await vi.advanceTimersByTimeAsync(99);
    come();
  }
  expect(await call).toEqual([0, 1, 2]);
  expect(vi.getTimerCount()).toBe(0);
});

test('the limit counts from the last answer', async () => {
  const calls = new Calls(100);
  const sent = replies(2);
  const call = calls.run('read', undefined, (answered) => Promise.all(sent.map(({ promise }) => answered(promise))));
  const outcome = expect(call).rejects.toBeInstanceOf(L2TimeoutError);
  await vi.advanceTimersByTimeAsync(60);
  sent[0]?.come();
  await vi.advanceTimersByTimeAsync(101);
  await outcome;
});

test('a call is never given up before the deadline that Redis was told, not by a fraction of a millisecond', async () => {
  vi.useRealTimers();
  const calls = new Calls(3);
  for (let tries = 0; tries < 50; tries += 1) {
    let deadline = 0;
    const call = calls.run('write', undefined, (answered) => {
      deadline = answered.deadline;
      return new Promise(() => {});
    });
    await expect(call).rejects.toBeInstanceOf(L2TimeoutError);
    expect(performance.now()).toBeGreaterThanOrEqual(deadline);
  }
});

test('a call that was given up takes no further step', async () => {
  const calls = new Calls(100);
  const sent = replies(1);
  const controller = new AbortController();
  let steps = 0;
  const call = calls.run('purge', controller, async (answered) => {
    await answered(sent[0]?.promise ?? Promise.resolve(0));
    steps += 1;
  });
  controller.abort('enough');
  await expect(call).rejects.toBe('enough');
  sent[0]?.come();
  await vi.advanceTimersByTimeAsync(1);
  expect(steps).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test('a signal that outlives many calls is not held on to by them', async () => {
  const calls = new Calls(100);
  const { signal } = new AbortController();
  const [add, remove] = [vi.spyOn(signal, 'addEventListener'), vi.spyOn(signal, 'removeEventListener')];
  await calls.run('read', { signal }, async () => 1);
  await calls.run('read', { signal }, () => Promise.reject(new Error('no'))).catch(() => {});
  expect(add.mock.calls.map(([, listener]) => listener)).toEqual(remove.mock.calls.map(([, listener]) => listener));
  expect(add).toHaveBeenCalledTimes(2);
});

test('work that throws at once is a call that rejects, and leaves no timer', async () => {
  const calls = new Calls(100);
  const call = calls.run('read', undefined, () => {
    throw new Error('at once');
  });
  await expect(call).rejects.toThrow(L2UnavailableError);
  expect(vi.getTimerCount()).toBe(0);
});

test('close rejects what is under way, and everything after', async () => {
  const calls = new Calls(100);
  calls.open();
  const call = calls.run('read', undefined, () => new Promise(() => {}));
  calls.close();
  await expect(call).rejects.toBeInstanceOf(L2ClosedError);
  expect(() => calls.enter(undefined)).toThrow(L2ClosedError);
  calls.open();
  expect(() => calls.enter(undefined)).toThrow(L2ClosedError);
  expect(vi.getTimerCount()).toBe(0);
});
