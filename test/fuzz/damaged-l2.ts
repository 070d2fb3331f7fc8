import type { L2, L2Read } from '@tierwise/l2';
import { memoryL2 } from '@tierwise/l2/memory';

/** A second tier in memory that remembers what was written to it, and answers with other bytes than these. */
export interface DamagedL2 {
  readonly l2: L2;
  /** What was written last under a key. */
  readonly written: ReadonlyMap<string, Uint8Array>;
  /** Has reads answered with these bytes from now on; without an answer, honestly. */
  answer(bytesOf: ((key: string) => Uint8Array) | undefined): void;
}

export function damagedL2(): DamagedL2 {
  const honest = memoryL2();
  const written = new Map<string, Uint8Array>();
  let bytesOf: ((key: string) => Uint8Array) | undefined;
  const read: L2['read'] = async (namespace, keys, options) => {
    if (bytesOf === undefined) return honest.read(namespace, keys, options);
    return keys.map((key): L2Read => {
      const bytes = bytesOf?.(key) ?? new Uint8Array();
      return { status: 'found', bytes, version: 1, ageMs: 0, freshMs: 60_000, keepMs: 60_000 };
    });
  };
  const write: L2['write'] = (namespace, writes, options) => {
    for (const { key, bytes } of writes) written.set(key, bytes);
    return honest.write(namespace, writes, options);
  };
  const own: Partial<L2> = { read, write };
  const l2 = new Proxy(honest, {
    get: (target, name: keyof L2) => {
      const found = own[name] ?? target[name];
      return typeof found === 'function' ? found.bind(target) : found;
    },
  });
  return {
    l2,
    written,
    answer: (other) => {
      bytesOf = other;
    },
  };
}
