import { checkCommit, DELETION_MEMORY_MS, type L2Commit, type L2Committed, type L2Transactions } from '@tierwise/l2';
import { deleteEntry, readEntry, storeEntry } from './entries.js';
import { evict } from './expiry.js';
import { NAME } from './options.js';
import { shortestLife } from './replay.js';
import type { Space } from './space.js';
import { checkedSpace, EVICTIONS_A_STEP, type Steps } from './steps.js';
import type { Transaction } from './transaction.js';

/** Transactions of the contract: a read is one snapshot of LMDB, a commit one of its transactions. */
export function transactionsIn(steps: Steps): L2Transactions {
  return {
    async read(namespace, keys, options) {
      const { store, actor } = steps.enter(options);
      const space = checkedSpace(namespace, keys);
      const answers = store.read((tables) => keys.map((key) => readEntry(tables, actor.now(), space, key)));
      for (const answer of answers) if (answer?.status === 'found') steps.node.moments.hear(answer.version);
      return answers;
    },

    async commit(namespace, commit, options) {
      const { sweeper } = steps.enter(options);
      const space = checkedSpace(namespace);
      checkCommit(NAME, commit);
      const { maxBytes } = steps.node.options;
      let isOverCap = false;
      const committed = await steps.inOne('commit', options, (txn) => {
        const firstVersion = txn.counters.lastNumber + 1;
        const answer = commitIn(txn, space, commit, maxBytes);
        isOverCap = !evict(txn, maxBytes, EVICTIONS_A_STEP, firstVersion);
        return answer;
      });
      if (isOverCap) sweeper.hurry();
      else if (commit.writes.length > 0) sweeper.expect(shortestLife(commit.writes));
      if (commit.deletes.length > 0) sweeper.expect(DELETION_MEMORY_MS);
      return committed;
    },
  };
}

function commitIn(txn: Transaction, space: Space, commit: L2Commit, maxBytes: number): L2Committed {
  const unexpected = commit.expect.filter(
    ({ key, version }) => readEntry(txn.tables, txn.now, space, key)?.version !== version,
  );
  if (unexpected.length > 0) return { status: 'conflict', keys: [...new Set(unexpected.map(({ key }) => key))] };
  const versions = commit.writes.map((write) => storeEntry(txn, space, write, 'write', maxBytes));
  for (const key of commit.deletes) deleteEntry(txn, space, key);
  return { status: 'committed', versions };
}
