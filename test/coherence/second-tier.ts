import type { L2 } from '@tierwise/l2';
import { embeddedL2 } from '@tierwise/l2-embedded';
import { type MigratingL2, migrateL2 } from '@tierwise/l2-migration';
import { type RedisL2Options, redisL2 } from '@tierwise/l2-redis';
import { redisPool } from '@tierwise/pools/redis';
import { Redis } from 'ioredis';
import type { L2Place, MigrationPlace } from './subject.js';

/** Short ones, so that a run of seconds sees everything that depends on them. */
export const HEARTBEAT_MS = 300;
export const COMMAND_MS = 500;
/** A phase is relied on for so long, and a call of several steps takes no longer than that. */
const TRUST_MS = 450;
const STEPS_MS = 700;

/** The L2 of a node, or of whoever operates a migration. */
export function secondTier(place: L2Place, now: () => number): L2 {
  if (place.kind === 'migration') return migratingTier(place, now);
  if (place.kind === 'embedded') return embeddedL2({ dir: place.dir, callTimeout: 2 * COMMAND_MS });
  return redisL2({
    ...whereOf(place),
    commandTimeout: COMMAND_MS,
    connectTimeout: COMMAND_MS,
    maxReconnectDelay: 300,
    heartbeatInterval: HEARTBEAT_MS,
    now,
  });
}

/** One that is on its way to another store. */
export function migratingTier({ from, to }: MigrationPlace, now: () => number): MigratingL2 {
  return migrateL2({
    from: secondTier(from, now),
    to: secondTier(to, now),
    trustFor: TRUST_MS,
    callTimeout: STEPS_MS,
    compareShare: 0.02,
    clock: {
      now,
      setTimer: (task, ms) => setTimeout(task, ms).unref(),
      clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
    },
  });
}

function whereOf(place: Exclude<L2Place, { kind: 'embedded' | 'migration' }>): RedisL2Options {
  switch (place.kind) {
    case 'redis': {
      const url = `redis://127.0.0.1:${place.port}`;
      return place.pooled === undefined ? { url, tracking: place.tracking } : { pool: poolTo(url, place.pooled) };
    }
    case 'cluster':
      return { cluster: { nodes: place.nodes, natMap: place.natMap } };
    case 'sentinel':
      return { sentinel: { sentinels: place.sentinels, name: place.name, natMap: place.natMap } };
  }
}

function poolTo(url: string, shared: number): NonNullable<RedisL2Options['pool']> {
  // A shared connection that owes an answer is silent for as long as one of the L2's own may be.
  return redisPool<Redis>({ client: (own) => new Redis(url, own), shared, connectTimeout: COMMAND_MS, silence: 2_000 });
}
