import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { L2, L2Replay } from '@tierwise/l2';
import { expect, onTestFinished, test } from 'vitest';
import { ChildNode } from '../test/child-node.js';
import { findContradictions, handClock, listeningHost, temporaryDirectory } from '../test/support.js';
import { embeddedL2 } from './embedded.js';
import { storeKey } from './key-codec.js';
import { locate } from './location.js';
import { spaceOf } from './space.js';
import { acquireStore, releaseStore } from './store.js';

const LIFE = { freshMs: 600_000, keepMs: 600_000 };

async function open(dir: string): Promise<L2 & { replay: L2Replay }> {
  const l2 = embeddedL2({ dir });
  await l2.open(listeningHost('a'));
  onTestFinished(() => l2.close());
  return l2 as L2 & { replay: L2Replay };
}

const replayOf = (l2: { replay: L2Replay }, since: string) =>
  l2.replay.replay('n', [{ key: 'k', bytes: Buffer.from('replayed'), ...LIFE, since }]);

test('a store that was removed and made anew is another one: what was moments of the old one tells nothing', async () => {
  const dir = temporaryDirectory();
  const first = await open(dir);
  await first.write('n', [{ key: 'k', bytes: Buffer.of(1), ...LIFE }]);
  const since = first.replay.moment('n', 'k');
  await first.close();
  const again = await open(dir);
  expect(await replayOf(again, since)).toMatchObject([{ status: 'stored' }]);
  const later = again.replay.moment('n', 'k');
  await again.close();
  rmSync(dir, { recursive: true });
  const anew = await open(dir);
  await anew.write('n', [{ key: 'k', bytes: Buffer.of(1), ...LIFE }]);
  expect(await replayOf(anew, later)).toEqual([{ status: 'dropped' }]);
  expect(await anew.read('n', ['k'])).toEqual([undefined]);
});

test('a moment is told while the store cannot be opened, and has no value then', async () => {
  const dir = join(temporaryDirectory(), 'store');
  symlinkSync('/dev/null', dir);
  const l2 = embeddedL2({ dir });
  onTestFinished(() => l2.close());
  await expect(l2.open(listeningHost('a'))).rejects.toThrow();
  expect(l2.replay?.moment('n', 'k')).toBe('');
});

test('news of another process is heard of as a moment: what it wrote before does not hinder', {
  timeout: 20_000,
}, async () => {
  const dir = temporaryDirectory();
  const l2 = embeddedL2({ dir });
  const host = listeningHost('a');
  await l2.open(host);
  onTestFinished(() => l2.close());
  await l2.feed?.follow('n');
  const before = l2.replay?.moment('n', 'k');
  const other = await ChildNode.start(dir, 'b');
  await other.write('n', 'k', 'theirs');
  await host.until(() => host.news.length > 0);
  // The moment is taken up behind the news, in the same look at the log.
  await new Promise((resolve) => setImmediate(resolve));
  const since = l2.replay?.moment('n', 'k') ?? '';
  expect(since).not.toBe(before);
  expect(await replayOf(l2 as { replay: L2Replay }, since)).toMatchObject([{ status: 'stored' }]);
  await other.close();
});

test('an entry of a version that did not tell fills from writes counts as unknown, and goes', async () => {
  const dir = temporaryDirectory();
  const l2 = await open(dir);
  const since = l2.replay.moment('n', 'k');
  await l2.write('n', [{ key: 'k', bytes: Buffer.of(1), ...LIFE }]);
  const store = await acquireStore(locate(dir, 'process'));
  await store.write({ origin: 'b', now: Date.now }, ({ tables }) => {
    const key = storeKey(spaceOf('n').prefix, 'k');
    const bytes = Buffer.from(tables.entries.getBinary(key) ?? []);
    bytes[3] = 0;
    tables.entries.put(key, bytes);
  });
  await releaseStore(store);
  expect(await l2.read('n', ['k'])).toMatchObject([{ status: 'found' }]);
  expect(await replayOf(l2, since)).toEqual([{ status: 'dropped' }]);
});

test('damaged bytes under a fill that has ended may have been written just now: nothing comes back over them', async () => {
  const dir = temporaryDirectory();
  const clock = handClock();
  const l2 = embeddedL2({ dir, clock });
  await l2.open(listeningHost('a'));
  onTestFinished(() => l2.close());
  await l2.write('n', [{ key: 'another', bytes: Buffer.of(1), ...LIFE }]);
  const since = l2.replay?.moment('n', 'k') ?? '';
  const store = await acquireStore(locate(dir, 'process'));
  const key = storeKey(spaceOf('n').prefix, 'k');
  await store.write({ origin: 'b', now: clock.now }, ({ tables }) => tables.entries.put(key, Buffer.from('foreign')));
  await releaseStore(store);
  const [read] = await l2.read('n', ['k']);
  const [answer] = (await l2.leases?.acquire('n', [{ key: 'k', seen: read?.version }], 1_000)) ?? [];
  const lease = answer?.status === 'granted' ? answer.token : '';
  expect(await l2.write('n', [{ key: 'k', bytes: Buffer.of(1), freshMs: 1, keepMs: 1, lease }])).toMatchObject([
    { status: 'stored' },
  ]);
  clock.advance(1);
  expect(await l2.read('n', ['k'])).toEqual([undefined]);
  expect(await replayOf(l2 as { replay: L2Replay }, since)).toEqual([{ status: 'dropped' }]);
});

test('processes are killed in the middle of commits, 20 times: a reader never sees half of one', {
  timeout: 60_000,
}, async () => {
  const dir = temporaryDirectory();
  const reader = await open(dir);
  const seen = new Set<string>();
  let isOver = false;
  const numberOf = (bytes: Uint8Array) => Buffer.from(bytes).readUInt32LE(0);
  const look = async () => {
    const reads = (await reader.transactions?.read('n', ['left', 'right'])) ?? [];
    const [left, right] = reads.map((read) => (read?.status === 'found' ? numberOf(read.bytes) : 'none'));
    expect(left).toBe(right);
    seen.add(String(left));
    return left;
  };
  const watching = (async () => {
    for (; !isOver; await new Promise((resolve) => setTimeout(resolve, 1))) await look();
  })();
  try {
    for (let round = 0; round < 20; round++) {
      const writer = await ChildNode.start(dir, `w${round}`);
      const last = () => writer.acknowledged.get(`w${round}`) ?? 0;
      writer.commitPairsForEver('n', round % 2 === 0 ? 100 : 50_000);
      // Each at another moment of its committing.
      await writer.until(() => last() > 3 + 2 * round);
      await writer.kill();
      const acknowledged = last();
      const left = await look();
      // What was acknowledged is there, or a commit that was under way after it.
      const possible = [acknowledged, acknowledged + 1].map((number) => (number % 5 === 0 ? 'none' : number));
      expect(possible).toContain(left);
    }
  } finally {
    isOver = true;
    await watching;
  }
  expect(seen.size).toBeGreaterThan(20);
  const store = await acquireStore(locate(dir, 'process'));
  expect(findContradictions(store)).toEqual([]);
  await releaseStore(store);
});
