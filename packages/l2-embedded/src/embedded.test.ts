import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { L2, L2Read } from '@tierwise/l2';
import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { findContradictions, handClock, listeningHost, temporaryDirectory } from '../test/support.js';
import { embeddedL2 } from './embedded.js';
import { locate } from './location.js';
import type { EmbeddedL2Options } from './options.js';
import { acquireStore, releaseStore } from './store.js';

/** For what happens by itself, on a slow and busy machine. */
const PATIENCE = { timeout: 10_000 };
const LIFE = { freshMs: 60_000, keepMs: 60_000 };

async function openNode(options: EmbeddedL2Options, origin = 'a') {
  const l2 = embeddedL2(options);
  const host = listeningHost(origin);
  await l2.open(host);
  onTestFinished(() => l2.close());
  return { l2, host };
}

const write = (l2: L2, key: string, bytes: Uint8Array | string = 'v', life = LIFE) =>
  l2.write('n', [{ key, bytes: Buffer.from(bytes), ...life }]);
const text = (entry: L2Read) => (entry?.status === 'found' ? Buffer.from(entry.bytes).toString() : entry?.status);
const read = async (l2: L2, ...keys: string[]) => (await l2.read('n', keys)).map(text);

/** What the store has counted, after a check that everything adds up. */
async function inspect(dir: string) {
  const store = await acquireStore(locate(dir, 'process'));
  try {
    expect(findContradictions(store)).toEqual([]);
    return store.read((tables) => tables.readCounters());
  } finally {
    await releaseStore(store);
  }
}

test('two nodes of one process share a directory, under any of its names; the close of one leaves the other', async () => {
  const dir = temporaryDirectory();
  const a = await openNode({ dir });
  const b = await openNode({ dir: join(dir, '..', dir.slice(dir.lastIndexOf('/') + 1)) }, 'b');
  await b.l2.feed?.follow('n');
  await write(a.l2, 'k');
  expect(await read(b.l2, 'k')).toEqual(['v']);
  await b.host.until(() => b.host.news.length > 0);
  await a.l2.close();
  await a.l2.close();
  await expect(read(a.l2, 'k')).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_CLOSED' });
  await write(b.l2, 'k', 'w');
  expect(await read(b.l2, 'k')).toEqual(['w']);
  expect(b.host.states).toEqual(['alive']);
});

test('writes of two nodes of one process at the same moment do not wait for each other for ever', async () => {
  const dir = temporaryDirectory();
  const a = await openNode({ dir });
  const writing = write(a.l2, 'a');
  const b = await openNode({ dir }, 'b');
  await Promise.all([
    writing,
    ...Array.from({ length: 50 }, (_, number) => write([a, b][number % 2]?.l2 ?? a.l2, `${number}`)),
  ]);
  expect((await inspect(dir)).entries).toBe(51);
});

test('what was stored is there after all have closed and one opens again, at once', async () => {
  const dir = temporaryDirectory();
  const first = await openNode({ dir });
  await write(first.l2, 'k');
  const closing = first.l2.close();
  const second = await openNode({ dir });
  expect(await read(second.l2, 'k')).toEqual(['v']);
  await closing;
});

test('a store that is still closing is waited for', async () => {
  const location = locate(temporaryDirectory(), 'process');
  const closing = await acquireStore(location);
  const close = closing.close.bind(closing);
  let finishClose = () => {};
  vi.spyOn(closing, 'close').mockImplementation(async () => {
    await new Promise<void>((resolve) => {
      finishClose = resolve;
    });
    await close();
  });
  const released = releaseStore(closing);
  let isOpen = false;
  const opening = acquireStore(location).then((store) => {
    isOpen = true;
    return store;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOpen).toBe(false);
  finishClose();
  await released;
  await releaseStore(await opening);
});

test('close() in the middle of a batch waits for the batch', async () => {
  const { l2 } = await openNode({ dir: temporaryDirectory() });
  const entries = Array.from({ length: 2000 }, (_, number) => ({ key: `${number}`, bytes: Buffer.of(1), ...LIFE }));
  const writing = l2.write('n', entries);
  await l2.close();
  expect(await writing).toHaveLength(2000);
});

test('an entry that is stale already is stale since it was written when it is expired', async () => {
  const clock = handClock();
  const { l2 } = await openNode({ dir: temporaryDirectory(), clock });
  await write(l2, 'k', 'v', { freshMs: 1000, keepMs: 60_000 });
  clock.advance(5000);
  await l2.expire('n', ['k']);
  expect(await l2.read('n', ['k'])).toMatchObject([{ ageMs: 5000, freshMs: -5000, keepMs: 55_000 }]);
});

test('a clock that is set back makes nothing fresh that was expired, nor does a touch then', async () => {
  const clock = handClock();
  const { l2 } = await openNode({ dir: temporaryDirectory(), clock });
  await write(l2, 'k', 'v', { freshMs: 10_000, keepMs: 60_000 });
  await l2.expire('n', ['k']);
  clock.advance(-5000);
  expect(await l2.read('n', ['k'])).toMatchObject([{ ageMs: 0, freshMs: 0 }]);
  await l2.touch('n', ['k'], LIFE);
  expect(await l2.read('n', ['k'])).toMatchObject([{ ageMs: 0, freshMs: 0 }]);
});

test.runIf(process.platform === 'linux')(
  'a node that joins an idle store finds out by itself that the bell works',
  async () => {
    const dir = temporaryDirectory();
    await openNode({ dir });
    const { l2 } = await openNode({ dir }, 'b');
    await vi.waitFor(async () => expect((await l2.health()).detail).toContain('the feed wakes'), PATIENCE);
  },
);

test('a fault of the directory rejects open(); it goes on trying, and works as soon as the fault is gone', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const dir = join(temporaryDirectory(), 'store');
  writeFileSync(dir, 'a file is in the way');
  const l2 = embeddedL2({ dir });
  const host = listeningHost('a');
  onTestFinished(() => l2.close());
  await expect(l2.open(host)).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_UNAVAILABLE' });
  await expect(write(l2, 'k')).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_UNAVAILABLE' });
  await vi.advanceTimersByTimeAsync(1000);
  expect(host.states).toEqual([]);
  rmSync(dir);
  vi.advanceTimersByTime(2000);
  await host.until(() => host.states.includes('alive'));
  await vi.waitFor(() => write(l2, 'k'));
  expect(await read(l2, 'k')).toEqual(['v']);
});

test('close() during open() leaves nothing open', async () => {
  const dir = temporaryDirectory();
  const l2 = embeddedL2({ dir });
  const opening = l2.open(listeningHost('a'));
  const outcome = expect(opening).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_CLOSED' });
  await l2.close();
  await outcome;
  await expect(l2.open(listeningHost('a'))).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_CLOSED' });
});

test('long keys that share 5,000 characters stay apart, and keep their names in the news', async () => {
  const dir = temporaryDirectory();
  const { l2, host } = await openNode({ dir });
  await l2.feed?.follow('n');
  const keys = [
    'x'.repeat(2000),
    'x'.repeat(10_000),
    `${'x'.repeat(5000)}a`,
    `${'x'.repeat(5000)}b`,
    'x'.repeat(65_536),
  ];
  for (const [index, key] of keys.entries()) await write(l2, key, `${index}`);
  expect(await read(l2, ...keys)).toEqual(['0', '1', '2', '3', '4']);
  await l2.delete('n', [keys[2] ?? '']);
  expect(await read(l2, ...keys)).toEqual(['0', '1', undefined, '3', '4']);
  const heard = () => host.news.flatMap((news) => (news.type === 'changed' ? news.keys : []));
  await host.until(() => heard().length === 6);
  expect(heard()).toEqual([...keys, keys[2]]);
  expect(await l2.purge('n')).toBe(4);
  expect(await inspect(dir)).toMatchObject({ bytes: 0, entries: 0 });
});

test('a write above the cap evicts the soonest to expire, before it resolves', async () => {
  const dir = temporaryDirectory();
  const { l2 } = await openNode({ dir, maxBytes: 10_000 });
  const value = Buffer.alloc(900);
  for (let number = 0; number < 10; number++)
    await write(l2, `${number}`, value, { freshMs: 0, keepMs: 60_000 - number });
  for (let number = 10; number < 20; number++) {
    await write(l2, `${number}`, value, { freshMs: 0, keepMs: 90_000 });
    expect((await inspect(dir)).bytes).toBeLessThanOrEqual(10_000);
  }
  // 900 bytes, a header of 48 and the names: ten of them fit. The last ones written live the longest.
  const { entries } = await inspect(dir);
  expect(entries).toBe(10);
  const found = await read(l2, ...Array.from({ length: 20 }, (_, number) => `${number}`));
  expect(found.map((entry) => entry !== undefined)).toEqual([...Array(10).fill(false), ...Array(10).fill(true)]);
});

test('a value above the cap by itself is not kept, replaces what was there, and costs nobody else a place', async () => {
  const dir = temporaryDirectory();
  const { l2 } = await openNode({ dir, maxBytes: 10_000 });
  await write(l2, 'other');
  await write(l2, 'k');
  expect(await write(l2, 'k', Buffer.alloc(20_000))).toMatchObject([{ status: 'stored' }]);
  expect(await read(l2, 'k', 'other')).toEqual([undefined, 'v']);
  await inspect(dir);
});

test('a batch above the cap ends within it', async () => {
  const dir = temporaryDirectory();
  const { l2 } = await openNode({ dir, maxBytes: 20_000 });
  await l2.write(
    'n',
    Array.from({ length: 400 }, (_, number) => ({ key: `${number}`, bytes: Buffer.alloc(500), ...LIFE })),
  );
  await vi.waitFor(async () => expect((await inspect(dir)).bytes).toBeLessThanOrEqual(20_000), PATIENCE);
});

test('a process that names a smaller cap keeps to it with its next write', async () => {
  const dir = temporaryDirectory();
  const large = await openNode({ dir, maxBytes: 100_000 });
  for (let number = 0; number < 50; number++) await write(large.l2, `${number}`, Buffer.alloc(900));
  const small = await openNode({ dir, maxBytes: 5_000 }, 'b');
  await write(small.l2, 'k');
  expect((await inspect(dir)).bytes).toBeLessThanOrEqual(5_000);
});

test('whatever is done in whatever order, with whatever lives: the counters and the index are exact', {
  timeout: 30_000,
}, async () => {
  const key = fc.constantFrom('a', 'b', '', 'x'.repeat(3000));
  const keepMs = fc.integer({ min: 1, max: 500 });
  const deed = fc.oneof(
    fc.record({ do: fc.constant('write' as const), key, keepMs, size: fc.integer({ min: 0, max: 6000 }) }),
    fc.record({ do: fc.constantFrom('delete' as const, 'expire' as const), key }),
    fc.record({ do: fc.constant('touch' as const), key, keepMs }),
    fc.record({ do: fc.constant('acquire' as const), key, keepMs }),
    fc.record({ do: fc.constant('wait' as const), keepMs }),
    fc.record({ do: fc.constant('purge' as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(deed, { maxLength: 25 }), async (deeds) => {
      const dir = temporaryDirectory();
      const clock = handClock();
      const l2 = embeddedL2({ dir, clock, maxBytes: 12_000 });
      await l2.open(listeningHost('a'));
      for (const each of deeds) {
        if (each.do === 'write')
          await write(l2, each.key, Buffer.alloc(each.size), { freshMs: 0, keepMs: each.keepMs });
        else if (each.do === 'touch') await l2.touch('n', [each.key], { freshMs: 0, keepMs: each.keepMs });
        else if (each.do === 'acquire')
          await l2.leases?.acquire('n', [{ key: each.key, seen: undefined }], each.keepMs);
        else if (each.do === 'wait') clock.advance(each.keepMs);
        else if (each.do === 'purge') await l2.purge('n');
        else await l2[each.do]('n', [each.key]);
      }
      await inspect(dir);
      await l2.close();
    }),
    { numRuns: 40 },
  );
});

test('durability power: writes, reads and opens again', async () => {
  const dir = temporaryDirectory();
  const first = await openNode({ dir, durability: 'power' });
  await write(first.l2, 'k');
  await first.l2.close();
  const second = await openNode({ dir, durability: 'power' });
  expect(await read(second.l2, 'k')).toEqual(['v']);
});

test('health tells what there is, and is down before open() and after close()', async () => {
  const l2 = embeddedL2({ dir: temporaryDirectory() });
  expect(await l2.health()).toMatchObject({ status: 'down', feed: 'deaf' });
  const host = listeningHost('a');
  await l2.open(host);
  await write(l2, 'k');
  await host.until(() => host.states.includes('alive'));
  expect(await l2.health()).toMatchObject({
    status: 'up',
    feed: 'alive',
    detail: expect.stringContaining('1 entries'),
  });
  await l2.close();
  expect(await l2.health()).toMatchObject({ status: 'down', feed: 'deaf' });
});

test('bytes that were handed out stay what they are, whatever is written next', async () => {
  const { l2 } = await openNode({ dir: temporaryDirectory() });
  for (const size of [10, 5_000, 100_000, 1_000_000]) {
    await write(l2, 'k', Buffer.alloc(size, 1));
    const [entry] = await l2.read('n', ['k']);
    await write(l2, 'k', Buffer.alloc(size, 2));
    await l2.read('n', ['k']);
    expect(entry?.status === 'found' && Buffer.from(entry.bytes).equals(Buffer.alloc(size, 1))).toBe(true);
  }
});
