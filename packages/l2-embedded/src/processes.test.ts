import { execFile, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ChildNode } from '../test/child-node.js';
import { findContradictions, handClock, listeningHost, temporaryDirectory } from '../test/support.js';
import { embeddedL2 } from './embedded.js';
import { locate } from './location.js';
import { acquireStore, releaseStore } from './store.js';

const LIFE = { freshMs: 600_000, keepMs: 600_000 };

describe('processes of one machine on one directory', () => {
  test('four race for one lease: one gets it, and the others hear of its fill', { timeout: 30_000 }, async () => {
    const dir = temporaryDirectory();
    const nodes = await Promise.all(['a', 'b', 'c', 'd'].map((origin) => ChildNode.start(dir, origin)));
    for (let round = 0; round < 25; round++) {
      const key = `key ${round}`;
      await Promise.all(nodes.map((node) => node.follow(`n${round}`)));
      const answers = await Promise.all(nodes.map((node) => node.acquire(`n${round}`, key, 60_000)));
      expect(answers.map(({ status }) => status).sort()).toEqual(['granted', 'held', 'held', 'held']);
      const winner = answers.findIndex(({ status }) => status === 'granted');
      const answer = answers[winner];
      if (answer?.status !== 'granted') throw new Error('nobody won');
      expect(await nodes[winner]?.fill(`n${round}`, key, 'loaded', answer.token)).toMatchObject([{ status: 'stored' }]);
      await Promise.all(
        nodes.map((node) =>
          node.until(() =>
            node.news.some(({ news }) => news.type === 'changed' && news.cause === 'fill' && news.keys[0] === key),
          ),
        ),
      );
      expect(await Promise.all(nodes.map((node) => node.read(`n${round}`, key)))).toEqual(Array(4).fill('loaded'));
    }
    expect(await Promise.all(nodes.map((node) => node.close()))).toEqual([0, 0, 0, 0]);
  });

  test('the holder of a lease is killed: it runs out, and exactly one other takes over', {
    timeout: 30_000,
  }, async () => {
    const dir = temporaryDirectory();
    const [holder, other, third] = await Promise.all(['h', 'o', 't'].map((origin) => ChildNode.start(dir, origin)));
    if (holder === undefined || other === undefined || third === undefined) throw new Error('no children');
    expect(await holder.acquire('n', 'k', 1_000)).toMatchObject({ status: 'granted' });
    await holder.kill();
    const held = await other.acquire('n', 'k', 1_000);
    if (held.status !== 'held') throw new Error(`${held.status}, though the lease has not run out`);
    const deadline = Date.now() + held.remainingMs;
    while (Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, deadline - Date.now()));
    const answers = await Promise.all([other.acquire('n', 'k', 60_000), third.acquire('n', 'k', 60_000)]);
    expect(answers.map(({ status }) => status).sort()).toEqual(['granted', 'held']);
  });

  test('a writer that is killed right after its write has been heard by the others', { timeout: 30_000 }, async () => {
    const dir = temporaryDirectory();
    const reader = embeddedL2({ dir });
    const host = listeningHost('reader');
    await reader.open(host);
    onTestFinished(() => reader.close());
    await reader.feed?.follow('n');
    for (let round = 0; round < 5; round++) {
      const writer = await ChildNode.start(dir, `writer ${round}`);
      writer.writeForEver('n', 100);
      await writer.until(() => writer.acknowledged.size >= 1);
      await writer.kill();
      const acknowledged = [...writer.acknowledged.keys()];
      const heard = () => host.news.flatMap((news) => (news.type === 'changed' ? news.keys : []));
      await host.until(() => acknowledged.every((key) => heard().includes(key)));
    }
  });

  test('a write of another process is read at once, in the same turn of the event loop too', {
    timeout: 30_000,
  }, async () => {
    const dir = temporaryDirectory();
    const l2 = embeddedL2({ dir });
    await l2.open(listeningHost('a'));
    onTestFinished(() => l2.close());
    const script = `
      import { embeddedL2 } from '@tierwise/l2-embedded';
      const l2 = embeddedL2({ dir: ${JSON.stringify(dir)} });
      await l2.open({ origin: 'b', onNews() {}, onFeedState() {} });
      await l2.write('n', [{ key: 'k', bytes: Buffer.from('v'), freshMs: 60_000, keepMs: 60_000 }]);
      await l2.close();`;
    const before = l2.read('n', ['k']);
    execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
    });
    const after = l2.read('n', ['k']);
    expect(await before).toEqual([undefined]);
    expect(await after).toMatchObject([{ status: 'found' }]);
  });

  test('processes are killed in the middle of writing, 20 times: nothing that was acknowledged is lost, everything adds up', {
    timeout: 60_000,
  }, async () => {
    const dir = temporaryDirectory();
    const expected = new Map<string, number>();
    for (let round = 0; round < 10; round++) {
      const writers = await Promise.all([0, 1].map((number) => ChildNode.start(dir, `w${round}.${number}`)));
      for (const writer of writers) writer.writeForEver('n', round % 2 === 0 ? 200 : 20_000);
      // Each at another moment of its writing.
      await Promise.all(
        writers.map(async (writer, number) => {
          await writer.until(() => writer.acknowledged.size > 10 + round + number);
          await writer.kill();
          for (const [key, last] of writer.acknowledged) expected.set(key, last);
        }),
      );
      const l2 = embeddedL2({ dir });
      await l2.open(listeningHost('checker'));
      const keys = [...expected.keys()];
      const entries = await l2.read('n', keys);
      keys.forEach((key, index) => {
        const entry = entries[index];
        if (entry?.status !== 'found') throw new Error(`${key} is ${entry?.status ?? 'lost'}`);
        const written = Buffer.from(entry.bytes).readUInt32LE();
        // The killed one may have done one more than it could tell of.
        expect(written).toBeGreaterThanOrEqual(expected.get(key) ?? 0);
      });
      await l2.write('n', [{ key: 'checker', bytes: Buffer.from('still writable'), ...LIFE }]);
      const store = await acquireStore(locate(dir, 'process'));
      expect(findContradictions(store)).toEqual([]);
      await releaseStore(store);
      await l2.close();
    }
  });

  test('one process freezes in the middle of its write: the others read on, their writes are given up in time, their event loops run', {
    timeout: 30_000,
  }, async () => {
    const dir = temporaryDirectory();
    const l2 = embeddedL2({ dir, callTimeout: 1_000, clock: handClock() });
    await l2.open(listeningHost('a'));
    await l2.write('n', [{ key: 'k', bytes: Buffer.from('v'), ...LIFE }]);
    const { path } = locate(dir, 'process');
    const frozen = fork(new URL('../test/fixtures/holds-the-lock.mjs', import.meta.url), [path]);
    onTestFinished(() => {
      frozen.kill('SIGKILL');
    });
    await once(frozen, 'message');

    const write = l2.write('n', [{ key: 'k', bytes: Buffer.from('w'), ...LIFE }]);
    expect((await l2.read('n', ['k']))[0]).toMatchObject({ status: 'found' });
    await expect(write).rejects.toMatchObject({ code: 'ERR_TIERWISE_L2_TIMEOUT', limitMs: 1_000 });
    expect(await l2.health()).toMatchObject({ status: 'down' });

    const exit = once(frozen, 'exit');
    frozen.kill('SIGKILL');
    await exit;
    // The kernel hands the lock of the dead on; what was given up has no effect any more.
    expect(await l2.write('n', [{ key: 'other', bytes: Buffer.from('x'), ...LIFE }])).toMatchObject([
      { status: 'stored' },
    ]);
    const [entry] = await l2.read('n', ['k']);
    expect(entry?.status === 'found' && Buffer.from(entry.bytes).toString()).toBe('v');
    await l2.close();
  });

  test('an open node does not keep its process alive, and has closed what it opened after close()', {
    timeout: 30_000,
  }, async () => {
    const dir = temporaryDirectory();
    const child = await ChildNode.start(dir, 'a');
    await child.write('n', 'k', 'v');
    const exit = once(child.process, 'exit');
    child.process.disconnect();
    expect(await exit).toEqual([0, null]);
    const closing = await ChildNode.start(dir, 'b');
    expect(await closing.close()).toBe(0);
  });

  test.skipIf(process.platform === 'win32')(
    'the disk is full: writes are rejected, reads go on, and it recovers',
    {
      timeout: 30_000,
    },
    async () => {
      const fixture = fileURLToPath(new URL('../test/fixtures/full-disk.mjs', import.meta.url));
      // A limit on the size of files, in blocks of 512 bytes or 1 KiB, is the full disk that needs no disk of its own.
      const script = `trap '' XFSZ; ulimit -f 2048; exec "$0" "$1" "$2"`;
      const { stdout } = await promisify(execFile)('sh', [
        '-c',
        script,
        process.execPath,
        fixture,
        temporaryDirectory(),
      ]);
      const report = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
      expect(report).toMatchObject({ unhandled: 0, codes: ['ERR_TIERWISE_L2_UNAVAILABLE'], again: 'stored' });
      expect(report.acknowledged).toBeGreaterThan(3);
      expect(report.found).toBe(report.acknowledged);
    },
  );
});
