import { randomBytes } from 'node:crypto';
import { renameSync } from 'node:fs';
import { type FileHandle, open, readdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SnapshotError } from './errors.js';
import {
  bodyLength,
  decodeBody,
  decodeHeader,
  END_REST_BYTES,
  encodeHeader,
  encodeRecord,
  FileChecksum,
  FRAME_BYTES,
  HEADER_START_BYTES,
  headerLength,
  type SnapshotHeader,
  type SnapshotRecord,
} from './snapshot-format.js';

/** How much is gathered before it is written, in bytes. Between two writes other work gets its turn. */
const CHUNK_BYTES = 256 * 1024;

/** How much is read at once, in bytes; a larger record has to be held all the same. */
const READ_BYTES = 256 * 1024;

export interface WriteOptions {
  readonly signal: AbortSignal | undefined;
  /** Asked at the end, in the very step that puts the file in its place. `false`: it is not to be. */
  readonly isTrue: () => boolean;
  /** Called in that step, if it was put there. */
  readonly onPlaced: () => void;
}

/**
 * Writes a snapshot beside its place and moves it there when it is whole and on the disk: whoever reads sees the former one or this one.
 *
 * @param records may be asked for the next one long after the last.
 * @returns the file's length in bytes; `undefined` if it was not put in its place.
 * @throws SnapshotError `unwritable`, or the signal's reason. The former file is there then.
 */
export async function writeSnapshot(
  file: string,
  header: SnapshotHeader,
  records: Iterable<SnapshotRecord>,
  { signal, isTrue, onPlaced }: WriteOptions,
): Promise<number | undefined> {
  const temporary = `${file}.${process.pid}-${randomBytes(6).toString('hex')}.tmp`;
  let handle: FileHandle | undefined;
  try {
    handle = await open(temporary, 'wx', 0o600);
    const bytes = await writeAll(handle, header, records, signal);
    await handle.sync();
    await handle.close();
    handle = undefined;
    if (!isTrue()) {
      await unlink(temporary);
      return undefined;
    }
    renameSync(temporary, file);
    onPlaced();
    return bytes;
  } catch (error) {
    await handle?.close().catch(() => {});
    await unlink(temporary).catch(() => {});
    signal?.throwIfAborted();
    throw new SnapshotError('unwritable', file, `it cannot be written: ${messageOf(error)}`, error);
  }
}

async function writeAll(
  handle: FileHandle,
  header: SnapshotHeader,
  records: Iterable<SnapshotRecord>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const checksum = new FileChecksum();
  const head = encodeHeader(header);
  checksum.add(head);
  let chunk: Buffer[] = [head];
  let chunkBytes = head.length;
  let bytes = 0;
  const flush = async () => {
    await handle.appendFile(Buffer.concat(chunk));
    bytes += chunkBytes;
    chunk = [];
    chunkBytes = 0;
    signal?.throwIfAborted();
  };
  for (const record of records) {
    const encoded = encodeRecord(record);
    checksum.add(encoded.subarray(0, FRAME_BYTES));
    chunk.push(encoded);
    chunkBytes += encoded.length;
    if (chunkBytes >= CHUNK_BYTES) await flush();
  }
  const end = checksum.end();
  chunk.push(end);
  chunkBytes += end.length;
  await flush();
  return bytes;
}

/** A snapshot that is whole: its records are to be read one by one, and each may turn out to be damaged. */
export interface OpenSnapshot {
  readonly header: SnapshotHeader;
  /** In the file's order. `undefined` stands for a damaged one. */
  records(): AsyncGenerator<SnapshotRecord | undefined>;
  close(): Promise<void>;
}

/**
 * Opens a snapshot and checks it as a whole.
 *
 * @throws SnapshotError `missing`, `unreadable`, `foreign`, `newer` or `damaged`
 */
export async function openSnapshot(file: string): Promise<OpenSnapshot> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new SnapshotError(
      missing ? 'missing' : 'unreadable',
      file,
      `it cannot be opened: ${messageOf(error)}`,
      error,
    );
  }
  try {
    const reader = new Reader(handle);
    const { header, length } = await checkWhole(file, reader);
    return { header, records: () => readRecords(reader, length, header.count), close: () => handle.close() };
  } catch (error) {
    await handle.close();
    if (error instanceof SnapshotError) throw error;
    throw new SnapshotError('unreadable', file, `it cannot be read: ${messageOf(error)}`, error);
  }
}

async function checkWhole(file: string, reader: Reader): Promise<{ header: SnapshotHeader; length: number }> {
  const damaged = (what: string) => new SnapshotError('damaged', file, what);
  const length = headerLength(await reader.read(HEADER_START_BYTES));
  if (length === 'foreign') throw new SnapshotError('foreign', file, 'it is no snapshot');
  if (length === 'newer') throw new SnapshotError('newer', file, 'its format is not known to this version');
  reader.at = 0;
  const head = await reader.read(length);
  const header = head.length === length ? decodeHeader(head) : undefined;
  if (header === undefined) throw damaged('its header is damaged');
  const checksum = new FileChecksum();
  checksum.add(head);
  for (let records = 0; ; records += 1) {
    const frame = await reader.read(FRAME_BYTES);
    const body = frame.length === FRAME_BYTES ? bodyLength(frame) : undefined;
    if (body === undefined) throw damaged(`it breaks off, or is damaged, at record ${records}`);
    if (body === 'end') {
      const end = Buffer.concat([frame, await reader.read(END_REST_BYTES)]);
      const more = await reader.read(1);
      if (records !== header.count || more.length > 0 || !end.equals(checksum.end()))
        throw damaged('its checksum is wrong');
      return { header, length };
    }
    checksum.add(frame);
    reader.at += body;
  }
}

async function* readRecords(reader: Reader, from: number, count: number): AsyncGenerator<SnapshotRecord | undefined> {
  reader.at = from;
  for (let record = 0; record < count; record += 1) {
    const frame = await reader.read(FRAME_BYTES);
    const length = bodyLength(frame);
    if (typeof length !== 'number') return;
    yield decodeBody(frame, await reader.read(length));
  }
}

/** Reads a file in large pieces. */
class Reader {
  readonly #handle: FileHandle;
  /** Where the next read begins. */
  at = 0;
  #window: Buffer = Buffer.alloc(0);
  #windowAt = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** The next bytes; fewer at the file's end. */
  async read(length: number): Promise<Buffer> {
    const from = this.at - this.#windowAt;
    if (from < 0 || from + length > this.#window.length) {
      const buffer = Buffer.allocUnsafe(Math.max(length, READ_BYTES));
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.at);
      this.#window = buffer.subarray(0, bytesRead);
      this.#windowAt = this.at;
    }
    const start = this.at - this.#windowAt;
    const bytes = this.#window.subarray(start, start + length);
    this.at += bytes.length;
    return bytes;
  }
}

/** What the name of a file that is being written has in addition. */
const LEFTOVER = /^\d+-[0-9a-f]{12}\.tmp$/;

/**
 * Removes a snapshot that is older than `ttlMs`, and what writers that died have left beside it. Never rejects; touches no file that is
 * not a snapshot of ours.
 *
 * @returns the files that were removed.
 */
export async function collectGarbage(file: string, ttlMs: number, now: number): Promise<string[]> {
  const removed: string[] = [];
  const remove = (path: string) =>
    unlink(path).then(
      () => removed.push(path),
      () => {},
    );
  try {
    const snapshot = await openSnapshot(file);
    await snapshot.close();
    if (now - snapshot.header.takenAt > ttlMs) await remove(file);
  } catch {
    // There is none, or it is not known to be ours.
  }
  const folder = dirname(file);
  const prefix = `${basename(file)}.`;
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(prefix) || !LEFTOVER.test(name.slice(prefix.length))) continue;
    const path = join(folder, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: now }));
    if (now - mtimeMs > ttlMs) await remove(path);
  }
  return removed;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
