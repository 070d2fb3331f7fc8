import { L2InvalidError } from '@tierwise/l2';

/** What this backend is called in errors, events and metrics. */
export const NAME = 'embedded';

/** Options of {@link embeddedL2}. */
export interface EmbeddedL2Options {
  /**
   * The directory of the store, on a local disk; made, for its owner only, if it does not exist. All processes of the
   * machine that name the same directory share it. Required: a store never appears somewhere silently.
   */
  readonly dir: string;
  /**
   * How many bytes the entries may take, keys and headers (48 bytes each and the namespace) included. When a write
   * passes that, the entries that are the soonest to expire are evicted. A value that is larger by itself is not kept.
   * Leases, marks and the feed's log (up to 8 MiB) come on top, as does LMDB's own overhead of pages. All processes
   * should name the same number: each keeps to its own. Default: 1 GiB.
   */
  readonly maxBytes?: number | undefined;
  /**
   * The shortest time between two clean-ups of what has expired, in milliseconds, 100 to 86,400,000. The timer only
   * exists while there is something to expire, and never keeps the process alive. Default: 10,000.
   */
  readonly sweepInterval?: number | undefined;
  /** When a write counts as done. Default: `process`. */
  readonly durability?: EmbeddedDurability | undefined;
  /**
   * After how long a call is given up with `L2TimeoutError`, in milliseconds, 1 to 600,000. Waiting for another process
   * to finish its write is what takes long, if anything does. Default: 5,000.
   */
  readonly callTimeout?: number | undefined;
  /**
   * How often the feed looks for news where the system cannot wake it (anything but Linux, or no inotify left), in
   * milliseconds, 1 to 60,000. Default: 50.
   */
  readonly pollInterval?: number | undefined;
  /**
   * The store's clock: the machine's wall clock, in milliseconds. To be replaced in tests only, for all nodes alike.
   */
  readonly clock?: EmbeddedClock | undefined;
}

/**
 * - `process`: a write is done when every process sees it. It survives the death of any process at any moment, but not
 *   the machine: after a restart of that, the store begins empty. (Where the system does not name its boots, that is
 *   anywhere but on Linux, it is as `power`.)
 * - `power`: a write is done when the disk has it, which takes some milliseconds. It survives a loss of power.
 *
 * All processes that share a directory name the same.
 */
export type EmbeddedDurability = 'process' | 'power';

/** A clock, in milliseconds. */
export interface EmbeddedClock {
  now(): number;
}

/** {@link EmbeddedL2Options} after validation. */
export interface ResolvedOptions {
  readonly dir: string;
  readonly maxBytes: number;
  readonly sweepInterval: number;
  readonly durability: EmbeddedDurability;
  readonly callTimeout: number;
  readonly pollInterval: number;
  readonly clock: EmbeddedClock;
}

const GIB = 1024 ** 3;
const KNOWN = ['dir', 'maxBytes', 'sweepInterval', 'durability', 'callTimeout', 'pollInterval', 'clock'];

/** Checks the options and fills in the defaults. Throws `L2InvalidError`. */
export function resolveOptions(options: EmbeddedL2Options): ResolvedOptions {
  if (typeof options !== 'object' || options === null) fail(`options must be an object with a dir, not ${options}`);
  for (const name of Object.keys(options)) {
    if (!KNOWN.includes(name)) fail(`there is no option ${JSON.stringify(name)}; there are ${KNOWN.join(', ')}`);
  }
  const { dir, durability = 'process', clock = { now: () => Date.now() } } = options;
  if (typeof dir !== 'string' || dir === '') fail('dir must name the directory of the store: there is no default');
  if (dir.includes('\0')) fail('dir must not contain a null character');
  if (durability !== 'process' && durability !== 'power') {
    fail(`durability must be 'process' or 'power', not ${JSON.stringify(durability)}`);
  }
  if (typeof clock?.now !== 'function') fail('clock must have a function now()');
  return {
    dir,
    durability,
    clock,
    maxBytes: wholeNumber('maxBytes', options.maxBytes ?? GIB, 4096, Number.MAX_SAFE_INTEGER, 'bytes'),
    sweepInterval: wholeNumber('sweepInterval', options.sweepInterval ?? 10_000, 100, 86_400_000, 'milliseconds'),
    callTimeout: wholeNumber('callTimeout', options.callTimeout ?? 5_000, 1, 600_000, 'milliseconds'),
    pollInterval: wholeNumber('pollInterval', options.pollInterval ?? 50, 1, 60_000, 'milliseconds'),
  };
}

function wholeNumber(name: string, value: number, min: number, max: number, unit: string): number {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    fail(`${name} must be a whole number of ${unit} from ${min} to ${max}, not ${value}`);
  }
  return value;
}

function fail(message: string): never {
  throw new L2InvalidError(NAME, message);
}
