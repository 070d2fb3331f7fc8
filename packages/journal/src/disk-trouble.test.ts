import { execFile } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { deletion, keysOf, opened, temporaryDirectory } from '../test/support.js';
import { fileJournal } from './index.js';

const execute = promisify(execFile);
const FIXTURE = fileURLToPath(new URL('../test/fixtures/fills-the-disk.mjs', import.meta.url));

/** A file system of one megabyte, or `undefined` where this user may not mount one. */
async function smallDisk(): Promise<string | undefined> {
  const directory = temporaryDirectory();
  try {
    await execute('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', directory]);
  } catch {
    return undefined;
  }
  onTestFinished(async () => {
    await execute('umount', [directory]);
  });
  return directory;
}

test('a disk that is really full: memory, and back when there is space again', { timeout: 60_000 }, async ({
  skip,
}) => {
  const disk = await smallDisk();
  if (disk === undefined) return skip('this user may not mount a file system');
  const ballast = join(disk, 'ballast');
  writeFileSync(ballast, Buffer.alloc(800_000));
  const directory = join(disk, 'log');
  const { stdout } = await execute(process.execPath, [FIXTURE, directory, '60', ballast]);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({ types: ['failing', 'recovered'], code: 'ENOSPC', unhandled: 0, records: 60 });
  expect(report.inMemory).toBeGreaterThan(30);
  expect(report.left).toMatchObject({ records: 60, inMemory: 0, dropped: 0 });
  writeFileSync(join(directory, 'lock'), '');
  fill(disk);
  const { found, host } = await opened(fileJournal({ directory }));
  expect(keysOf(found)).toEqual(Array.from({ length: 60 }, (_, index) => `k${index}`)); // reading takes no space
  expect(host.troubles).toEqual([]);
});

/** Leaves not a byte. */
function fill(disk: string): void {
  for (let bytes = 100_000; bytes > 0; ) {
    try {
      appendFileSync(join(disk, 'filling'), Buffer.alloc(bytes));
    } catch {
      bytes = Math.floor(bytes / 10);
    }
  }
}

test.skipIf(process.platform === 'win32')(
  'a file that may not grow (EFBIG): memory, and back in the next segment, as what is settled goes',
  { timeout: 60_000 },
  async () => {
    const directory = temporaryDirectory();
    // In blocks of 512 bytes or 1 KiB, as the shell has it.
    const script = `trap '' XFSZ; ulimit -f 200; exec "$0" "$1" "$2" "$3"`;
    const { stdout } = await execute('sh', ['-c', script, process.execPath, FIXTURE, directory, '60']);
    const report = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    expect(report).toMatchObject({ code: 'EFBIG', unhandled: 0, records: 60 });
    expect(report.types.slice(0, 2)).toEqual(['failing', 'recovered']);
    expect(report.left).toMatchObject({ records: 2, inMemory: 0, dropped: 0 });
    expect(keysOf((await opened(fileJournal({ directory }))).found)).toEqual(['k58', 'k59']);
  },
);

test('a directory that cannot be made, since a file is in its place: memory, and back when the file is gone', async () => {
  const directory = join(temporaryDirectory(), 'log');
  writeFileSync(directory, '');
  const { journal, host, found } = await opened(fileJournal({ directory }));
  expect(found).toEqual([]);
  expect(host.troubles).toMatchObject([{ type: 'failing', error: { code: 'EEXIST' } }]);
  const [number] = await journal.append([deletion('a')]);
  expect(journal.stats()).toMatchObject({ records: 1, inMemory: 1, segments: 0 });
  rmSync(directory);
  await host.heard('recovered');
  expect(journal.stats()).toMatchObject({ records: 1, inMemory: 0, segments: 1 });
  await journal.close();
  const next = await opened(fileJournal({ directory }));
  expect(next.found.map((entry) => entry.number)).toEqual([number]);
});

test('a log that could be read only later: its records come with the recovery, older than all since', async () => {
  const parent = temporaryDirectory();
  const directory = join(parent, 'log');
  const first = await opened(fileJournal({ directory }));
  await first.journal.append([deletion('before')]);
  const second = await opened(fileJournal({ directory })); // in use
  const [number = 0] = await second.journal.append([deletion('since')]);
  await first.journal.close();
  await second.host.heard('recovered');
  const [recovered] = second.host.of('recovered');
  expect(keysOf(recovered?.entries ?? [])).toEqual(['before']);
  expect(recovered?.entries?.[0]?.number).toBeLessThan(number);
  second.journal.settle([recovered?.entries?.[0]?.number ?? 0]);
  await second.journal.close();
  mkdirSync(directory, { recursive: true });
  expect(keysOf((await opened(fileJournal({ directory }))).found)).toEqual(['since']);
});
