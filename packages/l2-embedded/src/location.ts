import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { L2UnavailableError } from '@tierwise/l2';
import { type EmbeddedDurability, NAME } from './options.js';

/**
 * Where in a directory the store lies, and whether its commits wait for the disk.
 *
 * With durability `power` it lies in `durable/`, and every commit waits: some milliseconds each. With `process` no
 * commit waits, which is some fifty times faster. Nothing that a process does can hurt the store then, for the kernel
 * holds the pages; but after a loss of power LMDB could find some of them on the disk and others not. So that such a
 * store is never opened again, it lies in `boot-<id>/`, named after the kernel's boot: after a restart of the machine
 * the store begins empty, and the old one is removed. (Two processes that open at that moment need no agreement: nobody
 * can be using the folder of an earlier boot.)
 */
export interface Location {
  /** The folder of LMDB's files. Real, so that it can be compared. */
  readonly path: string;
  /** Whether commits wait for the disk. */
  readonly waitsForDisk: boolean;
}

const DURABLE = 'durable';
const BOOT = 'boot-';
/** Linux' name for "since the machine was started". */
const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id';

/** Finds, and makes if need be, the place of a store. Throws `L2UnavailableError`. */
export function locate(dir: string, durability: EmbeddedDurability, bootIdFile = BOOT_ID_FILE): Location {
  const bootId = readBootId(bootIdFile);
  const ofThisBoot = `${BOOT}${bootId ?? 'unknown'}`;
  const [own, other] = durability === 'power' ? [DURABLE, ofThisBoot] : [ofThisBoot, DURABLE];
  try {
    mkdirSync(join(dir, own), { recursive: true, mode: 0o700 });
    if (existsSync(join(dir, other))) {
      if (readdirSync(join(dir, own)).length === 0) rmdirSync(join(dir, own));
      throw new Error(
        'it is in use with another durability: all processes must name the same one, or another directory',
      );
    }
    for (const name of readdirSync(dir)) {
      if (name.startsWith(BOOT) && name !== ofThisBoot) rmSync(join(dir, name), { recursive: true, force: true });
    }
    return { path: realpathSync(join(dir, own)), waitsForDisk: durability === 'power' || bootId === undefined };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new L2UnavailableError(NAME, `the directory ${dir} cannot be used: ${reason}`, { cause });
  }
}

/** `undefined` where the system does not tell: the store waits for the disk there. */
function readBootId(file: string): string | undefined {
  try {
    return /^[0-9a-f-]{36}$/.exec(readFileSync(file, 'utf8').trim())?.[0];
  } catch {
    return undefined;
  }
}
