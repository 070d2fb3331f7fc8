import { expect, test, vi } from 'vitest';
import { Call } from './call.js';

const never = () => new Promise<never>(() => {});

test('a call ends by its signal at once, with the reason of that', async () => {
  const controller = new AbortController();
  const running = new Call().run('read', 60_000, controller.signal, never);
  controller.abort(new Error('the user left'));
  await expect(running).rejects.toThrow('the user left');
});

test('a call whose signal is aborted beforehand does not begin', async () => {
  const work = vi.fn(never);
  await expect(new Call().run('read', 60_000, AbortSignal.abort(new Error('early')), work)).rejects.toThrow('early');
  expect(work).not.toHaveBeenCalled();
});

test('a call ends at its limit; what it does later, its rejection included, is nobody’s concern', async () => {
  let fail = (_error: Error) => {};
  const running = new Call().run('write', 1, undefined, (call) => {
    return new Promise<never>((_resolve, reject) => {
      fail = (error) => {
        expect(() => call.check()).toThrow();
        reject(error);
      };
    });
  });
  await expect(running).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_TIMEOUT', limitMs: 1 });
  // vitest fails the run over an unhandled rejection.
  fail(new Error('too late'));
  await new Promise((resolve) => setImmediate(resolve));
});

test('a call that is done has left no listener and no timer behind', async () => {
  const controller = new AbortController();
  const remove = vi.spyOn(controller.signal, 'removeEventListener');
  vi.useFakeTimers();
  expect(await new Call().run('read', 60_000, controller.signal, async (call) => call.check())).toBe(undefined);
  expect(remove).toHaveBeenCalledOnce();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});
