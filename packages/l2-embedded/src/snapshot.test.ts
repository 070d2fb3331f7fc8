import { execFile } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { L2LeaseAnswer } from '@tierwise/l2';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { ChildNode } from '../test/child-node.js';
import { findContradictions, handClock, listeningHost, temporaryDirectory } from '../test/support.js';
import { type EmbeddedL2, embeddedL2 } from './embedded.js';
import { locate } from './location.js';
import { EmbeddedSnapshotError } from './snapshot-options.js';
import { restoreEmbedded } from './snapshot-restore.js';
import { acquireStore, releaseStore } from './store.js';

const LIFE = { freshMs: 600_000, keepMs: 600_000 };
const DAY = 86_400_000;

afterEach(() => {
  vi.unstubAllEnvs();
});

async function open(dir: string, options: { clock?: { now(): number } } = {}): Promise<EmbeddedL2> {
  const l2 = embeddedL2({ dir, ...options });
  await l2.open(listeningHost('node'));
  onTestFinished(() => l2.close());
  return l2;
}

const write = (l2: EmbeddedL2, ...keys: string[]) =>
  l2.write(
    'n',
    keys.map((key) => ({ key, bytes: Buffer.from(`value of ${key}`), ...LIFE })),
  );

const reasonOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'nothing',
    (error) => (error instanceof EmbeddedSnapshotError ? error.reason : error),
  );

test('a pipe in the folder, whose opening would wait for ever for a writer, is left alone', async () => {
  const { dir, l2 } = await taken();
  const pipe = join(dir, 'pipe');
  await promisify(execFile)('mkfifo', [pipe]);
  // Else a thread that waits would keep the process from ending.
  onTestFinished(() => closeSync(openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)));
  expect(await l2.snapshot(join(dir, 'another'))).toMatchObject({ removed: [] });
});

async function taken(): Promise<{ dir: string; file: string; l2: EmbeddedL2 }> {
  const dir = temporaryDirectory();
  const l2 = await open(join(dir, 'store'));
  await write(l2, 'a', 'b');
  const file = join(dir, 'a snapshot');
  await l2.snapshot(file);
  return { dir, file, l2 };
}

describe('a snapshot of a store', () => {
  test('is restored as a store of its own, in which nothing is fresh', async () => {
    const { dir, file, l2 } = await taken();
    await write(l2, 'a', 'later');
    await l2.delete('n', ['b']);
    const { entries, takenAt } = await restoreEmbedded({ file, dir: join(dir, 'restored') });
    expect(entries).toBe(2);
    expect(Date.now() - takenAt).toBeLessThan(60_000);
    const restored = await open(join(dir, 'restored'));
    const [a, b, later] = await restored.read('n', ['a', 'b', 'later']);
    expect([a?.status, b?.status, later]).toEqual(['found', 'found', undefined]);
    for (const entry of [a, b]) {
      if (entry?.status !== 'found') throw new Error('not found');
      expect(entry.freshMs).toBe(-entry.ageMs);
      expect(entry.keepMs).toBeGreaterThan(0);
    }
  });

  test('numbers go on above all that the former life handed out, so that what is known of that one is not believed', async () => {
    const { dir, file, l2 } = await taken();
    const marked = await l2.time?.marks('n', ['t'], { known: 0, ensureMs: 60_000 });
    const second = join(dir, 'second');
    await l2.snapshot(second);
    // What the former life does after that is unknown to the snapshot.
    const dead = (await l2.time?.advance('n', ['t'], 'dead', { known: 0 })) ?? 0;
    const [last] = await write(l2, 'x');
    await restoreEmbedded({ file: second, dir: join(dir, 'restored') });
    const restored = await open(join(dir, 'restored'));
    const marks = await restored.time?.marks('n', ['t'], { known: 0 });
    expect(marks?.generation).toBeGreaterThan(dead);
    expect(marks?.namespace.stale).toBe(marks?.generation);
    expect(marks?.namespace.dead).toBe(marked?.namespace.dead);
    const [first] = await write(restored, 'x');
    if (last?.status !== 'stored' || first?.status !== 'stored') throw new Error('not stored');
    expect(first.version).toBeGreaterThan(last.version);
    // A value that was given up before is not replayed onto another life of the store.
    const since = l2.replay?.moment('n', 'a') ?? '';
    const [replayed] =
      (await restored.replay?.replay('n', [{ key: 'a', bytes: Buffer.from('v'), ...LIFE, since }])) ?? [];
    expect(replayed?.status).toBe('dropped');
    expect(existsSync(file)).toBe(true);
  });

  test('so they do where the store’s clock stood still, or was ahead of this machine’s', async () => {
    const dir = temporaryDirectory();
    const l2 = await open(join(dir, 'store'), { clock: handClock(Date.now() + DAY) });
    await write(l2, 'a');
    await l2.snapshot(join(dir, 'file'));
    const written = await write(l2, ...Array.from({ length: 100 }, (_, n) => `key ${n}`));
    const last = written.at(-1);
    await restoreEmbedded({ file: join(dir, 'file'), dir: join(dir, 'restored') });
    const [first] = await write(await open(join(dir, 'restored')), 'a');
    if (last?.status !== 'stored' || first?.status !== 'stored') throw new Error('not stored');
    expect(first.version).toBeGreaterThan(last.version);
  });

  test('leases do not come along', async () => {
    const dir = temporaryDirectory();
    const l2 = await open(join(dir, 'store'));
    const acquire = async (node: EmbeddedL2): Promise<L2LeaseAnswer[] | undefined> =>
      node.leases?.acquire('n', [{ key: 'k', seen: undefined }], 600_000);
    await acquire(l2);
    await l2.snapshot(join(dir, 'file'));
    await restoreEmbedded({ file: join(dir, 'file'), dir: join(dir, 'restored') });
    expect(await acquire(await open(join(dir, 'restored')))).toMatchObject([{ status: 'granted' }]);
  });

  test('is consistent, though other processes write without a pause', { timeout: 30_000 }, async () => {
    const dir = temporaryDirectory();
    const l2 = await open(join(dir, 'store'));
    const [writer, pairs] = await Promise.all(['w', 'p'].map((origin) => ChildNode.start(join(dir, 'store'), origin)));
    if (writer === undefined || pairs === undefined) throw new Error('no children');
    writer.writeForEver('n', 1000);
    pairs.commitPairsForEver('pairs', 1000);
    await writer.until(() => writer.acknowledged.size === 50);
    for (let round = 0; round < 5; round += 1) {
      const [file, target] = [join(dir, 'file'), join(dir, `restored ${round}`)];
      const before = new Map(writer.acknowledged);
      await l2.snapshot(file);
      await restoreEmbedded({ file, dir: target });
      const restored = await open(target);
      for (const [index, entry] of (await restored.read('n', [...before.keys()])).entries()) {
        if (entry?.status !== 'found') throw new Error('an acknowledged write is missing');
        expect(Buffer.from(entry.bytes).readUInt32LE()).toBeGreaterThanOrEqual([...before.values()][index] ?? 0);
      }
      // Of one commit: both or none.
      const [left, right] = await restored.read('pairs', ['left', 'right']);
      expect(left?.status === 'found' && left.bytes).toEqual(right?.status === 'found' && right.bytes);
      const store = await acquireStore(locate(target, 'process'));
      onTestFinished(() => releaseStore(store));
      expect(findContradictions(store)).toEqual([]);
    }
    await Promise.all([writer.kill(), pairs.kill()]);
  });

  test('a process that is killed while it takes one leaves the former one', { timeout: 30_000 }, async () => {
    const { dir, file, l2 } = await taken();
    await l2.write(
      'n',
      Array.from({ length: 4000 }, (_, n) => ({ key: `k${n}`, bytes: Buffer.alloc(10_000), ...LIFE })),
    );
    const former = readFileSync(file);
    const script = `
      import { embeddedL2 } from '@tierwise/l2-embedded';
      import { watch } from 'node:fs';
      const l2 = embeddedL2({ dir: ${JSON.stringify(join(dir, 'store'))} });
      await l2.open({ origin: 'b', onNews() {}, onFeedState() {} });
      watch(${JSON.stringify(dir)}, () => process.kill(process.pid, 'SIGKILL'));
      await l2.snapshot(${JSON.stringify(file)});`;
    const cwd = fileURLToPath(new URL('..', import.meta.url));
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { cwd });
    await expect(run).rejects.toMatchObject({ signal: 'SIGKILL' });
    expect(readFileSync(file).equals(former)).toBe(true);
    const remains = readdirSync(dir).filter((name) => name.endsWith('.tmp'));
    expect(remains).toHaveLength(1);
    // They are removed in time.
    utimesSync(join(dir, remains[0] as string), 0, 0);
    await l2.snapshot(file);
    expect(readdirSync(dir).sort()).toEqual(['a snapshot', 'store']);
  });
});

describe('what is refused', () => {
  test('a directory where a store lives, of whatever durability; it stays as it was', async () => {
    const { dir, file, l2 } = await taken();
    for (const durability of ['process', 'power'] as const) {
      expect(await reasonOf(restoreEmbedded({ file, dir: join(dir, 'store'), durability }))).toBe('occupied');
    }
    expect((await l2.read('n', ['a']))[0]?.status).toBe('found');
    expect((await l2.read('n', ['a']))[0]).toMatchObject({ freshMs: expect.toSatisfy((ms: number) => ms > 0) });
    expect(readdirSync(join(dir, 'store'))).toHaveLength(1);
  });

  test('a file that is missing, foreign, newer, cut off or damaged', async () => {
    const { dir, file } = await taken();
    const restore = () => reasonOf(restoreEmbedded({ file, dir: join(dir, 'restored') }));
    const whole = readFileSync(file);
    for (const at of [0, 4096, 5000, whole.length - 100, whole.length - 60, whole.length - 1]) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      writeFileSync(file, bytes);
      expect(await restore()).toBe('damaged');
    }
    const newer = Buffer.from(whole);
    newer[whole.length - 88] = 2;
    writeFileSync(file, newer);
    expect(await restore()).toBe('newer');
    writeFileSync(file, whole);
    truncateSync(file, whole.length - 1);
    expect(await restore()).toBe('foreign');
    writeFileSync(file, 'text');
    expect(await restore()).toBe('foreign');
    rmSync(file);
    expect(await restore()).toBe('missing');
    expect(existsSync(join(dir, 'restored'))).toBe(false);
  });

  test('one that is older than its ttl; and taking another removes it, but no other store’s, and nothing else', async () => {
    const clock = handClock(Date.now() - 2 * DAY);
    const dir = temporaryDirectory();
    const [l2, other] = [await open(join(dir, 'store'), { clock }), await open(join(dir, 'other'), { clock })];
    await mkdir(join(dir, 'snapshots'));
    const file = (name: string) => join(dir, 'snapshots', name);
    await l2.snapshot(file('old'));
    await other.snapshot(file('of another'));
    writeFileSync(file('text'), 'text');
    const restore = (ttl?: number) => reasonOf(restoreEmbedded({ file: file('old'), dir: join(dir, 'restored'), ttl }));
    expect(await restore()).toBe('expired');
    vi.stubEnv('SNAPSHOT_TTL', '10');
    expect(await restore()).toBe('expired');
    vi.unstubAllEnvs();
    expect(await restore(3 * DAY)).toBe('nothing');
    clock.advance(DAY);
    expect((await l2.snapshot(file('new'))).removed).toEqual([]);
    clock.advance(1);
    expect((await l2.snapshot(file('newer'))).removed).toEqual([file('old')]);
    expect(readdirSync(join(dir, 'snapshots')).sort()).toEqual(['new', 'newer', 'of another', 'text']);
  });

  test('a file that cannot be written; options that make no sense; a store that is closed', async () => {
    const { dir, file, l2 } = await taken();
    expect(await reasonOf(l2.snapshot(join(dir, 'nowhere', 'file')))).toBe('unwritable');
    expect(statSync(file).mode & 0o077).toBe(0);
    await expect(l2.snapshot('')).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_INVALID' });
    await expect(l2.snapshot(file, { ttl: -1 })).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_INVALID' });
    const wrong = { file, dir, directory: dir } as object as Parameters<typeof restoreEmbedded>[0];
    await expect(restoreEmbedded(wrong)).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_INVALID' });
    await l2.close();
    await expect(l2.snapshot(file)).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_CLOSED' });
  });
});
