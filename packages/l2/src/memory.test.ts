import { expect, test } from 'vitest';
import { memoryTestStore } from './conformance/proof/memory-harness.js';
import { l2Conformance } from './conformance.js';
import type { L2 } from './contract.js';
import { memoryL2 } from './memory.js';

l2Conformance('memoryL2', {
  capabilities: ['leases', 'time', 'feed', 'replay', 'transactions'],
  setup: async () => memoryTestStore(),
});

test('a moment of another store tells nothing, nor does one that has not come yet', async () => {
  const nodes = [memoryL2(), memoryL2()];
  for (const [index, node] of nodes.entries()) {
    await node.open({ origin: `${index}`, onNews: () => {}, onFeedState: () => {} });
  }
  const [one, other] = nodes as [L2, L2];
  const entry = { key: 'k', bytes: new Uint8Array(1), freshMs: 1_000, keepMs: 1_000 };
  for (const node of [one, other]) await node.write('n', [entry]);
  const since = one.replay?.moment('n', 'k') ?? '';
  expect(since).not.toBe('');
  expect(await other.replay?.replay('n', [{ ...entry, since }])).toEqual([{ status: 'dropped' }]);
  const later = since.replace(/\d+$/, (digits) => String(Number(digits) * 10));
  expect(await one.replay?.replay('n', [{ ...entry, since }])).toMatchObject([{ status: 'stored' }]);
  expect(await one.replay?.replay('n', [{ ...entry, since: later }])).toEqual([{ status: 'dropped' }]);
});
