import { L2InvalidError } from '@tierwise/l2';
import { NAME } from './options.js';

/**
 * What is wrong: `missing` or `unreadable` (the file), `foreign` (no snapshot), `newer` (of a later format), `damaged`, `expired` (older
 * than the ttl), `occupied` (a store lives in the directory), `unwritable`.
 */
export type EmbeddedSnapshotErrorReason =
  | 'missing'
  | 'unreadable'
  | 'foreign'
  | 'newer'
  | 'damaged'
  | 'expired'
  | 'occupied'
  | 'unwritable';

/** A snapshot of a store could not be taken, or not be restored. Nothing was changed. */
export class EmbeddedSnapshotError extends Error {
  /** Stable, for programs. */
  readonly code = 'ERR_TIERWISE_L2_SNAPSHOT';
  readonly reason: EmbeddedSnapshotErrorReason;
  readonly file: string;

  constructor(reason: EmbeddedSnapshotErrorReason, file: string, message: string, options?: ErrorOptions) {
    super(`${NAME}: the snapshot ${file}: ${message}`, options);
    this.name = new.target.name;
    this.reason = reason;
    this.file = file;
  }
}

/** How long snapshots are worth something. */
export interface EmbeddedSnapshotTtl {
  /**
   * In milliseconds, or `Infinity`. Default: as many seconds as the environment's `SNAPSHOT_TTL` says, or else a day.
   */
  readonly ttl?: number | undefined;
}

const DEFAULT_TTL_SECONDS = 86_400;

/** @throws L2InvalidError */
export function ttlOf(
  { ttl }: EmbeddedSnapshotTtl,
  { SNAPSHOT_TTL: seconds = '' }: NodeJS.ProcessEnv = process.env,
): number {
  if (ttl !== undefined) {
    if (typeof ttl === 'number' && ttl > 0) return ttl;
    throw new L2InvalidError(NAME, `ttl must be a positive number of milliseconds, or Infinity, not ${ttl}`);
  }
  if (seconds === '') return DEFAULT_TTL_SECONDS * 1000;
  if (/^\d+$/.test(seconds)) return Number(seconds) * 1000;
  throw new L2InvalidError(NAME, `SNAPSHOT_TTL must be a whole number of seconds, not ${JSON.stringify(seconds)}`);
}

export function checkFile(file: unknown): asserts file is string {
  if (typeof file === 'string' && file !== '' && !file.includes('\0')) return;
  throw new L2InvalidError(NAME, `the file of a snapshot must be a path, not ${JSON.stringify(file)}`);
}

/** An error of the file system, as one of ours. */
export function failed(error: unknown, file: string, reason: 'unreadable' | 'unwritable'): EmbeddedSnapshotError {
  if (error instanceof EmbeddedSnapshotError) return error;
  const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT' && reason === 'unreadable';
  const message = error instanceof Error ? error.message : String(error);
  return new EmbeddedSnapshotError(isMissing ? 'missing' : reason, file, message, { cause: error });
}
