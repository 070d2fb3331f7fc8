import type { L2 } from '@tierwise/l2';
import { type MigrationClock, systemClock } from './clock.js';
import { MigrationError } from './errors.js';

/** Options of {@link migrateL2}. The same on all nodes, but for `compareShare`. */
export interface MigrateL2Options {
  /** The store that is to be left. Keeps the record of the phase until the end. */
  readonly from: L2;
  /**
   * The store that is to be moved to. What it holds in the namespaces in use when the migration starts is removed.
   */
  readonly to: L2;
  /** Names this migration, should there be several between the same stores. Default: `default`. */
  readonly id?: string;
  /**
   * For how long a node relies on what it was told of the phase, in milliseconds. After that, and until it has been told anew, it answers
   * as an L2 does that cannot be reached. Default: 3,000.
   */
  readonly trustFor?: number;
  /** How often a node asks for the phase, in milliseconds. Default: a third of `trustFor`. */
  readonly askEvery?: number;
  /** How long one call may take, in all its steps, in milliseconds. Default: 3,000. */
  readonly callTimeout?: number;
  /** Which share of the keys that are read while values move is compared in both stores, 0 to 1. Default: 0.01. */
  readonly compareShare?: number;
  /** For tests. Default: the process' own. */
  readonly clock?: MigrationClock;
  /** 0 to 1, for the share that is compared. Default: `Math.random`. */
  readonly random?: () => number;
}

export interface Settings {
  readonly from: L2;
  readonly to: L2;
  readonly id: string;
  readonly trustFor: number;
  readonly askEvery: number;
  readonly callTimeout: number;
  readonly compareShare: number;
  readonly clock: MigrationClock;
  readonly random: () => number;
  /** How long a phase lasts at least, in milliseconds: when it is over, nobody acts upon the one before it any more. */
  readonly dwell: number;
}

const DEFAULT_TRUST_MS = 3_000;
const DEFAULT_CALL_MS = 3_000;
const ASKS_PER_TRUST = 3;
const DEFAULT_SHARE = 0.01;
/** Clocks of two machines may differ so much in their rate, and timers be so late. */
const RATE_MARGIN = 1.1;
const TIMER_MARGIN_MS = 50;

/** @throws {@link MigrationError} `OPTION` */
export function settingsOf(options: MigrateL2Options): Settings {
  const { from, to, id = 'default', clock = systemClock, random = Math.random } = options;
  if (from === undefined || to === undefined) throw refusal('from and to are both needed');
  if ((from as unknown) === to) throw refusal('from and to are the same object');
  const trustFor = duration('trustFor', options.trustFor ?? DEFAULT_TRUST_MS);
  const askEvery = duration('askEvery', options.askEvery ?? Math.max(1, trustFor / ASKS_PER_TRUST));
  const callTimeout = duration('callTimeout', options.callTimeout ?? DEFAULT_CALL_MS);
  const compareShare = options.compareShare ?? DEFAULT_SHARE;
  if (askEvery >= trustFor) throw refusal('askEvery must be shorter than trustFor');
  if (!(compareShare >= 0 && compareShare <= 1)) throw refusal(`compareShare must be from 0 to 1, not ${compareShare}`);
  const dwell = (trustFor + callTimeout) * RATE_MARGIN + TIMER_MARGIN_MS;
  return { from, to, id, trustFor, askEvery, callTimeout, compareShare, clock, random, dwell };
}

function duration(name: string, ms: number): number {
  if (typeof ms === 'number' && ms >= 1 && Number.isFinite(ms)) return ms;
  throw refusal(`${name} must be a number of milliseconds, 1 or more, not ${ms}`);
}

function refusal(message: string): MigrationError {
  return new MigrationError('ERR_TIERWISE_MIGRATION_OPTION', message);
}
