import type { L2 } from '@tierwise/l2';
import { MemoryStore, memoryL2 } from '@tierwise/l2/memory';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findAnomalies, type Record } from '../test/isolation.js';
import { runRandomTransactions, seeded } from '../test/random-transactions.js';
import { createHierarchy } from './index.js';

const KEYS = ['a', 'b', 'c', 'd', 'e'];

/** Calls take a random number of turns on their way there and back, so that those of several actors mix. */
function delayed(inner: L2, random: () => number, change: (l2: L2) => Partial<L2> = () => ({})): L2 {
  const wait = async () => {
    for (let turns = Math.floor(random() * 3); turns > 0; turns--)
      await new Promise((resolve) => setImmediate(resolve));
  };
  const slow = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      await wait();
      const answer = await call(...args);
      await wait();
      return answer;
    };
  };
  const { transactions, leases, time, feed } = inner;
  const l2: L2 = {
    name: inner.name,
    open: (host) => inner.open(host),
    close: () => inner.close(),
    read: slow((...args) => inner.read(...args)),
    write: slow((...args) => inner.write(...args)),
    delete: slow((...args) => inner.delete(...args)),
    expire: slow((...args) => inner.expire(...args)),
    touch: slow((...args) => inner.touch(...args)),
    purge: slow((...args) => inner.purge(...args)),
    health: (...args) => inner.health(...args),
    ...(leases && { leases }),
    ...(time && { time }),
    ...(feed && { feed }),
    ...(transactions && { transactions: { read: slow(transactions.read), commit: slow(transactions.commit) } }),
  };
  return { ...l2, ...change(l2) };
}

/** @param breakIt makes the backend unsound. @param nodeCount 0: one, without an L2. */
async function run(seed: number, nodeCount: number, breakIt?: (l2: L2) => Partial<L2>): Promise<Record[]> {
  const random = seeded(seed);
  const store = new MemoryStore();
  const nodes = Array.from({ length: Math.max(1, nodeCount) }, () =>
    createHierarchy({
      namespace: 'test',
      ...(nodeCount > 0 && { l2: delayed(memoryL2(store), random, breakIt) }),
    }),
  );
  onTestFinished(async () => {
    for (const node of nodes) await node.close();
  });
  return runRandomTransactions({
    ...{ nodes, keys: KEYS, actors: 4, each: 40, random },
    yield: () => new Promise((resolve) => setImmediate(resolve)),
  });
}

describe('random transactions that run at once', () => {
  test.each([
    ['on three nodes', 3],
    ['on two nodes', 2],
    ['on one node', 1],
    ['without an L2', 0],
  ])('%s are serialisable', async (_, nodeCount) => {
    for (let seed = 1; seed <= 5; seed++) {
      const history = await run(seed, nodeCount);
      expect(findAnomalies(history), `seed ${seed}`).toEqual([]);
      const count = (outcome: string) => history.filter((each) => each.outcome === outcome).length;
      // Otherwise nothing was tried.
      expect(count('committed')).toBeGreaterThan(20);
      expect(count('conflict')).toBeGreaterThan(5);
      expect(count('rolled back')).toBeGreaterThan(0);
    }
  });
});

describe('the checker finds what a broken backend does', () => {
  const transactionsOf = (l2: L2) => {
    if (l2.transactions === undefined) throw new Error('no transactions');
    return l2.transactions;
  };
  /** All kinds of anomalies that are found within some runs. */
  async function anomalies(breakIt: (l2: L2) => Partial<L2>): Promise<Set<string>> {
    const kinds = new Set<string>();
    for (let seed = 1; seed <= 5; seed++) {
      for (const anomaly of findAnomalies(await run(seed, 2, breakIt))) kinds.add(anomaly.split(':')[0] ?? '');
    }
    return kinds;
  }

  test('a commit that expects nothing: lost updates', async () => {
    const found = await anomalies((l2) => ({
      transactions: {
        ...transactionsOf(l2),
        commit: (namespace, commit, options) =>
          transactionsOf(l2).commit(namespace, { ...commit, expect: [] }, options),
      },
    }));
    expect(found).toContain('lost update');
  });

  test('a commit that expects only what it writes: write skew', async () => {
    const found = await anomalies((l2) => ({
      transactions: {
        ...transactionsOf(l2),
        commit: (namespace, commit, options) => {
          const written = new Set(commit.writes.map(({ key }) => key));
          const expect = commit.expect.filter(({ key }) => written.has(key));
          return transactionsOf(l2).commit(namespace, { ...commit, expect }, options);
        },
      },
    }));
    expect([...found]).toEqual(['not serialisable']);
  });

  test('a read that is not of one moment: what never stood together, in transactions that could not be committed', async () => {
    const found = await anomalies((l2) => ({
      transactions: {
        ...transactionsOf(l2),
        read: async (namespace, keys, options) => {
          const answers = [];
          for (const key of keys) answers.push(...(await transactionsOf(l2).read(namespace, [key], options)));
          return answers;
        },
      },
    }));
    expect([...found]).toEqual(['not serialisable']);
  });

  test('a commit that tells of a conflict but leaves its writes: dirty reads', async () => {
    const found = await anomalies((l2) => ({
      transactions: {
        ...transactionsOf(l2),
        commit: async (namespace, commit, options) => {
          const answer = await transactionsOf(l2).commit(namespace, commit, options);
          if (answer.status === 'conflict') await l2.write(namespace, commit.writes);
          return answer;
        },
      },
    }));
    expect(found).toContain('dirty read');
  });
});

describe('the checker knows', () => {
  const record = (id: string, reads: object, writes: object, outcome: Record['outcome'] = 'committed'): Record => ({
    id,
    outcome,
    reads: new Map(Object.entries(reads)),
    writes: new Map(Object.entries(writes)),
  });

  test.each([
    ['dirty read', [record('w', {}, { a: 'none' }, 'rolled back'), record('r', { a: ['w'] }, {})]],
    ['non-repeatable read', [record('w', {}, { a: 'none' }), record('r', { a: ['none', 'w'] }, {}, 'conflict')]],
    ['lost update', [record('w', { a: ['none'] }, { a: 'none' }), record('v', { a: ['none'] }, { a: 'none' })]],
    [
      'not serialisable',
      // Write skew: each read what the other replaced.
      [
        record('w', { a: ['none'], b: ['none'] }, { a: 'none' }),
        record('v', { a: ['none'], b: ['none'] }, { b: 'none' }),
      ],
    ],
    [
      'not serialisable',
      // A torn read: of two keys that were written together, one before and one after.
      [record('w', {}, { a: 'none', b: 'none' }), record('r', { a: ['w'], b: ['none'] }, {})],
    ],
  ])('%s', (kind, history) => {
    expect(findAnomalies(history).map((anomaly) => anomaly.split(':')[0])).toContain(kind);
  });

  test('nothing in what is serial', () => {
    const serial = [
      record('w', { a: ['none'] }, { a: 'none' }),
      record('v', { a: ['w'] }, { a: 'w', b: 'none' }),
      record('r', { a: ['v'], b: ['v'] }, {}),
    ];
    expect(findAnomalies(serial)).toEqual([]);
  });
});
