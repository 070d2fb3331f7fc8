import { createHash, type Hash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { decodeFooter, encodeFacts, FOOTER_BYTES, type Footer } from './snapshot-footer.js';
import { EmbeddedSnapshotError, failed } from './snapshot-options.js';
import type { Store } from './store.js';

/** What became of taking a snapshot. */
export interface EmbeddedSnapshot {
  readonly file: string;
  /** Its length. */
  readonly bytes: number;
  /** When, in milliseconds of the store's clock. */
  readonly takenAt: number;
  /** Older snapshots of the same store in the same folder, and remains of unfinished ones: removed, since they are past their ttl. */
  readonly removed: readonly string[];
}

/**
 * Copies a store as of one moment, while all processes go on reading and writing, into a file that is whole or not there. LMDB makes the
 * copy, off the event loop's thread and of the pages in use alone.
 */
export async function takeSnapshot(store: Store, file: string, now: number, ttlMs: number): Promise<EmbeddedSnapshot> {
  const folder = `${file}.${process.pid}-${randomBytes(6).toString('hex')}.tmp`;
  const copy = join(folder, 'data.mdb');
  try {
    await mkdir(folder, { mode: 0o700 });
    const life = store.read((tables) => tables.life());
    await store.copyTo(folder);
    const { size: length } = await stat(copy);
    const facts = encodeFacts({ takenAt: now, length, life });
    const hash = await hashOf(copy, length);
    const handle = await open(copy, 'a');
    try {
      await handle.chmod(0o600);
      await handle.appendFile(Buffer.concat([facts, hash.update(facts).digest()]));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(copy, file);
    return { file, bytes: length + FOOTER_BYTES, takenAt: now, removed: await collectGarbage(file, life, now, ttlMs) };
  } catch (error) {
    throw failed(error, file, 'unwritable');
  } finally {
    await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}

/** Reads what a snapshot says of itself, without looking at the rest of it. */
export async function readFooter(file: string): Promise<{ footer: Footer; bytes: Buffer }> {
  const handle = await open(file, 'r').catch((error: unknown) => Promise.reject(failed(error, file, 'unreadable')));
  try {
    const { size } = await handle.stat();
    const bytes = Buffer.alloc(FOOTER_BYTES);
    const { bytesRead } = await handle.read(bytes, 0, FOOTER_BYTES, Math.max(0, size - FOOTER_BYTES));
    const footer = decodeFooter(bytes.subarray(0, bytesRead), size);
    if (footer === 'foreign')
      throw new EmbeddedSnapshotError(footer, file, 'it is no snapshot of a store, or not a whole one');
    if (footer === 'newer') throw new EmbeddedSnapshotError(footer, file, 'its format is not known to this version');
    return { footer, bytes };
  } catch (error) {
    throw failed(error, file, 'unreadable');
  } finally {
    await handle.close();
  }
}

/** The hash of the first bytes of a file, to be continued. */
export async function hashOf(file: string, length: number): Promise<Hash> {
  const hash = createHash('sha256');
  if (length > 0) for await (const chunk of createReadStream(file, { end: length - 1 })) hash.update(chunk as Buffer);
  return hash;
}

/** What writers that were killed leave. */
const LEFTOVER = /\.\d+-[0-9a-f]{12}\.tmp$/;

/** Removes what is past its ttl: older snapshots of the same store in the same folder, and what was never finished. Never rejects, touches nothing else. */
async function collectGarbage(file: string, life: string, now: number, ttlMs: number): Promise<string[]> {
  const folder = dirname(file);
  const removed: string[] = [];
  for (const each of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const { name } = each;
    if (name === basename(file)) continue;
    const other = join(folder, name);
    try {
      if (name.startsWith(`${basename(file)}.`) && LEFTOVER.test(name)) {
        if (now - (await stat(other)).mtimeMs <= ttlMs) continue;
        await rm(other, { recursive: true });
        removed.push(other);
        continue;
      }
      // To open a pipe means to wait for whoever writes to it.
      if (!each.isFile()) continue;
      const { footer } = await readFooter(other);
      if (footer.life !== life || now - footer.takenAt <= ttlMs) continue;
      await unlink(other);
      removed.push(other);
    } catch {
      // No snapshot, or not to be removed.
    }
  }
  return removed;
}
