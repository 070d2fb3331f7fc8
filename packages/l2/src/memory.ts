import type {
  L2,
  L2CallOptions,
  L2Feed,
  L2Health,
  L2Host,
  L2Leases,
  L2Life,
  L2LogicalTime,
  L2Read,
  L2Replay,
  L2Transactions,
  L2Write,
  L2Written,
} from './contract.js';
import { memoryLeases } from './memory-leases.js';
import { MemoryNode, NAME } from './memory-node.js';
import { memoryReplay } from './memory-replay.js';
import { MemoryStore } from './memory-store.js';
import { memoryTime } from './memory-time.js';
import { memoryTransactions } from './memory-transactions.js';
import { checkLife, checkWrite } from './validate.js';

export { MemoryStore, type MemoryStoreOptions } from './memory-store.js';

/**
 * A node on a store in memory: the contract's reference, with every capability. It is the shortest complete answer to "what
 * does the contract mean", and a second tier for the tests of services that want no server. It bounds nothing and survives
 * nothing.
 *
 * @param store shared by the nodes that are to see each other's entries. Default: one of its own.
 */
export function memoryL2(store: MemoryStore = new MemoryStore()): L2 {
  return new MemoryL2(store);
}

class MemoryL2 implements L2 {
  readonly name = NAME;
  readonly leases: L2Leases;
  readonly time: L2LogicalTime;
  readonly feed: L2Feed;
  readonly replay: L2Replay;
  readonly transactions: L2Transactions;
  readonly #node: MemoryNode;

  constructor(store: MemoryStore) {
    const node = new MemoryNode(store);
    this.#node = node;
    this.leases = memoryLeases(node);
    this.time = memoryTime(node);
    this.replay = memoryReplay(node);
    this.transactions = memoryTransactions(node);
    this.feed = {
      follow: (namespace, options) =>
        node.call(namespace, [], options, () => void store.follow(node.host()).add(namespace)),
    };
  }

  open(host: L2Host): Promise<void> {
    return this.#node.open(host);
  }

  close(): Promise<void> {
    return this.#node.close();
  }

  read(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<L2Read[]> {
    return this.#node.call(namespace, keys, options, (space) => keys.map((key) => space.found(key)));
  }

  write(namespace: string, entries: readonly L2Write[], options?: L2CallOptions): Promise<L2Written[]> {
    return this.#node.call(namespace, [], options, (space) => {
      for (const entry of entries) checkWrite(NAME, entry);
      return entries.map((entry) => {
        const { key, lease } = entry;
        if (lease !== undefined && space.lease(key)?.token !== lease) return { status: 'refused' };
        return { status: 'stored', version: space.put(entry, lease === undefined ? 'write' : 'fill') };
      });
    });
  }

  delete(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<boolean[]> {
    return this.#node.call(namespace, keys, options, (space) => keys.map((key) => space.remove(key)));
  }

  expire(namespace: string, keys: readonly string[], options?: L2CallOptions): Promise<boolean[]> {
    return this.#node.call(namespace, keys, options, (space) => keys.map((key) => space.expire(key)));
  }

  touch(namespace: string, keys: readonly string[], life: L2Life, options?: L2CallOptions): Promise<boolean[]> {
    return this.#node.call(namespace, keys, options, (space) => {
      checkLife(NAME, life);
      return keys.map((key) => space.touch(key, life));
    });
  }

  purge(namespace: string, options?: L2CallOptions): Promise<number> {
    return this.#node.call(namespace, [], options, (space) => {
      const { entries, leases } = space.state;
      const removed = [...entries.keys()].filter((key) => space.entry(key) !== undefined).length;
      entries.clear();
      leases.clear();
      space.publish({ type: 'reset', reason: 'purge' });
      return removed;
    });
  }

  async health(options?: L2CallOptions): Promise<L2Health> {
    options?.signal?.throwIfAborted();
    const { isOpen } = this.#node;
    return {
      status: isOpen ? 'up' : 'down',
      latencyMs: 0,
      feed: isOpen ? 'alive' : 'deaf',
      detail: isOpen ? 'in memory' : 'not open',
    };
  }
}
