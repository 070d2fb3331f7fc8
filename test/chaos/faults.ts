import { setTimeout as sleep } from 'node:timers/promises';
import { OLD } from './operations.js';
import type { RedisStand, Stand } from './stand.js';

/** Something that goes wrong with a second tier, or on the way to it. */
export interface ChaosFault<S extends Stand = RedisStand> {
  readonly name: string;
  /** What is done, for people who read the matrix. */
  readonly how: string;
  /** Begins it. @returns how to end it; resolves when all is well with the server. */
  begin(stand: S): Promise<() => Promise<void>>;
}

/** How long a fault that ends by itself lasts, in milliseconds. */
const SPELL_MS = 3_000;
const SLOW_MS = 150;

const noop = async (): Promise<void> => {};

export const CHAOS_FAULTS: readonly ChaosFault[] = [
  {
    name: 'none',
    how: 'for comparison',
    begin: async () => noop,
  },
  {
    name: 'refused',
    how: 'connections are reset, and new ones refused',
    begin: async ({ network }) => network.refuse(),
  },
  {
    name: 'frozen',
    how: '`SIGSTOP` of the server: connections stay open, nothing answers',
    begin: async ({ server }) => {
      server.freeze();
      return async () => server.thaw();
    },
  },
  {
    name: 'asleep',
    how: `\`DEBUG SLEEP ${SPELL_MS / 1_000}\``,
    begin: async ({ admin }) => {
      const over = admin.call('DEBUG', 'SLEEP', `${SPELL_MS / 1_000}`);
      return async () => void (await over);
    },
  },
  {
    name: 'slow',
    how: `every reply comes ${SLOW_MS} ms late, which is within the limit`,
    begin: async ({ network }) => network.inject({ kind: 'delay', ms: () => SLOW_MS }, 'toClient'),
  },
  {
    name: 'too slow',
    how: 'every reply comes 500 ms late, which is past the limit',
    begin: async ({ network }) => network.inject({ kind: 'delay', ms: () => 500 }, 'toClient'),
  },
  {
    name: 'jitter',
    how: 'each chunk takes up to 200 ms, in either direction',
    begin: async ({ network, random }) => network.inject({ kind: 'delay', ms: () => random() * 200 }),
  },
  {
    name: 'cut mid-reply',
    how: 'each connection is reset after the third byte of its next reply',
    begin: async ({ network }) => network.inject({ kind: 'cut', afterBytes: 3 }, 'toClient'),
  },
  {
    name: 'half-open',
    how: 'the server has let go of the connections, and the client is not told; new ones work',
    begin: async ({ network }) => {
      network.forsake();
      return noop;
    },
  },
  {
    name: 'throttled',
    how: '500 bytes a second, in either direction',
    begin: async ({ network }) => network.inject({ kind: 'throttle', bytesPerSecond: 500 }),
  },
  {
    name: 'corrupt',
    how: 'bits are turned in the bytes of values, in replies',
    begin: async ({ network, random }) =>
      network.inject({ kind: 'corrupt', oneIn: 2, random, only: Buffer.from(OLD) }, 'toClient'),
  },
  {
    name: 'black hole, to Redis',
    how: 'what the node says gets lost, and nothing says so',
    begin: async ({ network }) => network.inject({ kind: 'silence' }, 'toServer'),
  },
  {
    name: 'black hole, from Redis',
    how: 'Redis does what it is told; what it answers gets lost',
    begin: async ({ network }) => network.inject({ kind: 'silence' }, 'toClient'),
  },
  {
    name: 'killed',
    how: '`kill -9`, without persistence; it comes back empty',
    begin: async ({ server }) => {
      await server.kill();
      return () => server.restart();
    },
  },
  {
    name: 'restarted empty',
    how: '`kill -9`, and it is back at once, empty',
    begin: async ({ server }) => {
      await server.kill();
      await server.restart();
      return noop;
    },
  },
  {
    name: 'memory full',
    how: '`maxmemory` reached, `noeviction`',
    begin: async ({ admin }) => {
      await admin.config('SET', 'maxmemory', '1');
      return async () => void (await admin.config('SET', 'maxmemory', '0'));
    },
  },
  {
    name: 'read-only',
    how: 'it has become a replica of a master that cannot be reached',
    begin: async ({ admin, deadPort }) => {
      await admin.replicaof('127.0.0.1', deadPort);
      return async () => void (await admin.call('REPLICAOF', 'NO', 'ONE'));
    },
  },
  {
    name: 'loading',
    how: 'it reads its data from disk, and answers `-LOADING`',
    begin: async ({ admin }) => {
      // Slowed down, and with an eye on its connections in between, so that it takes a while.
      await admin.config('SET', 'key-load-delay', '0', 'loading-process-events-interval-bytes', '1024');
      const fillers = Array.from({ length: LOADING_KEYS }, (_, i) => [`filler:${i}`, 'x'.repeat(100)]).flat();
      await admin.mset(fillers);
      await admin.config('SET', 'key-load-delay', `${(SPELL_MS / LOADING_KEYS) * 1_000}`);
      const over = admin.call('DEBUG', 'RELOAD');
      await sleep(100);
      return async () => {
        await over;
        await admin.config('SET', 'key-load-delay', '0');
        await admin.del(...fillers.filter((_, i) => i % 2 === 0));
      };
    },
  },
];

const LOADING_KEYS = 1_000;
