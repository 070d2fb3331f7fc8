import { join } from 'node:path';
import type { Disk, DiskFile } from './disk.js';
import { codeOf, JournalError } from './errors.js';
import { encodeHeader, HEADER_BYTES, newMarker, segmentName, VERSION } from './format.js';
import type { Segment } from './load.js';

/** Writes to one segment, at its end. */
export class SegmentWriter {
  readonly segment: Segment;
  readonly marker: Buffer;
  readonly #disk: Disk;
  readonly #file: DiskFile;
  readonly #identity: string;
  #isDirty = true;

  private constructor(disk: Disk, file: DiskFile, identity: string, marker: Buffer, segment: Segment) {
    this.#disk = disk;
    this.#file = file;
    this.#identity = identity;
    this.marker = marker;
    this.segment = segment;
  }

  /** Begins a segment. With `sync`, its name survives a loss of power. */
  static async begin(disk: Disk, directory: string, first: number, now: number, sync: boolean): Promise<SegmentWriter> {
    const marker = newMarker();
    const name = segmentName({ first, marker });
    const path = join(directory, name);
    const file = await disk.create(path);
    try {
      await file.write(encodeHeader({ version: VERSION, marker, createdAt: now }), 0);
      if (sync) await disk.syncDirectory(directory);
      const segment = { name, path, first, last: 0, createdAt: now, bytes: HEADER_BYTES, unsettled: new Set<number>() };
      return new SegmentWriter(disk, file, await file.identity(), marker, { ...segment, hasNotes: false });
    } catch (error) {
      await file.close().catch(() => {});
      await disk.remove(path).catch(() => {});
      throw error;
    }
  }

  /** All of it, or it rejects. With `sync`, the disk has it then. */
  async write(bytes: Uint8Array, sync: boolean): Promise<void> {
    this.#isDirty = true;
    await this.#file.write(bytes, this.segment.bytes);
    if (sync) await this.sync();
    // A file without a name takes whatever is written to it, and nobody ever reads it.
    if (!(await this.#hasName())) {
      throw new JournalError('ERR_TIERWISE_JOURNAL_GONE', `the segment ${this.segment.path} was removed`);
    }
    this.segment.bytes += bytes.byteLength;
  }

  async sync(): Promise<void> {
    if (!this.#isDirty) return;
    await this.#file.sync();
    this.#isDirty = false;
  }

  async close(sync: boolean): Promise<void> {
    try {
      if (sync) await this.sync();
    } finally {
      await this.#file.close();
    }
  }

  /** Cuts off what is not known to be whole, as well as can be. @returns whether the file is still there. */
  async abandon(): Promise<boolean> {
    await this.#file.close().catch(() => {});
    if (!(await this.#hasName().catch(() => true))) return false;
    await this.#disk.truncate(this.segment.path, this.segment.bytes).catch(() => {});
    return true;
  }

  async #hasName(): Promise<boolean> {
    try {
      return (await this.#disk.identity(this.segment.path)) === this.#identity;
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return false;
      throw error;
    }
  }
}
