import type { JournalEntry, JournalTrouble } from '@tierwise/hierarchy';
import type { Clock } from './clock.js';
import type { Disk } from './disk.js';
import { parseName } from './format.js';
import { encodeFrame, FRAME_BYTES } from './frame.js';
import { type LoadedLog, loadLog, type Segment } from './load.js';
import type { Lock, LockDirectory } from './lock.js';
import type { ResolvedOptions } from './options.js';
import { encodeRanges, type Range, rangesOf, without } from './ranges.js';
import { encodeRecord, KIND } from './record.js';
import { readSegment } from './segment.js';
import { SegmentWriter } from './segment-writer.js';

/** What a log uses of the world. */
export interface LogParts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly lock: LockDirectory;
  readonly tell: (trouble: JournalTrouble) => void;
}

/**
 * A settled segment that is still written to is only removed above this size: at the end of each short outage, making
 * a new one would cost more than it frees.
 */
const WORTH_REMOVING_BYTES = 1 << 20;

/** A segment that is older than this part of `maxAge` is not written to any more, as age is judged by segment. */
const AGES_A_SEGMENT = 16;

/**
 * The log in its directory: segments, which of their records are settled, and the bounds. One call at a time, but for
 * {@link Log.settle} and the getters. What rejects has written nothing that counts.
 */
export class Log {
  readonly #options: ResolvedOptions;
  readonly #parts: LogParts;
  readonly #lock: Lock;
  /** Oldest first. The one that is written to is the last. */
  readonly #segments: Segment[];
  #writer: SegmentWriter | undefined;
  #lastNumber: number;
  /** Settled, and not noted on disk yet. */
  #settled = new Set<number>();
  #notes: readonly Range[] = [];

  private constructor(options: ResolvedOptions, parts: LogParts, lock: Lock, loaded: LoadedLog) {
    this.#options = options;
    this.#parts = parts;
    this.#lock = lock;
    this.#segments = [...loaded.segments];
    this.#lastNumber = loaded.lastNumber;
  }

  /** Locks the directory, making it if need be, and reads what is in it. */
  static async open(
    options: ResolvedOptions,
    parts: LogParts,
  ): Promise<{ readonly log: Log; readonly found: readonly JournalEntry[] }> {
    const { directory } = options;
    await parts.disk.makeDirectory(directory);
    const lock = await parts.lock(directory);
    try {
      const loaded = await loadLog(directory, parts);
      const log = new Log(options, parts, lock, loaded);
      await log.tidy();
      return { log, found: loaded.entries.filter(({ number }) => log.#has(number)) };
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** The highest number that it knows of, or 0. */
  get lastNumber(): number {
    return this.#lastNumber;
  }

  get segments(): number {
    return this.#segments.length;
  }

  get bytes(): number {
    return this.#segments.reduce((bytes, segment) => bytes + segment.bytes, 0);
  }

  /** Records that are not settled. */
  get records(): number {
    return this.#segments.reduce((records, segment) => records + segment.unsettled.size, 0);
  }

  /** Whether something was settled that the disk does not know. */
  get hasNotes(): boolean {
    return this.#settled.size > 0 || this.#notes.length > 0;
  }

  /** When the oldest record gets too old, on the wall clock. */
  get nextDue(): number | undefined {
    const [oldest] = this.#segments.filter((segment) => segment.unsettled.size > 0);
    return oldest === undefined ? undefined : oldest.createdAt + this.#options.maxAge;
  }

  settle(number: number): void {
    for (const segment of this.#segments) {
      if (segment.unsettled.delete(number)) this.#settled.add(number);
    }
  }

  /** Writes records, and notes of what was settled. With `sync`, the disk has them when it resolves. */
  async write(entries: readonly JournalEntry[], sync: boolean): Promise<void> {
    const bodies = entries.map(({ record }) => encodeRecord(record));
    const notes = this.#takeNotes();
    if (entries.length === 0 && notes.length === 0) return; // what was settled is gone already
    try {
      const notesBody = notes.length > 0 ? [encodeRanges(notes)] : undefined;
      const all = notesBody === undefined ? bodies : [...bodies, notesBody];
      const bytes = all.flat().reduce((sum, part) => sum + part.byteLength, FRAME_BYTES * all.length);
      if (bytes > this.#options.maxBytes) {
        // They are written without these records; if they are too many by themselves, what they settle is replayed once more.
        if (entries.length > 0) this.#notes = [...this.#notes, ...notes];
        return this.#refuse(entries);
      }
      await this.#makeRoom(bytes);
      const first = entries[0]?.number ?? this.#lastNumber + 1;
      const writer = await this.#writerFor(bytes, first);
      const { marker } = writer;
      const frames = entries.map(({ number, record }, i) =>
        encodeFrame(marker, KIND[record.op], number, bodies[i] ?? []),
      );
      if (notesBody !== undefined) frames.push(encodeFrame(marker, KIND.settled, 0, notesBody));
      await writer.write(Buffer.concat(frames), sync);
      const { segment } = writer;
      for (const { number } of entries) segment.unsettled.add(number);
      segment.last = Math.max(segment.last, entries.at(-1)?.number ?? 0);
      segment.hasNotes ||= notes.length > 0;
      this.#lastNumber = Math.max(this.#lastNumber, segment.last);
    } catch (error) {
      this.#notes = [...this.#notes, ...notes];
      await this.#abandonWriter();
      throw error;
    }
  }

  /** Makes sure that the disk has what was written. */
  async sync(): Promise<void> {
    try {
      await this.#writer?.sync();
    } catch (error) {
      await this.#abandonWriter();
      throw error;
    }
  }

  /** Removes what is settled, and gives up what is too old. Never rejects for what cannot be removed: it is tried again. */
  async tidy(): Promise<void> {
    const now = this.#parts.clock.now();
    const { maxAge } = this.#options;
    if (this.#writer !== undefined && now - this.#writer.segment.createdAt > maxAge / AGES_A_SEGMENT) {
      await this.#closeWriter();
    }
    for (const segment of [...this.#segments]) {
      if (this.#isDone(segment)) await this.#remove(segment);
      else if (segment.unsettled.size > 0 && now - segment.createdAt >= maxAge) await this.#giveUp(segment, 'age');
    }
  }

  /** Whether the directory is still the one that was opened. */
  isWhole(): Promise<boolean> {
    return this.#lock.isWhole();
  }

  /** Lets go of a directory that is not there any more. */
  async abandon(): Promise<void> {
    for (const segment of this.#segments) this.#tellLost(segment, 'the directory was removed');
    this.#segments.length = 0;
    await this.#abandonWriter();
    await this.#lock.release();
  }

  /** Lets go of the directory. */
  async close(): Promise<void> {
    try {
      await this.#closeWriter();
      const [only, ...others] = this.#segments;
      if (only?.unsettled.size === 0 && others.length === 0) await this.#remove(only);
    } finally {
      await this.#lock.release();
    }
  }

  #has(number: number): boolean {
    return this.#segments.some((segment) => segment.unsettled.has(number));
  }

  #takeNotes(): readonly Range[] {
    const known = [...this.#settled].filter((n) => this.#segments.some(({ first, last }) => first <= n && n <= last));
    const notes = [...this.#notes, ...rangesOf(known)];
    this.#settled = new Set();
    this.#notes = [];
    return notes;
  }

  #refuse(entries: readonly JournalEntry[]): void {
    if (entries.length > 0) this.#parts.tell({ type: 'dropped', why: 'size', entries });
  }

  async #makeRoom(bytes: number): Promise<void> {
    while (this.bytes + bytes > this.#options.maxBytes) {
      const [oldest] = this.#segments;
      if (oldest === undefined) return;
      await this.#giveUp(oldest, 'size');
    }
  }

  async #writerFor(bytes: number, first: number): Promise<SegmentWriter> {
    const { segmentBytes, directory, fsync } = this.#options;
    if (this.#writer !== undefined && this.#writer.segment.bytes + bytes > segmentBytes) await this.#closeWriter();
    if (this.#writer === undefined) {
      const { disk, clock } = this.#parts;
      this.#writer = await SegmentWriter.begin(disk, directory, first, clock.now(), fsync !== 'never');
      this.#segments.push(this.#writer.segment);
    }
    return this.#writer;
  }

  async #closeWriter(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    await writer?.close(this.#options.fsync !== 'never');
  }

  /** After a fault nobody knows what is in the file behind what was written well: that is cut off, and not added to. */
  async #abandonWriter(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    if (writer === undefined) return;
    const { segment } = writer;
    if (!(await writer.abandon())) {
      this.#forget(segment);
      this.#tellLost(segment, 'the file was removed');
    } else if (segment.last === 0 && !segment.hasNotes) {
      await this.#remove(segment);
    }
  }

  #isDone(segment: Segment): boolean {
    if (segment.unsettled.size > 0) return false;
    if (segment !== this.#writer?.segment) return true;
    return this.#segments.length === 1 && segment.bytes > WORTH_REMOVING_BYTES;
  }

  /** What its notes say of others is said again. */
  async #remove(segment: Segment): Promise<void> {
    if (segment === this.#writer?.segment) await this.#closeWriter();
    try {
      await this.#parts.disk.remove(segment.path);
    } catch {
      return; // it is tried again by the next to tidy up
    }
    this.#forget(segment);
    if (!segment.hasNotes) return;
    const others = this.#segments.flatMap(({ first, last, unsettled }) => without({ first, last }, unsettled));
    this.#notes = [...this.#notes, ...others];
  }

  async #giveUp(segment: Segment, why: 'size' | 'age'): Promise<void> {
    if (segment === this.#writer?.segment) await this.#closeWriter();
    const entries = await this.#readUnsettled(segment);
    if (entries.length > 0) this.#parts.tell({ type: 'dropped', why, entries });
    this.#forget(segment);
    await this.#parts.disk.remove(segment.path);
  }

  async #readUnsettled(segment: Segment): Promise<readonly JournalEntry[]> {
    const name = parseName(segment.name);
    if (segment.unsettled.size === 0 || name === undefined) return [];
    try {
      const content = await readSegment(name, await this.#parts.disk.read(segment.path));
      const entries = content.status === 'read' ? content.entries : [];
      const unsettled = entries.filter(({ number }) => segment.unsettled.delete(number));
      if (segment.unsettled.size > 0) this.#tellLost(segment, 'they cannot be read any more');
      return unsettled;
    } catch (error) {
      this.#tellLost(segment, String(error));
      return [];
    }
  }

  #forget(segment: Segment): void {
    const index = this.#segments.indexOf(segment);
    if (index !== -1) this.#segments.splice(index, 1);
  }

  #tellLost(segment: Segment, why: string): void {
    const records = segment.unsettled.size;
    if (records === 0) return;
    const detail = `${records} records that were not settled are lost: ${why}`;
    this.#parts.tell({ type: 'damaged', file: segment.path, offset: 0, bytes: segment.bytes, detail });
  }
}
