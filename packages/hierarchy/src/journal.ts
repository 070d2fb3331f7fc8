/**
 * What a hierarchy expects of a journal: a log of what could not reach L2, which survives the process. `@tierwise/journal` has one
 * in files. The hierarchy decides what is written, what it means and when it is replayed; a journal keeps records in order.
 */
export interface Journal {
  /**
   * Opens the log and reads what is in it. Called once, before any other call. What cannot be read is skipped and told to the host.
   *
   * @returns what was appended and not settled by earlier processes, oldest first. Never rejects: a log that cannot be opened is told to
   * the host, and records are then kept in memory.
   */
  open(host: JournalHost): Promise<readonly JournalEntry[]>;

  /**
   * Adds records in order. Resolves when they are as safe as the journal's policy says, with their numbers, each higher than all before.
   * Never rejects: where the disk fails, it keeps records in bounded memory, and tells the host.
   */
  append(records: readonly JournalRecord[]): Promise<readonly number[]>;

  /** These were replayed, or are not needed any more. What a crash forgets of this is replayed again, which does no harm. */
  settle(numbers: readonly number[]): void;

  /** Figures of the log as it is now. */
  stats(): JournalStats;

  /** Writes what is left to the disk and lets go of it. Idempotent, never rejects. What was not settled stays. */
  close(): Promise<void>;
}

/** Whom a journal tells of trouble. */
export interface JournalHost {
  /** Called from the journal's own events; must not throw. */
  readonly onTrouble: (trouble: JournalTrouble) => void;
}

export type JournalTrouble =
  /** The disk does not take records (full, read-only …): they are in memory from now on. `error`: why. */
  | { readonly type: 'failing'; readonly error: unknown }
  /**
   * It takes them again, and has those that were in memory. `entries`: what earlier processes left, where the log could not be read
   * when it was opened (in use by another process, for one). They are older than all that was appended since.
   */
  | { readonly type: 'recovered'; readonly entries?: readonly JournalEntry[] }
  /** Bytes that are no records were found and skipped; a torn end was cut. */
  | {
      readonly type: 'damaged';
      readonly file: string;
      readonly offset: number;
      readonly bytes: number;
      readonly detail: string;
    }
  /** Records were given up to keep a bound: `size`, `age`, or `memory` when the disk fails. They are handed over, oldest first. */
  | { readonly type: 'dropped'; readonly why: 'size' | 'age' | 'memory'; readonly entries: readonly JournalEntry[] };

/** A record with its number. */
export interface JournalEntry {
  readonly number: number;
  readonly record: JournalRecord;
}

/** What could not reach L2. Keys and tags are called as L2 calls them: hidden ones stay hidden. */
export type JournalRecord =
  | {
      readonly op: 'set';
      readonly namespace: string;
      readonly key: string;
      /** Packed, and sealed if values are. */
      readonly bytes: Uint8Array;
      readonly freshMs: number;
      readonly keepMs: number;
      /** `L2Replay.moment` from before the write. */
      readonly since: string;
      /** When, in milliseconds of this machine's wall clock. Only ever compared with the same clock. */
      readonly at: number;
    }
  | { readonly op: 'delete' | 'expire'; readonly namespace: string; readonly key: string; readonly at: number }
  | {
      readonly op: 'invalidate';
      readonly namespace: string;
      /** `null`: the whole namespace. */
      readonly tags: readonly string[] | null;
      readonly mode: 'dead' | 'stale';
      readonly at: number;
    };

export interface JournalStats {
  /** Records that are not settled. */
  readonly records: number;
  /** Of these, those that are in memory alone, since the disk fails. */
  readonly inMemory: number;
  /** Bytes on disk. */
  readonly bytes: number;
  readonly segments: number;
  /** Records given up to keep a bound, since it was opened. */
  readonly dropped: number;
}
