import { randomUUID } from 'node:crypto';
import type { L2Leases } from './contract.js';
import { type MemoryNode, NAME } from './memory-node.js';
import { checkDuration } from './validate.js';

/** Leases of a store in memory. */
export function memoryLeases(node: MemoryNode): L2Leases {
  return {
    acquire(namespace, requests, ttlMs, options) {
      const keys = requests.map((request) => request.key);
      return node.call(namespace, keys, options, (space) => {
        checkDuration(NAME, 'a lease', ttlMs);
        return requests.map(({ key, seen }) => {
          const entry = space.found(key);
          if (entry !== undefined && entry.version !== seen) return { status: 'changed', entry };
          const held = space.lease(key);
          if (held !== undefined) return { status: 'held', remainingMs: held.goneAt - space.store.now() };
          const token = randomUUID();
          space.state.leases.set(key, { token, goneAt: space.store.now() + ttlMs });
          return { status: 'granted', token };
        });
      });
    },

    renew(namespace, key, token, ttlMs, options) {
      return node.call(namespace, [key], options, (space) => {
        checkDuration(NAME, 'a lease', ttlMs);
        const lease = space.lease(key);
        if (lease?.token !== token) return false;
        lease.goneAt = space.store.now() + ttlMs;
        return true;
      });
    },

    release(namespace, key, token, options) {
      return node.call(namespace, [key], options, (space) => {
        if (space.lease(key)?.token !== token) return false;
        space.revoke(key);
        space.publish({ type: 'released', keys: [key] });
        return true;
      });
    },
  };
}
