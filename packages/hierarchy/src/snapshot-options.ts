import { checkNames } from './check.js';
import { type Duration, parseDuration } from './duration.js';
import { InvalidOptionError } from './errors.js';

/** Snapshots of L1: what makes that a process which starts anew begins warm. */
export interface SnapshotOptions {
  /** Where `snapshot()` and `restore()` write and read, unless they are told. Its folder must exist. */
  readonly file?: string;
  /**
   * On SIGTERM, writes a snapshot to `file`, and lets the process end as it would have: if nobody else listens for the signal, it is
   * sent again once the file is written. Default: `false`.
   */
  readonly onSigterm?: boolean;
  /** Restores `file` when the hierarchy is created, in the background; `ready()` waits for that. Default: `false`. */
  readonly restoreOnStart?: boolean;
  /**
   * A snapshot that is older is not restored, and `file` is removed in the background then. Default: `'1d'`, or as many seconds as the
   * environment's `SNAPSHOT_TTL` says, which is read once, when the hierarchy is created.
   */
  readonly ttl?: Duration;
}

export interface ResolvedSnapshotOptions {
  readonly file: string | undefined;
  readonly onSigterm: boolean;
  readonly restoreOnStart: boolean;
  readonly ttlMs: number;
}

/** @throws {@link InvalidOptionError} and the like */
export function resolveSnapshotOptions(
  options: SnapshotOptions = {},
  env: NodeJS.ProcessEnv = process.env,
): ResolvedSnapshotOptions {
  checkNames('snapshot', options, ['file', 'onSigterm', 'restoreOnStart', 'ttl']);
  const { file, onSigterm = false, restoreOnStart = false, ttl } = options;
  if (file !== undefined) checkFile(file);
  if (typeof onSigterm !== 'boolean' || typeof restoreOnStart !== 'boolean') {
    throw new InvalidOptionError('snapshot.onSigterm and snapshot.restoreOnStart must be true or false');
  }
  if ((onSigterm || restoreOnStart) && file === undefined) {
    throw new InvalidOptionError('snapshot.onSigterm and snapshot.restoreOnStart need snapshot.file');
  }
  return { file, onSigterm, restoreOnStart, ttlMs: parseDuration(ttl ?? ttlOf(env), 'snapshot.ttl', 1) };
}

export function checkFile(file: unknown): asserts file is string {
  if (typeof file !== 'string' || file === '' || file.includes('\0')) {
    throw new InvalidOptionError(`the file of a snapshot must be a path, not ${JSON.stringify(file)}`);
  }
}

function ttlOf({ SNAPSHOT_TTL: seconds = '' }: NodeJS.ProcessEnv): Duration {
  if (seconds === '') return '1d';
  if (!/^\d+$/.test(seconds)) {
    throw new InvalidOptionError(`SNAPSHOT_TTL must be a whole number of seconds, not ${JSON.stringify(seconds)}`);
  }
  return Number(seconds) * 1000;
}
