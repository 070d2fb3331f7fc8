import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHierarchy, type Hierarchy } from '@tierwise/hierarchy';
import type { L2, L2Transactions } from '@tierwise/l2';
import { embeddedL2 } from '@tierwise/l2-embedded';
import { redisL2 } from '@tierwise/l2-redis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findAnomalies } from '../packages/hierarchy/test/isolation.js';
import { runRandomTransactions, seeded } from '../packages/hierarchy/test/random-transactions.js';

const PATIENCE_MS = 10_000;

type Backend = 'redis' | 'embedded';

/** Nodes that know each other by the store alone. */
async function nodes(backend: Backend, count: number, change: (l2: L2) => L2 = (l2) => l2): Promise<Hierarchy[]> {
  const dir = await mkdtemp(join(tmpdir(), 'tierwise-transactions-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const url = process.env['TIERWISE_TEST_REDIS_URL'] ?? '';
  const namespace = randomUUID();
  const made = Array.from({ length: count }, () =>
    createHierarchy({ namespace, l2: change(backend === 'redis' ? redisL2({ url }) : embeddedL2({ dir })) }),
  );
  onTestFinished(async () => {
    for (const cache of made) {
      expect(cache.stats().underWay).toEqual({ flights: 0, tokens: 0 });
      await cache.close();
    }
  });
  await Promise.all(made.map((cache) => cache.ready()));
  return made;
}

const random = (seed: number) => ({
  ...{ keys: ['a', 'b', 'c', 'd', 'e'], actors: 4, each: 30, random: seeded(seed) },
  yield: () => new Promise<void>((resolve) => setImmediate(resolve)),
});

describe.each(['redis', 'embedded'] as const)('transactions on %s', (backend) => {
  test('that run at once on three nodes are serialisable', { timeout: 60_000 }, async () => {
    const history = await runRandomTransactions({ nodes: await nodes(backend, 3), ...random(1) });
    expect(findAnomalies(history)).toEqual([]);
    const count = (outcome: string) => history.filter((each) => each.outcome === outcome).length;
    expect(count('committed')).toBeGreaterThan(20);
    expect(count('conflict')).toBeGreaterThan(5);
  });

  test('the checker finds the lost updates of a commit that expects nothing', { timeout: 60_000 }, async () => {
    const careless = (l2: L2): L2 => {
      const transactions = l2.transactions as L2Transactions;
      return Object.assign(l2, {
        transactions: {
          read: transactions.read.bind(transactions),
          commit: (...[namespace, commit, options]: Parameters<L2Transactions['commit']>) =>
            transactions.commit(namespace, { ...commit, expect: [] }, options),
        },
      });
    };
    const history = await runRandomTransactions({ nodes: await nodes(backend, 3, careless), ...random(1) });
    expect(findAnomalies(history).join('\n')).toContain('lost update');
  });

  test('move money between accounts on three nodes at once: the sum stays, and is seen to stay', {
    timeout: 60_000,
  }, async () => {
    const caches = await nodes(backend, 3);
    const accounts = ['a', 'b', 'c', 'd'];
    await caches[0]?.setMany(accounts.map((account) => [account, 100] as const));
    const sum = async (cache: Hierarchy) =>
      cache.transaction(async (tx) => {
        const balances = await tx.getMany<number>(accounts);
        return balances.reduce<number>((total, balance) => total + (balance ?? Number.NaN), 0);
      });
    const sums: number[] = [];
    const transfer = async (cache: Hierarchy, number: number) => {
      const [from, to] = [accounts[number % 4] ?? '', accounts[(number + 1 + (number % 3)) % 4] ?? ''];
      await cache.transaction(
        async (tx) => {
          // One by one, so that others come between the reads.
          const [giver, taker] = [await tx.get<number>(from), await tx.get<number>(to)];
          tx.set(from, (giver ?? Number.NaN) - 1 - number);
          tx.set(to, (taker ?? Number.NaN) + 1 + number);
        },
        { retries: 100 },
      );
      sums.push(await sum(cache));
    };
    await Promise.all(
      caches.map(async (cache, node) => {
        for (let number = node; number < 30; number += 3) await transfer(cache, number);
      }),
    );
    expect(new Set(sums)).toEqual(new Set([400]));
    expect(await sum(caches[0] as Hierarchy)).toBe(400);
  });

  test('are heard by peers, whose L1 drops what they changed', async () => {
    const [one, other] = await nodes(backend, 2);
    if (one === undefined || other === undefined) throw new Error('two were asked for');
    await one.setMany([
      ['a', 1],
      ['b', 1],
    ]);
    await expect.poll(() => other.getMany(['a', 'b']), { timeout: PATIENCE_MS }).toEqual([1, 1]);
    await one.transaction((tx) => {
      tx.set('a', 2, { tags: ['x'] });
      tx.delete('b');
    });
    await expect.poll(() => other.getMany(['a', 'b']), { timeout: PATIENCE_MS }).toEqual([2, undefined]);
    await other.invalidateTags(['x']);
    await expect.poll(() => one.get('a'), { timeout: PATIENCE_MS }).toBeUndefined();
  });
});
