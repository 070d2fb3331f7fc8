import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Listeners } from './listeners.js';

test('a listener that throws, or rejects, disturbs neither the others nor the process', async () => {
  const listeners = new Listeners();
  const heard: string[] = [];
  listeners.on('phase', () => {
    throw new Error('its own business');
  });
  listeners.on('phase', async () => {
    throw new Error('its own business as well');
  });
  const forget = listeners.on('phase', ({ phase }) => void heard.push(phase));
  listeners.emit('phase', { phase: 'joining', percentage: 0 });
  forget();
  listeners.emit('phase', { phase: 'moving', percentage: 0 });
  // Vitest fails a run in which a rejection was nobody's.
  await setImmediate();
  expect(heard).toEqual(['joining']);
});
