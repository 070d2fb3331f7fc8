import type { L2Transactions } from './contract.js';
import { type MemoryNode, NAME } from './memory-node.js';
import { checkCommit } from './validate.js';

/** Transactions on a store in memory, where every call is one step anyway. */
export function memoryTransactions(node: MemoryNode): L2Transactions {
  return {
    read(namespace, keys, options) {
      return node.call(namespace, keys, options, (space) => keys.map((key) => space.found(key)));
    },

    commit(namespace, commit, options) {
      return node.call(namespace, [], options, (space) => {
        checkCommit(NAME, commit);
        const unexpected = commit.expect.filter(({ key, version }) => space.entry(key)?.version !== version);
        if (unexpected.length > 0) return { status: 'conflict', keys: [...new Set(unexpected.map(({ key }) => key))] };
        const versions = commit.writes.map((write) => space.put(write, 'write'));
        for (const key of commit.deletes) space.remove(key);
        return { status: 'committed', versions };
      });
    },
  };
}
