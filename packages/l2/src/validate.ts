import {
  type L2CallOptions,
  type L2Commit,
  type L2Life,
  type L2ReplayWrite,
  type L2Write,
  MAX_CORRELATION_LENGTH,
  MAX_LIFE_MS,
} from './contract.js';
import { L2InvalidError } from './errors.js';

const MAX_KEY_BYTES = 65_536;
const MAX_VALUE_BYTES = 64 * 1024 * 1024;
const MAX_COMMIT_KEYS = 1_000;

/**
 * The checks of arguments that the contract asks of every backend, so that all of them refuse the same things in the same
 * words. Each throws {@link L2InvalidError}.
 */
export function checkNames(backend: string, what: 'namespace' | 'key' | 'tag', names: readonly string[]): void {
  for (const name of names) {
    if (typeof name !== 'string') {
      throw new L2InvalidError(backend, `a ${what} must be a string, not ${typeof name}`);
    }
    if (!name.isWellFormed()) {
      throw new L2InvalidError(
        backend,
        `a ${what} must be well-formed Unicode: ${JSON.stringify(name)} has a lone surrogate`,
      );
    }
    // A UTF-16 unit takes at most three bytes of UTF-8, so short names need no count.
    if (name.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(name) > MAX_KEY_BYTES) {
      throw new L2InvalidError(
        backend,
        `a ${what} may have up to ${MAX_KEY_BYTES} bytes of UTF-8, not ${Buffer.byteLength(name)}`,
      );
    }
  }
}

/** Whether something may be a correlation id, see `L2CallOptions`. */
export function isCorrelationId(id: unknown): id is string {
  return typeof id === 'string' && id.length <= MAX_CORRELATION_LENGTH && /^[\x21-\x7e]+$/.test(id);
}

/** Checks the correlation id of a call, if it has one. */
export function checkCorrelation(backend: string, options: L2CallOptions | undefined): void {
  const id: unknown = options?.correlationId;
  if (id === undefined) return;
  if (isCorrelationId(id)) return;
  throw new L2InvalidError(
    backend,
    `a correlation id must be 1 to ${MAX_CORRELATION_LENGTH} visible ASCII characters, not ${JSON.stringify(id)}`,
  );
}

/** Checks a lease's `ttlMs`, or a mark's `ensureMs`. */
export function checkDuration(backend: string, what: string, ms: number): void {
  if (!Number.isSafeInteger(ms) || ms < 1 || ms > MAX_LIFE_MS) {
    throw new L2InvalidError(
      backend,
      `${what} must be a whole number of milliseconds from 1 to ${MAX_LIFE_MS}, not ${ms}`,
    );
  }
}

export function checkLife(backend: string, life: L2Life): void {
  checkDuration(backend, 'keepMs', life.keepMs);
  if (!Number.isSafeInteger(life.freshMs) || life.freshMs < 0 || life.freshMs > life.keepMs) {
    throw new L2InvalidError(
      backend,
      `freshMs must be a whole number of milliseconds from 0 to keepMs (${life.keepMs}), not ${life.freshMs}`,
    );
  }
}

export function checkWrite(backend: string, write: L2Write): void {
  checkNames(backend, 'key', [write.key]);
  checkLife(backend, write);
  if (!(write.bytes instanceof Uint8Array)) {
    throw new L2InvalidError(backend, `bytes must be a Uint8Array, not ${typeof write.bytes}`);
  }
  if (write.bytes.byteLength > MAX_VALUE_BYTES) {
    throw new L2InvalidError(backend, `a value may have up to ${MAX_VALUE_BYTES} bytes, not ${write.bytes.byteLength}`);
  }
}

/** Checks `known` of a call on logical time. */
export function checkGeneration(backend: string, known: number): void {
  if (!Number.isSafeInteger(known) || known < 0) {
    throw new L2InvalidError(backend, `known must be a whole number, 0 or more, not ${known}`);
  }
}

/** Checks what is to be replayed. A moment that cannot be read is no mistake of the caller's: the store cannot tell, then. */
export function checkReplays(backend: string, entries: readonly L2ReplayWrite[]): void {
  for (const entry of entries) checkWrite(backend, entry);
}

/** Checks a commit: no key is changed twice, no write is a fill, and no more keys take part than a store does in one step. */
export function checkCommit(backend: string, { expect, writes, deletes }: L2Commit): void {
  const expected = expect.map(({ key }) => key);
  checkNames(backend, 'key', expected);
  checkNames(backend, 'key', deletes);
  for (const write of writes) {
    checkWrite(backend, write);
    if (write.lease !== undefined)
      throw new L2InvalidError(backend, 'a write of a commit is no fill: it takes no lease');
  }
  const changed = [...writes.map(({ key }) => key), ...deletes];
  const distinct = new Set(changed);
  if (distinct.size < changed.length) throw new L2InvalidError(backend, 'a commit changes each key once at most');
  const { size } = new Set([...changed, ...expected]);
  if (size > MAX_COMMIT_KEYS) {
    throw new L2InvalidError(backend, `a commit may have up to ${MAX_COMMIT_KEYS} keys, not ${size}`);
  }
}
