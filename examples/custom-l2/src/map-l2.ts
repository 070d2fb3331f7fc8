import { checkLife, checkNames, checkWrite, type L2, L2ClosedError, L2InUseError, type L2Life } from '@tierwise/l2';

type Entry = { bytes: Uint8Array; version: number; writtenAt: number; staleAt: number; goneAt: number };

/** What several nodes share: namespace → key → entry. Put your own store in its place. */
export type MapStore = Map<string, Map<string, Entry>>;

const name = 'map';
let lastVersion = 0;

/** The smallest L2: no leases, no logical time, no feed. What has ended stays until somebody asks for it. */
export function mapL2(store: MapStore = new Map()): L2 {
  let state: 'new' | 'open' | 'closed' = 'new';

  /** What every call begins with: the present moment, and the namespace's entries without those of `keys` that have ended. */
  function enter(namespace: string, keys: readonly string[], signal?: AbortSignal) {
    if (state !== 'open') throw new L2ClosedError(name);
    signal?.throwIfAborted();
    checkNames(name, 'namespace', [namespace]);
    checkNames(name, 'key', keys);
    const entries = store.get(namespace) ?? new Map<string, Entry>();
    store.set(namespace, entries);
    const now = performance.now();
    for (const key of keys) if ((entries.get(key)?.goneAt ?? 0) <= now) entries.delete(key);
    return { entries, now, found: keys.map((key) => entries.get(key)) };
  }
  const endsOf = ({ freshMs, keepMs }: L2Life, now: number) => ({ staleAt: now + freshMs, goneAt: now + keepMs });

  return {
    name,
    async open() {
      if (state !== 'new') throw state === 'open' ? new L2InUseError(name) : new L2ClosedError(name);
      state = 'open';
    },
    async close() {
      state = 'closed';
    },
    async read(namespace, keys, options) {
      const { found, now } = enter(namespace, keys, options?.signal);
      return found.map((entry) => {
        if (entry === undefined) return undefined;
        const { bytes, version, writtenAt, staleAt, goneAt } = entry;
        const times = { ageMs: now - writtenAt, freshMs: staleAt - now, keepMs: goneAt - now };
        return { status: 'found', bytes: bytes.slice(), version, ...times };
      });
    },
    async write(namespace, writes, options) {
      const { entries, now } = enter(namespace, [], options?.signal);
      for (const write of writes) checkWrite(name, write);
      return writes.map((write) => {
        if (write.lease !== undefined) return { status: 'refused' };
        const version = ++lastVersion;
        entries.set(write.key, { bytes: write.bytes.slice(), version, writtenAt: now, ...endsOf(write, now) });
        return { status: 'stored', version };
      });
    },
    async delete(namespace, keys, options) {
      const { entries } = enter(namespace, keys, options?.signal);
      return keys.map((key) => entries.delete(key));
    },
    async expire(namespace, keys, options) {
      const { found } = enter(namespace, keys, options?.signal);
      return found.map((entry) => entry !== undefined && Object.assign(entry, { staleAt: entry.writtenAt }) === entry);
    },
    async touch(namespace, keys, life, options) {
      const { found, now } = enter(namespace, keys, options?.signal);
      checkLife(name, life);
      return found.map((entry) => {
        if (entry === undefined) return false;
        const { staleAt, goneAt } = endsOf(life, now);
        Object.assign(entry, { staleAt: entry.staleAt > now ? staleAt : entry.staleAt, goneAt });
        return true;
      });
    },
    async purge(namespace, options) {
      const { entries } = enter(namespace, [...(store.get(namespace)?.keys() ?? [])], options?.signal);
      const removed = entries.size;
      entries.clear();
      return removed;
    },
    async health(options) {
      options?.signal?.throwIfAborted();
      return { status: state === 'open' ? 'up' : 'down', latencyMs: 0, feed: undefined, detail: 'a Map' };
    },
  };
}
