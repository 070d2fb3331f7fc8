import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { keysOf, opened, temporaryDirectory } from '../test/support.js';
import { fileJournal } from './index.js';
import { lockDirectory } from './lock.js';

const FIXTURE = fileURLToPath(new URL('../test/fixtures/holds.mjs', import.meta.url));
const code = 'ERR_TIERWISE_JOURNAL_IN_USE';

/** A process that has the journal of a directory, or was told that it cannot. */
async function holder(directory: string): Promise<{ readonly child: ChildProcess; readonly troubles: unknown }> {
  const child = spawn(process.execPath, [FIXTURE, directory], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const [line] = await once(child.stdout, 'data');
  return { child, troubles: JSON.parse(String(line)) };
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

// The second way is that of a Linux without the program.
const ways = process.platform === 'linux' ? ['flock', 'no-such-program'] : ['flock'];

describe.each(ways)('a lock by way of %s', (program) => {
  test('is had by one at a time, until it is released', async () => {
    const directory = temporaryDirectory();
    const lock = await lockDirectory(directory, program);
    await expect(lockDirectory(directory, program)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(`process ${process.pid}`),
    });
    await lock.release();
    await (await lockDirectory(directory, program)).release();
  });

  test('of many that ask at once, one gets it', async () => {
    const directory = temporaryDirectory();
    const answers = await Promise.allSettled(Array.from({ length: 8 }, () => lockDirectory(directory, program)));
    const locks = answers.filter((answer) => answer.status === 'fulfilled');
    expect(locks.length).toBe(1);
    await locks[0]?.value.release();
  });

  test('knows when its directory is another one', async () => {
    const directory = join(temporaryDirectory(), 'log');
    mkdirSync(directory);
    const lock = await lockDirectory(directory, program);
    expect(await lock.isWhole()).toBe(true);
    renameSync(directory, `${directory}-moved`);
    expect(await lock.isWhole()).toBe(false);
    mkdirSync(directory);
    const another = await lockDirectory(directory, program);
    expect([await lock.isWhole(), await another.isWhole()]).toEqual([false, true]);
    await Promise.all([lock.release(), another.release()]);
  });
});

test('another living process has the directory, also one that stands still: told, and memory', async () => {
  const directory = temporaryDirectory();
  const first = await holder(directory);
  expect(first.troubles).toEqual([]);
  first.child.kill('SIGSTOP');
  const { journal, host, found } = await opened(fileJournal({ directory }));
  expect(found).toEqual([]);
  expect(host.troubles).toMatchObject([{ type: 'failing', error: { code } }]);
  await journal.close();
});

test('a process that was killed holds nothing: the next one goes on with what it left', async () => {
  const directory = temporaryDirectory();
  const first = await holder(directory);
  const second = await holder(directory);
  expect([first.troubles, second.troubles]).toEqual([[], [code]]);
  await kill(second.child);
  await kill(first.child);
  const { host, found } = await opened(fileJournal({ directory }));
  expect(host.troubles).toEqual([]);
  expect(keysOf(found)).toEqual(['held']);
});

test('a process with an open journal ends by itself', async () => {
  const { child } = await holder(temporaryDirectory());
  const exit = once(child, 'exit');
  child.stdin?.end();
  expect(await exit).toEqual([0, null]);
});
