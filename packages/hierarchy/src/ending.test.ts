import { expect, test } from 'vitest';
import { Ending } from './ending.js';

test('a signal that is asked for before the end hears of it, after those who listen themselves', () => {
  const ending = new Ending();
  const heard: string[] = [];
  ending.signal.addEventListener('abort', () => heard.push('signal'));
  ending.onAbort(() => heard.push('listener'));
  const reason = new Error('over');
  ending.abort(reason);
  ending.abort(new Error('again'));
  expect([heard, ending.aborted, ending.reason]).toEqual([['listener', 'signal'], true, reason]);
  expect([ending.signal.aborted, ending.signal.reason]).toEqual([true, reason]);
  expect(() => ending.throwIfAborted()).toThrow(reason);
});

test('a signal that is asked for after the end has aborted, and whoever listens from then on hears nothing', () => {
  const ending = new Ending();
  ending.throwIfAborted();
  const reason = new Error('over');
  ending.abort(reason);
  ending.onAbort(() => expect.unreachable());
  expect([ending.signal.aborted, ending.signal.reason]).toEqual([true, reason]);
  expect(ending.signal).toBe(ending.signal);
});
