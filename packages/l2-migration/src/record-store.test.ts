import { L2UnavailableError } from '@tierwise/l2';
import { MemoryStore, memoryL2 } from '@tierwise/l2/memory';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SPACE } from '../test/cluster.js';
import { opened, putRecord, quick } from '../test/phases.js';
import { homeOf } from './home.js';
import { RecordStore } from './record-store.js';

let stores: { from: MemoryStore; to: MemoryStore };
let closing: (() => Promise<void>)[];
beforeEach(() => {
  stores = { from: new MemoryStore(), to: new MemoryStore() };
  closing = [];
});
afterEach(async () => {
  for (const close of closing) await close();
});

async function keep<T extends { close(): Promise<void> }>(l2: Promise<T>): Promise<T> {
  const open = await l2;
  closing.push(() => open.close());
  return open;
}

const next = { epoch: 8, run: 'run', phase: 'leaving', percentage: 100 } as const;

test('a record is replaced by who has seen it, and by nobody while somebody else does so', async () => {
  const from = await keep(opened(memoryL2(stores.from)));
  await putRecord(from, 'moving', 100);
  const store = new RecordStore({ from, to: from }, 'default');
  const { version } = await store.read('from');
  expect(await store.replace(next, undefined)).toBeUndefined();
  const [answer] = (await from.leases?.acquire(store.namespace, [{ key: 'record', seen: version }], 60_000)) ?? [];
  expect(await store.replace(next, version)).toBeUndefined();
  expect((await store.read('from')).record).toMatchObject({ phase: 'moving' });
  if (answer?.status === 'granted') await from.leases?.release(store.namespace, 'record', answer.token);
  expect(await store.replace(next, version)).toBeGreaterThan(0);
  expect((await store.read('from')).record).toEqual(next);
});

test('finishing is done when the new store says so too; else it is to be repeated', async () => {
  const [from, to] = [memoryL2(stores.from), memoryL2(stores.to)];
  await putRecord(await keep(opened(memoryL2(stores.from))), 'to', 100);
  let isDown = true;
  const write = to.write.bind(to);
  to.write = (...args) => (isDown ? Promise.reject(new L2UnavailableError('memory', 'is down')) : write(...args));
  const l2 = await keep(opened(quick(from, to)));
  await expect(l2.migration.finish()).rejects.toBeInstanceOf(L2UnavailableError);
  isDown = false;
  await l2.migration.finish();
  const copy = new RecordStore({ from, to }, 'default');
  expect((await copy.read('to')).record?.phase).toBe('to');
});

test.each(['from', 'to'] as const)('health is down when the store "%s" is, which the phase needs', async (side) => {
  const both = { from: memoryL2(stores.from), to: memoryL2(stores.to) };
  await putRecord(await keep(opened(memoryL2(stores.from))), 'moving', 100);
  const l2 = await keep(opened(quick(both.from, both.to)));
  expect((await l2.health()).status).toBe('up');
  both[side].health = async () => ({ status: 'down', latencyMs: 0, feed: 'deaf', detail: 'is down' });
  expect((await l2.health()).status).toBe('down');
});

test('the same key of two namespaces does not have to move at once', () => {
  const keys = Array.from({ length: 100 }, (_, index) => `k${index}`);
  expect(keys.some((key) => homeOf(SPACE, key, 50) !== homeOf('other', key, 50))).toBe(true);
});
