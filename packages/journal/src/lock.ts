import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { codeOf, JournalError } from './errors.js';

/**
 * One process at a time uses a directory. What holds must be the kernel's, so that it ends with the process however that
 * dies: a file with a process id in it is wrong as soon as ids are used again, or processes live in containers, and two
 * that find it stale at the same time both take it over.
 *
 * Node has no call for a lock. But `flock(2)` belongs to the *open file*, not to the process: a child that inherits our
 * descriptor (the `flock` program of util-linux or busybox) locks it for us, and ends. BSD's and Windows' way is a
 * flag of `open`. On a Linux without the program, a socket in the kernel's abstract name space stands in: as atomic, and
 * gone with its process as well, but only known within one network name space.
 */
export interface Lock {
  /** Whether the directory still is the one that was locked: it may have been removed, or replaced. */
  isWhole(): Promise<boolean>;
  release(): Promise<void>;
}

/** Locks a directory, which must exist. Rejects with `ERR_TIERWISE_JOURNAL_IN_USE`, or with an error of the system. */
export type LockDirectory = (directory: string) => Promise<Lock>;

const LOCK_FILE = 'lock';

/** `O_EXLOCK` and `O_NONBLOCK` of BSD and macOS. */
const BSD_FLAGS = 0x20 | constants.O_NONBLOCK;
/** libuv's `UV_FS_O_EXLOCK`: no share mode. */
const WINDOWS_FLAG = 0x1000_0000;

/** @param program what is asked to lock on Linux; replaced in tests only. */
export async function lockDirectory(directory: string, program = 'flock'): Promise<Lock> {
  const path = join(directory, LOCK_FILE);
  const handle = await openLockFile(path);
  let releaseSocket: () => Promise<void> = async () => {};
  try {
    const { dev, ino } = await handle.stat({ bigint: true });
    if (process.platform === 'linux') {
      const answer = await flock(handle.fd, program);
      if (answer === 'taken') throw await inUse(path);
      if (answer === 'unknown') releaseSocket = await bindSocket(`\0tierwise-journal:${dev}:${ino}`, path);
    }
    await signLockFile(handle);
    return {
      isWhole: async () => {
        const now = await stat(path, { bigint: true }).catch(() => undefined);
        return now?.dev === dev && now.ino === ino;
      },
      release: async () => {
        await releaseSocket();
        await handle.close();
      },
    };
  } catch (error) {
    await releaseSocket();
    await handle.close();
    throw error;
  }
}

async function openLockFile(path: string): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_CREAT;
  const isWindows = process.platform === 'win32';
  const locks = isWindows ? WINDOWS_FLAG : process.platform === 'linux' ? 0 : BSD_FLAGS;
  try {
    return await open(path, flags | locks, 0o600);
  } catch (error) {
    if (['EAGAIN', 'EWOULDBLOCK', ...(isWindows ? ['EBUSY'] : [])].includes(codeOf(error) ?? ''))
      throw await inUse(path);
    throw error;
  }
}

/** For people: nothing depends on it. A full disk must not keep us from what is in the log. */
async function signLockFile(handle: FileHandle): Promise<void> {
  try {
    await handle.truncate(0);
    await handle.write(`${process.pid}\n`, 0);
  } catch {
    // Then it says nothing.
  }
}

/**
 * `unknown`: the program is not there, or the file system has no such locks. Any other trouble is thrown: to go another way than
 * the holder of the lock went would mean to be two.
 */
async function flock(fd: number, program: string): Promise<'locked' | 'taken' | 'unknown'> {
  const env = { PATH: `${process.env['PATH'] ?? ''}:/usr/bin:/bin` };
  const child = spawn(program, ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd], env });
  try {
    const [code, signal] = await once(child, 'exit');
    if (code === null) throw new Error(`${program} was ended by ${signal}`);
    return code === 0 ? 'locked' : code === 1 ? 'taken' : 'unknown';
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'unknown';
    throw error;
  }
}

async function bindSocket(name: string, path: string): Promise<() => Promise<void>> {
  const server = createServer((socket) => socket.destroy());
  try {
    // Exclusive: in a worker of `node:cluster`, the primary would listen for all of them.
    server.listen({ path: name, exclusive: true });
    await once(server, 'listening');
  } catch (error) {
    throw codeOf(error) === 'EADDRINUSE' ? await inUse(path) : error;
  }
  server.unref();
  return () => new Promise((resolve) => server.close(() => resolve()));
}

async function inUse(path: string): Promise<JournalError> {
  const holder = await readFile(path, 'utf8').catch(() => '');
  const who = /^\d+$/.test(holder.trim()) ? ` (process ${holder.trim()})` : '';
  return new JournalError(
    'ERR_TIERWISE_JOURNAL_IN_USE',
    `another journal${who} has the lock ${path}: each process needs a directory of its own`,
  );
}
