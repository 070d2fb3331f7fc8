import type { L2Damaged, L2Found } from '@tierwise/l2';
import type { RedisTime } from './clock.js';

/**
 * What stands in Redis under an entry's key: 34 bytes of header, then the bytes of the entry.
 *
 *    0  3  magic and format: `T` `W` 0x01
 *    3  1  by which kind of call it was written, so that its version is the microsecond at which that was: 1 a write, 2 a fill, 3 a
 *          replay or a commit; 0 where that is not known (by an earlier version of this package, or the version is not that moment)
 *    4  8  version, unsigned, big-endian
 *   12  6  written at, milliseconds of Redis' clock, unsigned, big-endian
 *   18  6  stale at, likewise; the same as written at: was expired, or never fresh
 *   24  6  gone at, likewise; the key's expiry in Redis is the same moment
 *   30  4  which server's clock that was, unsigned, big-endian: 32 bits that name its process
 *
 * Headers are written by scripts only (`scripts/prelude.ts`), since only they know Redis' time; they are read here.
 */
export const HEADER_BYTES = 34;

const MAGIC = 0x54570100;
const MAX_KIND = 3;

/**
 * Reads a stored entry. Never throws.
 *
 * @param now Redis' time, never earlier than it truly is.
 * @returns `undefined` for an entry whose life is over.
 */
export function decodeEnvelope(stored: Buffer, now: RedisTime): L2Found | L2Damaged | undefined {
  const entry = decode(stored, now);
  return entry.status === 'found' && entry.keepMs <= 0 ? undefined : entry;
}

/**
 * Reads a stored entry of which a script has just said that it lives. If it died on the way here, it is given the smallest
 * life that there is: it is over before anyone can use it.
 *
 * @param now the time of the server that answered.
 * @param gone when the entry is gone by that server's clock, as the script says: it may be stamped by another one's. 0 for bytes that are
 * not ours.
 */
export function decodeLiving(stored: Buffer, now: RedisTime, gone: RedisTime): L2Found | L2Damaged {
  const entry = decode(stored, now + goneAt(stored) - gone);
  return entry.status === 'found' && entry.keepMs <= 0 ? { ...entry, keepMs: Number.MIN_VALUE } : entry;
}

/**
 * The version in the beginning of a stored entry, as {@link HEADS} answers it.
 *
 * @returns 0 where there is no entry, `undefined` for bytes that are not ours.
 */
export function versionIn(head: Buffer): number | undefined {
  if (head.length === 0) return 0;
  return head.length >= 12 && hasMagic(head) ? head.readUInt32BE(4) * 2 ** 32 + head.readUInt32BE(8) : undefined;
}

/** By whose clock an entry is stamped. `undefined` for bytes that are not ours. */
export function stamperOf(stored: Buffer): number | undefined {
  return isOurs(stored) ? stored.readUInt32BE(30) : undefined;
}

/**
 * When an entry was written, in microseconds of the clock that it is stamped by. `undefined` where it does not say, and for bytes that
 * are not ours.
 */
export function writtenMicros(stored: Buffer): number | undefined {
  return isOurs(stored) && stored[3] !== 0 ? stored.readUInt32BE(4) * 2 ** 32 + stored.readUInt32BE(8) : undefined;
}

/** When an entry is gone, by the clock that it is stamped by. 0 for bytes that are not ours. */
export function goneAt(stored: Buffer): RedisTime {
  return isOurs(stored) ? stored.readUIntBE(24, 6) : 0;
}

function isOurs(stored: Buffer): boolean {
  return stored.length >= HEADER_BYTES && hasMagic(stored);
}

function hasMagic(stored: Buffer): boolean {
  const kind = stored[3] as number;
  return kind <= MAX_KIND && stored.readUInt32BE(0) - kind === MAGIC;
}

function decode(stored: Buffer, now: RedisTime): L2Found | L2Damaged {
  if (stored.length < HEADER_BYTES) return damaged(`${stored.length} bytes are too few for a header`);
  if (!hasMagic(stored)) return damaged('the header is not one of ours, or of a newer format');
  const version = stored.readUInt32BE(4) * 2 ** 32 + stored.readUInt32BE(8);
  const writtenAt = stored.readUIntBE(12, 6);
  const staleAt = stored.readUIntBE(18, 6);
  const goneAt = stored.readUIntBE(24, 6);
  if (!Number.isSafeInteger(version) || version < 1 || staleAt > goneAt)
    return damaged('the header contradicts itself');
  const ageMs = Math.max(0, now - writtenAt);
  return {
    status: 'found',
    bytes: stored.subarray(HEADER_BYTES),
    version,
    ageMs,
    // What was expired is as long stale as it is old, even if Redis' clock was set back behind that.
    freshMs: staleAt <= writtenAt ? 0 - ageMs : staleAt - now,
    keepMs: goneAt - now,
  };
}

function damaged(reason: string): L2Damaged {
  return { status: 'damaged', reason, version: 0 };
}
