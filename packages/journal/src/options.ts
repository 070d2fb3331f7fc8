import { JournalError } from './errors.js';

/** When an append counts as safe. */
export type FsyncPolicy = 'always' | 'interval' | 'never';

/** Options of {@link fileJournal}. */
export interface FileJournalOptions {
  /**
   * The directory of the log, on a local disk; made, for its owner only, if it does not exist. One process at a time may
   * use it. Required: a log never appears somewhere silently.
   */
  readonly directory: string;
  /**
   * When an append resolves:
   * - `always`: when the disk has it. It survives a loss of power, as far as the disk keeps what it says it has. All
   *   appends that wait at the same time share one `fdatasync`.
   * - `interval`: when the kernel has it. It survives any death of the process, `kill -9` included; a loss of power costs
   *   what was appended in the last {@link FileJournalOptions.fsyncInterval}.
   * - `never`: as `interval`, and the kernel decides when the disk gets it.
   *
   * Default: `always`. A journal is only written to while L2 is in trouble, so that its price is rarely paid.
   */
  readonly fsync?: FsyncPolicy | undefined;
  /** How often `interval` syncs while there is something to sync, in milliseconds, 1 to 3,600,000. Default: 1,000. */
  readonly fsyncInterval?: number | undefined;
  /** At which size a new segment is begun, in bytes, 4,096 to 1 GiB. Default: 10,000,000. */
  readonly segmentBytes?: number | undefined;
  /**
   * What the log may take on disk, in bytes; at least two segments. Above it, the oldest segment is given up, and its
   * records are handed to the host. Default: 100,000,000, or two segments if that is more.
   */
  readonly maxBytes?: number | undefined;
  /**
   * How old a record may become, in milliseconds, 1,000 to 31,536,000,000 (a year). Whole segments are given up, when their
   * oldest record is that old; its younger ones are at most a sixteenth younger. Default: 604,800,000 (a week).
   */
  readonly maxAge?: number | undefined;
  /** What is kept in memory while the disk does not take records. Above it, the oldest are handed to the host. */
  readonly memory?:
    | {
        /** Records, 1 to 10,000,000. Default: 10,000. */
        readonly maxRecords?: number | undefined;
        /** Bytes of keys, tags and values, with 100 for each record, from 1,024. Default: 33,554,432 (32 MiB). */
        readonly maxBytes?: number | undefined;
      }
    | undefined;
  /**
   * How long the disk may take for one write, in milliseconds, 10 to 600,000. Then it counts as failing, and whoever
   * waits is let go; opening may take ten times as long. Default: 5,000.
   */
  readonly timeout?: number | undefined;
}

/** {@link FileJournalOptions} after validation. */
export interface ResolvedOptions {
  readonly directory: string;
  readonly fsync: FsyncPolicy;
  readonly fsyncInterval: number;
  readonly segmentBytes: number;
  readonly maxBytes: number;
  readonly maxAge: number;
  readonly memory: { readonly maxRecords: number; readonly maxBytes: number };
  readonly timeout: number;
}

const KNOWN = ['directory', 'fsync', 'fsyncInterval', 'segmentBytes', 'maxBytes', 'maxAge', 'memory', 'timeout'];
const POLICIES: readonly unknown[] = ['always', 'interval', 'never'];
const GIB = 1024 ** 3;
const MAX = Number.MAX_SAFE_INTEGER;

/** Checks the options and fills in the defaults. Throws a {@link JournalError}. */
export function resolveOptions(options: FileJournalOptions): ResolvedOptions {
  if (typeof options !== 'object' || options === null) fail(`options must be an object, not ${options}`);
  knownOnly(options, KNOWN, '');
  const { directory, fsync = 'always', memory = {} } = options;
  if (typeof directory !== 'string' || directory === '' || directory.includes('\0')) {
    fail('directory must name the directory of the log: there is no default');
  }
  if (!POLICIES.includes(fsync)) fail(`fsync must be one of ${POLICIES.join(', ')}, not ${JSON.stringify(fsync)}`);
  if (typeof memory !== 'object' || memory === null) fail('memory must be an object');
  knownOnly(memory, ['maxRecords', 'maxBytes'], 'memory.');
  const segmentBytes = wholeNumber('segmentBytes', options.segmentBytes ?? 10_000_000, 4_096, GIB, 'bytes');
  const maxBytes = options.maxBytes ?? Math.max(100_000_000, 2 * segmentBytes);
  return {
    directory,
    fsync,
    segmentBytes,
    fsyncInterval: wholeNumber('fsyncInterval', options.fsyncInterval ?? 1_000, 1, 3_600_000, 'milliseconds'),
    maxBytes: wholeNumber('maxBytes', maxBytes, 2 * segmentBytes, MAX, 'bytes'),
    maxAge: wholeNumber('maxAge', options.maxAge ?? 604_800_000, 1_000, 31_536_000_000, 'milliseconds'),
    memory: {
      maxRecords: wholeNumber('memory.maxRecords', memory.maxRecords ?? 10_000, 1, 10_000_000, 'records'),
      maxBytes: wholeNumber('memory.maxBytes', memory.maxBytes ?? 33_554_432, 1_024, MAX, 'bytes'),
    },
    timeout: wholeNumber('timeout', options.timeout ?? 5_000, 10, 600_000, 'milliseconds'),
  };
}

function knownOnly(options: object, known: readonly string[], prefix: string): void {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      fail(
        `there is no option ${JSON.stringify(prefix + name)}; there are ${known.map((it) => prefix + it).join(', ')}`,
      );
    }
  }
}

function wholeNumber(name: string, value: number, min: number, max: number, unit: string): number {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    fail(`${name} must be a whole number of ${unit} from ${min} to ${max}, not ${value}`);
  }
  return value;
}

function fail(message: string): never {
  throw new JournalError('ERR_TIERWISE_INVALID_OPTION', message);
}
