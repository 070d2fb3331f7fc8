import type {
  Journal,
  JournalEntry,
  JournalHost,
  JournalRecord,
  JournalStats,
  JournalTrouble,
} from '@tierwise/hierarchy';
import { Backlog } from './backlog.js';
import { type Clock, systemClock } from './clock.js';
import { type Disk, nodeDisk } from './disk.js';
import { JournalError } from './errors.js';
import { parseName } from './format.js';
import { type LockDirectory, lockDirectory } from './lock.js';
import { Log, type LogParts } from './log.js';
import { type FileJournalOptions, type ResolvedOptions, resolveOptions } from './options.js';

/** What a test may replace. */
export interface JournalParts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly lock: LockDirectory;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** So much is written at once: some milliseconds of a disk, and of the event loop for the checksums. */
const BYTES_A_WRITE = 1 << 20;

/** How long a failing disk is left alone, in milliseconds: from the first to the last. */
const RETRY_MS = { first: 100, last: 30_000 } as const;

/** More than one segment can hold. */
const NUMBERS_A_SEGMENT = 2 ** 32;

/** Opening reads the whole log, so it may take so many times as long as a write. */
const OPENING = 10;

/**
 * A journal in files of one directory.
 *
 * @throws JournalError with the code `ERR_TIERWISE_INVALID_OPTION`. Nothing is done with the disk before `open`.
 */
export function fileJournal(options: FileJournalOptions): Journal {
  return createFileJournal(options, { disk: nodeDisk, clock: systemClock, lock: lockDirectory, random: Math.random });
}

export function createFileJournal(options: FileJournalOptions, parts: JournalParts): Journal {
  return new FileJournal(resolveOptions(options), parts);
}

/**
 * One worker writes what waits, in order, one write at a time. Whoever appends meanwhile waits for the next write, which
 * takes all of them (group commit). When a write fails or takes too long, those who wait are let go: their records
 * are in memory, within bounds, and are written by the first attempt that succeeds.
 */
class FileJournal implements Journal {
  readonly #options: ResolvedOptions;
  readonly #parts: JournalParts;
  readonly #logParts: LogParts;
  readonly #backlog: Backlog;
  #host: JournalHost | undefined;
  #log: Log | undefined;
  /** Hands over what earlier processes left, while somebody waits for that. */
  #opened: ((found: readonly JournalEntry[]) => void) | undefined;
  readonly #isOpen: Promise<readonly JournalEntry[]>;
  /** What earlier processes left, when it could not be read in time. */
  #late: readonly JournalEntry[] = [];
  #lastNumber = 0;
  readonly #waiters: { readonly last: number; readonly resolve: () => void }[] = [];
  #worker: Promise<void> | undefined;
  #isFailing = false;
  #retryMs: number = RETRY_MS.first;
  #retryTimer: unknown;
  #syncTimer: unknown;
  #ageTimer: unknown;
  #needsSync = false;
  #dropped = 0;
  #end: Promise<void> | undefined;
  /** Closed: nothing touches the disk any more. */
  #isOver = false;

  constructor(options: ResolvedOptions, parts: JournalParts) {
    this.#options = options;
    this.#parts = parts;
    this.#backlog = new Backlog(options.memory);
    this.#isOpen = new Promise((resolve) => {
      this.#opened = resolve;
    });
    this.#logParts = { ...parts, tell: (trouble) => this.#tell(trouble) };
  }

  open(host: JournalHost): Promise<readonly JournalEntry[]> {
    this.#host = host;
    this.#wake();
    return this.#isOpen;
  }

  async append(records: readonly JournalRecord[]): Promise<readonly number[]> {
    if (this.#opened !== undefined) await this.#isOpen;
    if (records.length === 0) return [];
    const entries = records.map((record) => ({ number: ++this.#lastNumber, record }));
    const numbers = entries.map(({ number }) => number);
    if (this.#end !== undefined) {
      this.#drop(entries);
      return numbers;
    }
    for (const { number, record } of entries) this.#backlog.add(number, record);
    if (this.#isFailing) this.#drop(this.#backlog.shrink());
    else await this.#written(this.#lastNumber);
    return numbers;
  }

  settle(numbers: readonly number[]): void {
    for (const number of numbers) {
      if (!this.#backlog.settle(number)) this.#log?.settle(number);
    }
    this.#release();
    this.#wake();
  }

  stats(): JournalStats {
    const { size } = this.#backlog;
    return {
      records: (this.#log?.records ?? 0) + size,
      inMemory: this.#isFailing ? size : 0,
      bytes: this.#log?.bytes ?? 0,
      segments: this.#log?.segments ?? 0,
      dropped: this.#dropped,
    };
  }

  close(): Promise<void> {
    this.#end ??= this.#close();
    return this.#end;
  }

  /** Starts the worker, unless it runs, or the disk is left alone for now. */
  #wake(): void {
    if (this.#worker !== undefined || this.#retryTimer !== undefined || this.#host === undefined || this.#isOver)
      return;
    this.#worker = this.#work().finally(() => {
      this.#worker = undefined;
      const isClosing = this.#end !== undefined;
      if (this.#hasWork && !(isClosing && this.#isFailing)) this.#wake();
    });
  }

  get #hasWork(): boolean {
    return this.#backlog.isWaiting || this.#needsSync || this.#log?.hasNotes === true;
  }

  async #work(): Promise<void> {
    const { clock } = this.#parts;
    // Whatever else is appended in this turn comes along.
    await new Promise(setImmediate);
    try {
      let isDone = false;
      while (!isDone) {
        const ms = this.#options.timeout * (this.#log === undefined ? OPENING : 1);
        const watch = clock.setTimer(() => this.#fail(tookTooLong(ms)), ms);
        isDone = await this.#step().finally(() => clock.clearTimer(watch));
      }
      this.#recover();
    } catch (error) {
      if (this.#opened !== undefined) await this.#within(this.#countAboveSegments());
      this.#fail(error);
      await this.#leaveAlone();
    }
    this.#setAgeTimer();
  }

  /** One thing that takes the disk. @returns whether nothing is left to do. */
  async #step(): Promise<boolean> {
    if (this.#log === undefined) {
      const { log, found } = await Log.open(this.#options, this.#logParts);
      if (this.#isOver) {
        await log.close();
        return true;
      }
      this.#log = log;
      this.#handOver(found);
      return false;
    }
    const { fsync, segmentBytes } = this.#options;
    await this.#log.tidy();
    const entries = this.#backlog.take(Math.min(BYTES_A_WRITE, segmentBytes / 4));
    if (entries.length > 0 || this.#log.hasNotes) {
      await this.#log.write(entries, fsync === 'always' && entries.length > 0);
      for (const number of this.#backlog.arrived()) this.#log.settle(number);
      if (fsync === 'interval') this.#setSyncTimer();
    } else if (this.#needsSync) {
      this.#needsSync = false;
      await this.#log.sync();
    } else {
      return true;
    }
    this.#release();
    return this.#isOver;
  }

  #handOver(found: readonly JournalEntry[]): void {
    this.#lastNumber = Math.max(this.#lastNumber, this.#log?.lastNumber ?? 0);
    if (this.#opened === undefined) this.#late = [...this.#late, ...found];
    this.#opened?.(found);
    this.#opened = undefined;
  }

  /** Above all numbers of a log that cannot be read now, as far as names tell: its clock may have been ahead of ours. */
  async #countAboveSegments(): Promise<void> {
    const names = await this.#parts.disk.list(this.#options.directory).catch(() => []);
    for (const name of names) {
      this.#lastNumber = Math.max(this.#lastNumber, (parseName(name)?.first ?? 0) + NUMBERS_A_SEGMENT);
    }
  }

  /** From now on, records are in memory alone. */
  #fail(error: unknown): void {
    if (!this.#isFailing) {
      this.#isFailing = true;
      this.#tell({ type: 'failing', error });
    }
    if (this.#opened !== undefined) {
      // Above all numbers that may be in a log that cannot be read now, since those are counted from 1.
      this.#lastNumber = Math.max(this.#lastNumber, this.#parts.clock.now() * 1_024);
      this.#opened([]);
      this.#opened = undefined;
    }
    for (const { resolve } of this.#waiters.splice(0)) resolve();
    this.#drop(this.#backlog.shrink());
  }

  /** After a failed attempt: leaves the disk alone for a while, each time for longer. */
  async #leaveAlone(): Promise<void> {
    this.#backlog.putBack();
    this.#drop(this.#backlog.shrink());
    if (this.#log !== undefined && !(await this.#log.isWhole())) {
      const log = this.#log;
      this.#log = undefined;
      await log.abandon().catch(() => {});
    }
    if (this.#end !== undefined) return;
    const { clock, random } = this.#parts;
    this.#retryTimer = clock.setTimer(
      () => {
        this.#retryTimer = undefined;
        this.#wake();
      },
      this.#retryMs * (0.5 + random() / 2),
    );
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS.last);
  }

  #recover(): void {
    this.#retryMs = RETRY_MS.first;
    if (!this.#isFailing || this.#isOver) return;
    this.#isFailing = false;
    const entries = this.#late;
    this.#late = [];
    this.#tell({ type: 'recovered', entries });
  }

  #written(last: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push({ last, resolve });
      this.#wake();
    });
  }

  /** Lets those go whose records are not in memory any more. */
  #release(): void {
    const first = this.#backlog.first ?? Number.POSITIVE_INFINITY;
    while ((this.#waiters[0]?.last ?? first) < first) this.#waiters.shift()?.resolve();
  }

  #drop(entries: readonly JournalEntry[]): void {
    if (entries.length > 0) this.#tell({ type: 'dropped', why: 'memory', entries });
    this.#release();
  }

  #tell(trouble: JournalTrouble): void {
    if (trouble.type === 'dropped') this.#dropped += trouble.entries.length;
    this.#host?.onTrouble(trouble);
  }

  #setSyncTimer(): void {
    this.#syncTimer ??= this.#parts.clock.setTimer(() => {
      this.#syncTimer = undefined;
      this.#needsSync = true;
      this.#wake();
    }, this.#options.fsyncInterval);
  }

  #setAgeTimer(): void {
    const { clock } = this.#parts;
    clock.clearTimer(this.#ageTimer);
    const due = this.#log?.nextDue;
    this.#ageTimer =
      due === undefined || this.#end !== undefined
        ? undefined
        : clock.setTimer(() => this.#wake(), Math.max(due - clock.now(), 1_000));
  }

  async #close(): Promise<void> {
    const { clock } = this.#parts;
    await undefined; // so that #end is set
    clock.clearTimer(this.#retryTimer);
    this.#retryTimer = undefined;
    await this.#within(this.#idle());
    // What was begun before may have failed before: a last attempt, if the disk answers at all.
    if (this.#hasWork && this.#worker === undefined) {
      this.#wake();
      await this.#within(this.#idle());
    }
    this.#isOver = true;
    clock.clearTimer(this.#syncTimer);
    clock.clearTimer(this.#ageTimer);
    this.#opened?.([]);
    this.#opened = undefined;
    this.#drop(this.#backlog.clear());
    const log = this.#log;
    this.#log = undefined;
    if (log !== undefined) await this.#within(log.close().catch((error: unknown) => this.#fail(error)));
  }

  async #idle(): Promise<void> {
    while (this.#worker !== undefined) await this.#worker;
  }

  /** Waits for the disk, but not for ever. */
  async #within(work: Promise<void>): Promise<void> {
    const { clock } = this.#parts;
    let timer: unknown;
    const over = new Promise<void>((resolve) => {
      timer = clock.setTimer(resolve, this.#options.timeout);
    });
    await Promise.race([work, over]);
    clock.clearTimer(timer);
  }
}

function tookTooLong(ms: number): JournalError {
  return new JournalError('ERR_TIERWISE_JOURNAL_TIMEOUT', `the disk did not answer within ${ms} ms`);
}
