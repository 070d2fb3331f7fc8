import { constants, mkdir, open, readdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { codeOf } from './errors.js';

/**
 * The few things that a journal asks of a file system. All are asynchronous: a disk that takes its time must not stop
 * the event loop. Injected, so that tests decide when a write is done.
 */
export interface Disk {
  makeDirectory(path: string): Promise<void>;
  list(path: string): Promise<readonly string[]>;
  read(path: string): Promise<Buffer>;
  /** Makes a file, for its owner only, that must not exist. */
  create(path: string): Promise<DiskFile>;
  /** What tells this file from every other one on this machine. */
  identity(path: string): Promise<string>;
  truncate(path: string, bytes: number): Promise<void>;
  /** Removes a file, if it is there. */
  remove(path: string): Promise<void>;
  /** Makes sure that the names in a directory survive a loss of power, where the system can do that. */
  syncDirectory(path: string): Promise<void>;
}

/** A file that is written to. */
export interface DiskFile {
  identity(): Promise<string>;
  /** Writes all of it, or rejects. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** `fdatasync`. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export const nodeDisk: Disk = {
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o700 });
  },
  list: (path) => readdir(path),
  read: (path) => readFile(path),
  identity: async (path) => show(await stat(path, { bigint: true })),
  truncate: (path, bytes) => truncate(path, bytes),
  remove: (path) => rm(path, { force: true }),

  async create(path) {
    const handle = await open(path, 'wx', 0o600);
    return {
      identity: async () => show(await handle.stat({ bigint: true })),
      async write(bytes, position) {
        for (let done = 0; done < bytes.length; ) {
          const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
          done += bytesWritten;
        }
      },
      sync: () => handle.datasync(),
      close: () => handle.close(),
    };
  },

  async syncDirectory(path) {
    try {
      const handle = await open(path, constants.O_RDONLY);
      await handle.sync().finally(() => handle.close());
    } catch (error) {
      // Windows cannot, and some file systems have nothing to sync there.
      if (!['EISDIR', 'EPERM', 'EACCES', 'EINVAL', 'ENOTSUP'].includes(codeOf(error) ?? '')) throw error;
    }
  },
};

function show(stats: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${stats.dev}:${stats.ino}`;
}
