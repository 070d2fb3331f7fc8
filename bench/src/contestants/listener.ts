/** A second process that has the same cache open as the one that is measured, and hears of its writes. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Context } from '../scenario.js';
import { openCache } from './roster.js';

/** The key that the listener holds in memory, and is told of in the end. */
const WATCHED = 'watched';
/** Within this time the news must have arrived, in milliseconds. */
const HEARS_WITHIN_MS = 5_000;

export interface Listener {
  /** Writes the watched key and waits until the listener, which holds its former value, answers with the new one. */
  mustHear(set: (key: string, value: unknown) => Promise<unknown>): Promise<void>;
  stop(): Promise<void>;
}

export async function startListener(name: string, context: Context): Promise<Listener> {
  const child = fork(fileURLToPath(import.meta.url), [name, JSON.stringify(context)]);
  await answer(child);
  return {
    mustHear: async (set) => {
      await set(WATCHED, 'new');
      child.send('expect');
      if ((await answer(child)) !== 'heard') throw new Error(`the peer of ${name} did not hear of a write`);
    },
    stop: async () => {
      if (child.exitCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

async function answer(child: ChildProcess): Promise<unknown> {
  const waiting = new AbortController();
  const { signal } = waiting;
  const died = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`the listening peer ended with ${code}`);
  });
  const heard = once(child, 'message', { signal });
  try {
    const [message] = await Promise.race([heard, died]);
    return message;
  } finally {
    died.catch(() => {});
    heard.catch(() => {});
    waiting.abort();
  }
}

async function listen(name: string, context: Context): Promise<void> {
  const cache = await openCache(name, context, 5_000);
  await cache.getOrSet(WATCHED, async () => 'old');
  process.once('message', async () => {
    const began = performance.now();
    let value: unknown;
    do {
      // A hit in memory needs no turn of the event loop, and the news do.
      await nextTurn();
      value = await cache.getOrSet(WATCHED, async () => 'old');
    } while (value !== 'new' && performance.now() - began < HEARS_WITHIN_MS);
    process.send?.(value === 'new' ? 'heard' : 'deaf');
  });
  process.once('disconnect', () => process.exit());
  process.send?.('listening');
}

const [, script, name, context] = process.argv;
if (script === fileURLToPath(import.meta.url) && name !== undefined && context !== undefined) {
  await listen(name, JSON.parse(context));
}
