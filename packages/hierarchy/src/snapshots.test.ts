import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { MemoryStore, memoryL2 } from '@tierwise/l2/memory';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { HeldL2 } from '../test/held-l2.js';
import { cluster, lonely } from '../test/nodes.js';
import type { Core } from './core.js';
import { Events } from './events.js';
import { createHierarchy, type Hierarchy, SnapshotError } from './index.js';
import { Changes, SnapshotGuard } from './snapshot-changes.js';
import { encodeHeader, encodeRecord, FileChecksum, FRAME_BYTES } from './snapshot-format.js';

const KEY = { id: 'k', key: Buffer.alloc(32, 7) };
const DAY = 86_400_000;

function temporaryFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tierwise-snapshot-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'l1.snapshot');
}

async function fill(cache: Hierarchy, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await cache.set(`key ${n}`, `value ${n}`);
}

/** What L1 has of these, without a trace. */
const peek = (cache: Hierarchy, ...keys: string[]) => keys.map((key) => cache.peek(key));

const reasonOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'nothing',
    (error: SnapshotError) => (error instanceof SnapshotError ? error.reason : error),
  );

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

describe('with an L2', () => {
  test('a node that starts anew has the hot set in L1, in its order of use, as L2 has it now', async () => {
    const { node } = cluster();
    const file = temporaryFile();
    const [old, peer] = [await node(), await node()];
    await fill(old.cache, 4);
    await old.cache.get('key 1');
    const taken = await old.cache.snapshot(file);
    expect(taken).toEqual({ file, entries: 4, bytes: statSync(file).size });
    await old.cache.close();
    await peer.cache.delete('key 0');
    await peer.cache.set('key 3', 'new');

    const young = await node({ l1: { maxEntries: 2 } });
    const restored = await young.cache.restore(file);
    expect(restored).toEqual({ file, total: 4, restored: 2, held: 0, gone: 2, damaged: 0 });
    expect(young.l2.count('read')).toBe(1);
    expect(peek(young.cache, 'key 0', 'key 1', 'key 2', 'key 3')).toEqual([undefined, 'value 1', undefined, 'new']);
  });

  test('a hot key is a hit in L1 then: no look into L2, no load', async () => {
    const { node } = cluster();
    const file = temporaryFile();
    const old = await node();
    await old.cache.set('k', { a: 1 }, { tags: ['t'] });
    await old.cache.snapshot(file);
    const young = await node();
    await young.cache.restore(file);
    young.l2.calls.length = 0;
    const load = vi.fn();
    expect(await young.cache.getOrSet('k', load)).toEqual({ a: 1 });
    expect([young.l2.calls, load.mock.calls]).toEqual([[], []]);
  });

  test('what was invalidated meanwhile stays dead: by key, by tag, by clear, by namespace', async () => {
    const { node } = cluster();
    const file = temporaryFile();
    const [old, peer] = [await node(), await node()];
    await old.cache.set('key', 1);
    await old.cache.set('expired', 1);
    await old.cache.set('tagged', 1, { tags: ['t'] });
    await old.cache.namespace('below').set('cleared', 1);
    await old.cache.set('stays', 1);
    await old.cache.snapshot(file);
    await old.cache.close();
    await peer.cache.delete('key');
    await peer.cache.expire('expired');
    await peer.cache.invalidateTags(['t']);
    await peer.cache.namespace('below').clear();

    const young = await node();
    expect(await young.cache.restore(file)).toMatchObject({ total: 5, restored: 1, gone: 4 });
    expect(peek(young.cache, 'key', 'expired', 'tagged', 'stays')).toEqual([undefined, undefined, undefined, 1]);
    expect(young.cache.namespace('below').peek('cleared')).toBeUndefined();
  });

  test.each(['delete', 'tag', 'clear'] as const)(
    'a %s by a peer while a restored key is on its way from L2: L1 ends without it',
    async (how) => {
      const { node } = cluster();
      const file = temporaryFile();
      const [old, peer, young] = [await node(), await node(), await node()];
      await old.cache.set('k', 'old', { tags: ['t'] });
      await old.cache.snapshot(file);
      const held = young.l2.hold('read', 'back');
      const restoring = young.cache.restore(file);
      await held.arrived;
      if (how === 'delete') await peer.cache.delete('k');
      if (how === 'tag') await peer.cache.invalidateTags(['t']);
      if (how === 'clear') await peer.cache.clear();
      held.release();
      expect(await restoring).toMatchObject({ restored: 0, gone: 1 });
      expect(young.cache.peek('k')).toBeUndefined();
    },
  );

  test('the file holds no values', async () => {
    const { cache } = await cluster().node({ compression: false });
    const file = temporaryFile();
    await cache.set('a key', 'a secret value');
    await cache.snapshot(file);
    expect(readFileSync(file, 'latin1')).toContain('a key');
    expect(readFileSync(file, 'latin1')).not.toContain('secret');
  });

  test('what this node deleted while L2 could not hear of it does not come back either', async () => {
    const { cache, l2 } = await cluster().node({ breaker: false });
    const file = temporaryFile();
    await fill(cache, 2);
    await cache.snapshot(file);
    l2.break(new Error('unreachable'), 'delete');
    await cache.delete('key 0');
    expect(await cache.restore(file)).toMatchObject({ held: 1, gone: 1 });
    expect(peek(cache, 'key 0', 'key 1')).toEqual([undefined, 'value 1']);
  });

  test('an L2 that does not answer brings nothing back', async () => {
    const { node } = cluster();
    const file = temporaryFile();
    const [old, young] = [await node(), await node()];
    await fill(old.cache, 3);
    await old.cache.snapshot(file);
    young.l2.break(new Error('unreachable'), 'read');
    expect(await young.cache.restore(file)).toMatchObject({ restored: 0, gone: 3 });
  });

  test('what is newer in L1 already stays, and nobody asks for it', async () => {
    const { node } = cluster();
    const file = temporaryFile();
    const [old, young] = [await node(), await node()];
    await fill(old.cache, 2);
    await old.cache.snapshot(file);
    await young.cache.get('key 0');
    young.l2.calls.length = 0;
    expect(await young.cache.restore(file)).toMatchObject({ held: 1, restored: 1 });
    expect(young.l2.count('read')).toBe(1);
  });

  test('names that are hidden are hidden in the file as well, and restored', async () => {
    const { node } = cluster();
    const file = temporaryFile();
    const encryption = { keys: [KEY], hideNames: { key: Buffer.alloc(32, 9) } };
    const [old, young] = [await node({ encryption }), await node({ encryption })];
    await old.cache.set('a secret key', 1, { tags: ['a secret tag'] });
    await old.cache.snapshot(file);
    expect(readFileSync(file, 'latin1')).not.toContain('secret');
    expect(await young.cache.restore(file)).toMatchObject({ restored: 1 });
    expect(young.cache.peek('a secret key')).toBe(1);

    const other = await node({ encryption: { ...encryption, keys: [{ id: 'other', key: Buffer.alloc(32, 1) }] } });
    expect(await other.cache.restore(file)).toMatchObject({ restored: 0, damaged: 1 });
    expect(await reasonOf((await node()).cache.restore(file))).toBe('other');
  });

  test('large snapshots come batch by batch, and say how far they are; an abort ends them', async () => {
    const { node } = cluster();
    const file = temporaryFile();
    const [old, young, aborted] = [await node(), await node(), await node()];
    await old.cache.setMany(Array.from({ length: 1000 }, (_, n) => [`key ${n}`, n] as const));
    await old.cache.snapshot(file);
    const progress: number[] = [];
    young.cache.on('restore', (event) => progress.push(event.progress.restored));
    await young.cache.restore(file);
    expect(progress).toEqual([256, 512, 768, 1000]);
    expect(young.l2.count('read')).toBe(4);

    const abort = new AbortController();
    aborted.cache.on('restore', () => abort.abort(new Error('enough')));
    await expect(aborted.cache.restore(file, { signal: abort.signal })).rejects.toThrow('enough');
    expect(aborted.cache.stats().memory.entries).toBe(256);
  });

  test('a namespace’s shorter l1Ttl goes on where it was', async () => {
    const { node, clock } = cluster();
    const file = temporaryFile();
    const [old, young] = [await node(), await node()];
    await old.cache.namespace('short', { l1Ttl: '1s' }).set('k', 1);
    await clock.advance(400);
    await old.cache.snapshot(file);
    await young.cache.restore(file);
    expect(young.cache.namespace('short').peek('k')).toBe(1);
    await clock.advance(600);
    expect(young.cache.namespace('short').peek('k')).toBeUndefined();
  });
});

describe('without an L2', () => {
  test('the values come from the file, as much nearer to their end as time has passed', async () => {
    const file = temporaryFile();
    const old = lonely({ ttl: '10s' });
    await old.cache.set('long', new Map([[1, 'a']]), { ttl: '1m' });
    await old.cache.set('short', 2);
    await old.cache.snapshot(file);
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 20_000);
    const young = lonely();
    expect(await young.cache.restore(file)).toMatchObject({ restored: 1, gone: 1 });
    expect(await young.cache.get('long')).toEqual(new Map([[1, 'a']]));
    expect((await young.cache.getEntry('long'))?.freshMs).toBeLessThanOrEqual(40_000);
    await young.clock.advance(40_001);
    expect(young.cache.peek('long')).toBeUndefined();
  });

  test('a wall clock that was set back: nobody knows how long it was, so everything is expired', async () => {
    const file = temporaryFile();
    const old = lonely();
    await fill(old.cache, 2);
    await old.cache.snapshot(file);
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() - 1000);
    expect(await lonely().cache.restore(file)).toMatchObject({ restored: 0, gone: 2 });
  });

  test('what was invalidated before is not in it', async () => {
    const file = temporaryFile();
    const { cache } = lonely();
    await cache.set('tagged', 1, { tags: ['t'] });
    await cache.set('k', 1);
    await cache.invalidateTags(['t']);
    expect(await cache.snapshot(file)).toMatchObject({ entries: 1 });
  });

  test('a value that was restored dies by its tag, whatever its generation was in the other life', async () => {
    const file = temporaryFile();
    const old = lonely();
    for (let n = 0; n < 10; n += 1) await old.cache.invalidateTags(['other']);
    await old.cache.set('k', 1, { tags: ['t'] });
    await old.cache.snapshot(file);
    const young = lonely();
    await young.cache.restore(file);
    expect(young.cache.peek('k')).toBe(1);
    await young.cache.invalidateTags(['t']);
    expect(young.cache.peek('k')).toBeUndefined();
  });

  const changes: [string, (cache: Hierarchy) => Promise<unknown>, unknown][] = [
    ['delete', (cache) => cache.delete('key 999'), undefined],
    ['expire', (cache) => cache.expire('key 999'), undefined],
    ['touch with a short life', (cache) => cache.touch('key 999', { ttl: 1 }), undefined],
    ['set', (cache) => cache.set('key 999', 'new'), 'new'],
    ['set and delete', (cache) => cache.set('key 999', 'new').then(() => cache.delete('key 999')), undefined],
    ['tag', (cache) => cache.invalidateTags(['t']), undefined],
    ['clear', (cache) => cache.clear(), undefined],
  ];

  async function thousand(file: string): Promise<Hierarchy> {
    const { cache } = lonely();
    await cache.setMany(
      Array.from({ length: 1000 }, (_, n) => [`key ${n}`, 'old'] as const),
      { tags: ['t'] },
    );
    await cache.snapshot(file);
    return cache;
  }

  test.each(changes)(
    '%s of a key that is still to be restored: the file’s value does not come after it',
    async (_, change, end) => {
      const file = temporaryFile();
      await thousand(file);
      const young = lonely();
      let changed: Promise<unknown> | undefined;
      young.cache.on('restore', () => {
        changed ??= change(young.cache);
      });
      await young.cache.restore(file);
      await changed;
      expect(young.cache.peek('key 999')).toBe(end);
    },
  );

  test.each(changes)(
    '%s by this process, before it is told to restore: the file’s value does not come after it',
    async (_, change, end) => {
      const file = temporaryFile();
      await thousand(file);
      const young = lonely();
      await change(young.cache);
      await young.cache.restore(file);
      expect(young.cache.peek('key 999')).toBe(end);
    },
  );

  test('what a process wrote itself comes back to it, whatever it did before', async () => {
    const file = temporaryFile();
    const { cache } = lonely({ l1: { maxEntries: 2 } });
    await cache.set('a', 1);
    await cache.invalidateTags(['t']);
    await cache.set('b', 1, { tags: ['t'] });
    await cache.snapshot(file);
    await cache.setMany([
      ['c', 1],
      ['d', 1],
    ]);
    expect(await cache.restore(file)).toMatchObject({ restored: 2 });
  });

  test('of changes beyond those that are remembered, each key may be one', () => {
    const events = new Events();
    const changes = new Changes({ events, spaces: new Map(), guard: undefined } as unknown as Core, 2);
    const change = (key: string) =>
      events.emit<'delete' | 'expire' | 'touch'>({ type: 'delete', namespace: 'n', keys: [key] });
    expect(changes.isEmpty).toBe(true);
    change('a');
    change('b');
    expect([changes.isEmpty, changes.has('n', 'a'), changes.has('n', 'x')]).toEqual([false, true, false]);
    change('c');
    expect([changes.has('n', 'a'), changes.has('n', 'x')]).toEqual([true, true]);
    expect(events.wants('delete')).toBe(false);
  });

  test('a file named by where the process was goes although the process went elsewhere', async () => {
    const file = temporaryFile();
    const before = process.cwd();
    onTestFinished(() => process.chdir(before));
    process.chdir(dirname(file));
    const { cache } = lonely();
    await cache.set('k', 1);
    await cache.snapshot(basename(file));
    process.chdir(before);
    await cache.delete('k');
    expect(existsSync(file)).toBe(false);
  });

  test('a guard is over when its file was changed, or is not there', () => {
    const file = temporaryFile();
    const guard = new SnapshotGuard(new Events(), file, new Set());
    expect(guard.isOver).toBe(true);
    writeFileSync(file, '');
    expect(guard.isOver).toBe(false);
    guard.stop();
  });

  test.each(changes)(
    '%s after the snapshot was taken: the file is gone by the time that is done',
    async (_, change) => {
      const file = temporaryFile();
      const cache = await thousand(file);
      await cache.set('another key', 1);
      expect(existsSync(file)).toBe(true);
      await change(cache);
      expect(existsSync(file)).toBe(false);
    },
  );

  test('a change while the file is being written: it is begun anew, and has no older value', async () => {
    const file = temporaryFile();
    const { cache } = lonely({ l1: { maxBytes: '100mb' } });
    await cache.setMany(Array.from({ length: 200 }, (_, n) => [`key ${n}`, Buffer.alloc(10_000)] as const));
    await cache.set('k', 'old');
    const taking = cache.snapshot(file);
    while (readdirSync(join(file, '..')).length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(existsSync(file)).toBe(false);
    await cache.delete('k');
    expect(await taking).toMatchObject({ entries: 200 });
  });

  test('a file is restored once', async () => {
    const file = temporaryFile();
    await thousand(file);
    const young = lonely();
    await young.cache.restore(file);
    expect(existsSync(file)).toBe(false);
    expect(await reasonOf(young.cache.restore(file))).toBe('missing');
  });

  test('values are sealed if there is a key ring, and not restored with another', async () => {
    const file = temporaryFile();
    const old = lonely({ encryption: { keys: [KEY] }, compression: false });
    await old.cache.set('k', 'a secret value');
    await old.cache.snapshot(file);
    expect(readFileSync(file, 'latin1')).not.toContain('secret');
    const other = lonely({ encryption: { keys: [{ id: 'k', key: Buffer.alloc(32, 1) }] } });
    expect(await other.cache.restore(file)).toMatchObject({ restored: 0, damaged: 1 });
  });
});

describe('files', () => {
  async function taken(): Promise<{ file: string; bytes: Buffer }> {
    const file = temporaryFile();
    const { cache } = await cluster().node();
    await fill(cache, 3);
    await cache.snapshot(file);
    return { file, bytes: readFileSync(file) };
  }

  test('one that is missing, foreign, newer, cut off or longer than it was is refused as a whole', async () => {
    const { file, bytes } = await taken();
    const { cache } = await cluster().node();
    const newer = Buffer.from(bytes);
    newer[4] = 2;
    const cases: [string, Buffer | string][] = [
      ['foreign', 'some text that is no snapshot at all'],
      ['foreign', ''],
      ['newer', newer],
      ['damaged', Buffer.concat([bytes, Buffer.of(0)])],
    ];
    for (let length = 4 + 16; length < bytes.length; length += 7) cases.push(['damaged', bytes.subarray(0, length)]);
    for (const [reason, content] of cases) {
      writeFileSync(file, content);
      expect(await reasonOf(cache.restore(file))).toBe(reason);
    }
    rmSync(file);
    expect(await reasonOf(cache.restore(file))).toBe('missing');
    expect(cache.stats().memory.entries).toBe(0);
  });

  test('whatever bit is flipped: refused as a whole, or that record is skipped and counted', async () => {
    const { file, bytes } = await taken();
    const { cache } = await cluster().node();
    let skipped = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      writeFileSync(file, flipped);
      try {
        const { damaged, gone } = await cache.restore(file);
        expect([damaged, gone]).toEqual([1, 2]);
        skipped += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(SnapshotError);
      }
    }
    expect(skipped).toBeGreaterThan(100);
  });

  test('one of another hierarchy, or taken with an L2 where there is none now, is refused', async () => {
    const { file } = await taken();
    const other = await cluster().node({ namespace: 'other' });
    expect(await reasonOf(other.cache.restore(file))).toBe('other');
    expect(await reasonOf(lonely().cache.restore(file))).toBe('other');
  });

  test('where it cannot be written, the former one stays, and nothing lies beside it', async () => {
    const { file, bytes } = await taken();
    const { cache } = await cluster().node();
    expect(await reasonOf(cache.snapshot(join(file, 'below', 'a file')))).toBe('unwritable');
    const abort = new AbortController();
    abort.abort(new Error('enough'));
    await expect(cache.snapshot(file, { signal: abort.signal })).rejects.toThrow('enough');
    expect(readFileSync(file)).toEqual(bytes);
    expect(readdirSync(join(file, '..'))).toHaveLength(1);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('the format is what it was: a golden file', () => {
    const header = {
      takenAt: 1_700_000_000_000,
      namespace: 'shöp',
      overL2: false,
      sealed: true,
      hidden: false,
      count: 1,
    };
    const record = {
      namespace: 'shöp:users',
      id: 'k',
      name: Buffer.from('n'),
      value: Buffer.from('value'),
      freshMs: 1000,
      keepMs: 2000,
      l1Ms: 500,
      ageMs: 9.5,
    };
    const checksum = new FileChecksum();
    const head = encodeHeader(header);
    const encoded = encodeRecord(record);
    checksum.add(head);
    checksum.add(encoded.subarray(0, FRAME_BYTES));
    const file = Buffer.concat([head, encoded, checksum.end()]);
    expect(file).toEqual(readFileSync(new URL('snapshot-1.golden', import.meta.url)));
  });
});

describe('at the start', () => {
  test('restoreOnStart: ready() waits for it, and a missing file is nothing special', async () => {
    const { node } = cluster();
    const file = temporaryFile();
    const warn = vi.spyOn(process, 'emitWarning');
    const old = await node({ snapshot: { file, restoreOnStart: true } });
    await old.cache.set('k', 1);
    await old.cache.snapshot();
    const young = await node({ snapshot: { file, restoreOnStart: true } });
    expect(young.cache.peek('k')).toBe(1);
    expect(warn).not.toHaveBeenCalled();
  });

  test('a damaged one is warned of, and the hierarchy works', async () => {
    const file = temporaryFile();
    writeFileSync(file, 'nonsense');
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { cache } = await cluster().node({ snapshot: { file, restoreOnStart: true } });
    expect(warn).toHaveBeenCalledOnce();
    await cache.set('k', 1);
    expect(existsSync(file)).toBe(true);
  });

  test('past its ttl it is not restored and goes, as do the remains of writers that died; nothing else does', async () => {
    const { node } = cluster();
    const file = temporaryFile();
    const old = await node();
    await old.cache.set('k', 1);
    await old.cache.snapshot(file);
    const [leftover, young, foreign] = ['.12-0123456789ab.tmp', '.13-0123456789ab.tmp', '.backup'].map(
      (end) => file + end,
    );
    for (const name of [leftover, young, foreign]) writeFileSync(name as string, '');
    for (const name of [leftover, foreign]) utimesSync(name as string, 0, 0);
    const then = Date.now() + 2 * 3_600_000;
    utimesSync(young as string, then / 1000, then / 1000);
    vi.spyOn(Date, 'now').mockReturnValue(then);
    const { cache } = await node({ snapshot: { file, ttl: '1h', restoreOnStart: true } });
    expect(cache.peek('k')).toBeUndefined();
    expect([file, leftover, young, foreign].map((name) => existsSync(name as string))).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });

  test('SNAPSHOT_TTL is in seconds, the option wins, and a day is the default', async () => {
    const { node } = cluster();
    const file = temporaryFile();
    const old = await node();
    const now = Date.now();
    const afterwards = async (ms: number, options: object = {}) => {
      vi.spyOn(Date, 'now').mockReturnValue(now);
      await old.cache.snapshot(file);
      vi.spyOn(Date, 'now').mockReturnValue(now + ms);
      return reasonOf((await node({ snapshot: options })).cache.restore(file));
    };
    expect(await afterwards(DAY)).toBe('nothing');
    expect(await afterwards(DAY + 1)).toBe('expired');
    vi.stubEnv('SNAPSHOT_TTL', '60');
    expect(await afterwards(60_000)).toBe('nothing');
    expect(await afterwards(60_001)).toBe('expired');
    expect(await afterwards(60_001, { ttl: '2m' })).toBe('nothing');
    vi.stubEnv('SNAPSHOT_TTL', '1 day');
    expect(() => lonely()).toThrow(/SNAPSHOT_TTL/);
  });

  test('options that make no sense are refused', async () => {
    for (const snapshot of [{ fil: 'x' }, { file: '' }, { onSigterm: true }, { restoreOnStart: true }, { ttl: -1 }]) {
      expect(() => lonely({ snapshot: snapshot as object })).toThrow(/snapshot/);
    }
    await expect(lonely().cache.snapshot()).rejects.toThrow(/snapshot.file/);
  });
});

describe('on SIGTERM', () => {
  /** Of a service's own: with it, the process is not ended. */
  function listen(): void {
    const listener = () => {};
    process.on('SIGTERM', listener);
    onTestFinished(() => void process.off('SIGTERM', listener));
  }

  test('all hierarchies of the process write theirs; one that was closed does not listen any more', async () => {
    listen();
    const before = process.listenerCount('SIGTERM');
    const files = [temporaryFile(), temporaryFile(), temporaryFile()];
    const caches = files.map((file) => lonely({ snapshot: { file, onSigterm: true } }).cache);
    expect(process.listenerCount('SIGTERM')).toBe(before + 1);
    await caches[2]?.close();
    process.emit('SIGTERM');
    const [first = '', second = '', third = ''] = files;
    await vi.waitFor(() => expect([existsSync(first), existsSync(second)]).toEqual([true, true]));
    expect(existsSync(third)).toBe(false);
    await Promise.all(caches.map((cache) => cache.close()));
    await vi.waitFor(() => expect(process.listenerCount('SIGTERM')).toBe(before));
  });

  test('a service that closes the hierarchy on the same signal gets its snapshot all the same', async () => {
    const file = temporaryFile();
    let closed: Promise<void> | undefined;
    const close = () => {
      closed = cache.close();
    };
    process.on('SIGTERM', close);
    onTestFinished(() => void process.off('SIGTERM', close));
    const { cache } = lonely({ snapshot: { file, onSigterm: true } });
    await cache.set('k', 1);
    process.emit('SIGTERM');
    await closed;
    expect(existsSync(file)).toBe(true);
    expect(await lonely().cache.restore(file)).toMatchObject({ restored: 1 });
  });

  test('while the former one is still being restored, that one stays', async () => {
    listen();
    const { node } = cluster();
    const file = temporaryFile();
    const old = await node();
    await fill(old.cache, 3);
    await old.cache.snapshot(file);
    const former = readFileSync(file);
    const l2 = new HeldL2(memoryL2(new MemoryStore()));
    const held = l2.hold('open');
    const cache = createHierarchy({ namespace: 'test', l2, snapshot: { file, onSigterm: true, restoreOnStart: true } });
    await held.arrived;
    process.emit('SIGTERM');
    held.release();
    await cache.ready();
    expect(readFileSync(file)).toEqual(former);
    await cache.close();
  });
});
