import { EventEmitter } from 'node:events';
import type { FSWatcher } from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Doorbell, type DoorbellOptions } from './doorbell.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A bell that is rung by hand. */
function handBell(platform: NodeJS.Platform, watchFile?: DoorbellOptions['watchFile']) {
  let press = () => {};
  let looks = 0;
  const watcher = Object.assign(new EventEmitter(), { close: vi.fn() });
  const bell = new Doorbell({
    file: 'data.mdb',
    onRing: () => {
      looks += 1;
    },
    pollInterval: 10,
    platform,
    watchFile:
      watchFile ??
      ((_file, _options, onChange) => {
        press = onChange;
        return watcher as unknown as FSWatcher;
      }),
  });
  return {
    bell,
    watcher,
    press: () => press(),
    looks: () => {
      const seen = looks;
      looks = 0;
      return seen;
    },
  };
}

test('until the bell has rung once it is not believed in: the store is looked at in intervals', () => {
  const { looks, press } = handBell('linux');
  vi.advanceTimersByTime(30);
  expect(looks()).toBe(3);
  press();
  expect(looks()).toBe(1);
});

test('on Linux, a bell that has rung ends the polling: an idle store costs no timer', () => {
  const { bell, press, looks } = handBell('linux');
  press();
  vi.advanceTimersByTime(100);
  looks();
  expect(bell.polls).toBe(false);
  expect(vi.getTimerCount()).toBe(0);
});

test('a ring that comes before its commit can be seen is answered again after 2 ms, and once more 50 ms later', () => {
  const { press, looks } = handBell('linux');
  press();
  expect(looks()).toBe(1);
  vi.advanceTimersByTime(2);
  expect(looks()).toBe(1);
  vi.advanceTimersByTime(49);
  expect(looks()).toBe(0);
  vi.advanceTimersByTime(1);
  expect(looks()).toBe(1);
  vi.advanceTimersByTime(1000);
  expect(looks()).toBe(0);
});

test('elsewhere the bell is a help, but not relied on', () => {
  const { bell, press, looks } = handBell('darwin');
  press();
  expect(looks()).toBe(1);
  expect(bell.polls).toBe(true);
});

test('without a bell there is polling', () => {
  const { bell, looks } = handBell('linux', () => {
    throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
  });
  vi.advanceTimersByTime(20);
  expect(looks()).toBe(2);
  bell.close();
  expect(vi.getTimerCount()).toBe(0);
});

test('a bell that breaks later is replaced by polling', () => {
  const { bell, watcher, press, looks } = handBell('linux');
  press();
  vi.advanceTimersByTime(100);
  looks();
  watcher.emit('error', new Error('no space left'));
  expect(bell.polls).toBe(true);
  vi.advanceTimersByTime(10);
  expect(looks()).toBe(1);
});

test('after close() nothing rings and no timer is left', () => {
  const { bell, watcher, press, looks } = handBell('linux');
  press();
  looks();
  bell.close();
  press();
  expect(watcher.close).toHaveBeenCalledOnce();
  expect(looks()).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});
