import { execFile } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { L2 } from '@tierwise/l2';
import { embeddedL2 } from '@tierwise/l2-embedded';
import type { ChaosFault } from './faults.js';
import { LIMITS } from './limits.js';
import type { Stand } from './stand.js';

const run = promisify(execFile);

const DISK_MB = 24;
const CHUNK_BYTES = 64 * 1024;
/** More pages than a small store has left over. */
const MOST_WRITES = 500;

/** A store on a disk of its own, which can be filled. */
export interface EmbeddedStand extends Stand {
  readonly disk: string;
  readonly l2: () => L2;
}

/** Mounts a small disk in memory, which takes root on Linux. */
export async function startEmbeddedStand(): Promise<EmbeddedStand> {
  const disk = await mkdtemp(join(tmpdir(), 'tierwise-disk-'));
  await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'tmpfs', disk]);
  const l2 = () => embeddedL2({ dir: join(disk, 'store'), callTimeout: LIMITS.commandTimeout });
  return {
    disk,
    l2,
    places: () => ({ behind: l2, past: l2 }),
    network: undefined,
    async stop() {
      await run('umount', ['-l', disk]);
      await rm(disk, { recursive: true, force: true });
    },
  };
}

export const EMBEDDED_FAULTS: readonly ChaosFault<EmbeddedStand>[] = [
  { name: 'embedded: none', how: 'for comparison', begin: async () => async () => {} },
  {
    name: 'embedded: disk full',
    how: 'there is no room left on the disk, nor in the store for anything new',
    begin: async ({ disk, l2 }) => {
      const filler = join(disk, 'filler');
      await fill(filler);
      await useUp(l2());
      return () => rm(filler);
    },
  },
];

/** Writes a file until the disk takes no more. */
async function fill(path: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (let size = CHUNK_BYTES; size > 0; ) {
      const isWritten = await file.write(Buffer.alloc(size)).then(
        ({ bytesWritten }) => bytesWritten === size,
        () => false,
      );
      if (!isWritten) size = Math.floor(size / 2);
    }
  } finally {
    await file.close();
  }
}

/** Writes to a store until it takes no more, for it has pages to spare. */
async function useUp(l2: L2): Promise<void> {
  await l2.open({ origin: 'filler', onNews: () => {}, onFeedState: () => {} });
  const life = { freshMs: 3_600_000, keepMs: 3_600_000 };
  try {
    for (let i = 0; i < MOST_WRITES; i += 1) {
      await l2.write('filler', [{ key: `${i}`, bytes: Buffer.alloc(1_000), ...life }]);
    }
  } catch {
    // Full.
  } finally {
    await l2.close();
  }
}
