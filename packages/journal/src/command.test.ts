import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { deletion, opened, setting, temporaryDirectory } from '../test/support.js';
import { run } from './command.js';
import { encodeHeader, newMarker, segmentName } from './format.js';
import { fileJournal } from './index.js';

async function command(...args: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await run(args, { out: (line) => out.push(line), err: (line) => err.push(line) });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

/** A journal in use, with one record settled. */
async function journalInUse() {
  const directory = temporaryDirectory();
  const { journal } = await opened(fileJournal({ directory }));
  await journal.append([setting('user:ada', Buffer.from('the secret')), deletion('b\u001b[31m')]);
  await journal.append([{ op: 'invalidate', namespace: 'n', tags: ['t'], mode: 'stale', at: 1_800_000_000_000 }]);
  journal.settle([2]);
  await journal.append([{ op: 'invalidate', namespace: 'n', tags: null, mode: 'dead', at: 5 }]);
  const [file = ''] = readdirSync(directory).filter((name) => name.endsWith('.twj'));
  return { directory, file: join(directory, file), name: file };
}

test('list shows records, segments and what is settled, but no values; the journal may be in use', async () => {
  const { directory, name } = await journalInUse();
  const { code, out, err } = await command('list', directory);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out.split('\n').map((line) => line.replace(/begun \S+,/, 'begun …,'))).toEqual([
    expect.stringMatching(`^${name}  \\d+ bytes, begun …, 4 records$`),
    '  1  1970-01-01T00:00:00.001Z  set "n" "user:ada", 10 bytes',
    '  2  1970-01-01T00:00:00.001Z  delete "n" "b\\u001b[31m"  settled',
    '  3  2027-01-15T08:00:00.000Z  invalidate "n" tags ["t"], stale',
    '  4  1970-01-01T00:00:00.005Z  invalidate "n" all of it, dead',
    expect.stringMatching(/^1 segments, \d+ bytes, 4 records, 3 not settled$/),
  ]);
  expect(out).not.toContain('secret');
});

test('verify of a whole journal exits with 0', async () => {
  const { directory } = await journalInUse();
  const { code, out, err } = await command('verify', directory);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toContain('every checksum is right');
});

test('verify names every damage and exits with 1; list goes on around it', async () => {
  const { directory, file, name } = await journalInUse();
  const bytes = readFileSync(file);
  bytes[140] = (bytes[140] ?? 0) ^ 1;
  writeFileSync(file, bytes.subarray(0, bytes.length - 1));
  const { code, out, err } = await command('verify', directory);
  expect(code).toBe(1);
  expect(err.split('\n')).toEqual([
    expect.stringMatching(`^${name}: \\d+ bytes at 64 are damaged: the checksum is wrong$`),
    expect.stringMatching(`^${name}: \\d+ bytes at \\d+ are damaged: the frame is cut off`),
  ]);
  expect(out).toContain('2 things are wrong');
  const listed = await command('list', directory);
  expect(listed.code).toBe(0);
  expect(listed.out).toContain('invalidate "n" tags');
  expect(readFileSync(file).length).toBe(bytes.length - 1); // nothing was cut
});

test('verify says what it cannot check', async () => {
  const { directory } = await journalInUse();
  const marker = newMarker();
  writeFileSync(join(directory, segmentName({ first: 9, marker })), encodeHeader({ version: 2, marker, createdAt: 1 }));
  writeFileSync(join(directory, segmentName({ first: 10, marker })), Buffer.alloc(100));
  const { code, err } = await command('verify', directory);
  expect(code).toBe(1);
  expect(err).toContain('version 2');
  expect(err).toContain('nothing in it can be read');
});

test.each([
  [['list', '/no/such/directory'], 'there is no such directory'],
  [['verify', fileURLToPath(import.meta.url)], 'it is not a directory'],
  [['show', 'x'], 'there is no command show'],
  [[], 'there is no command'],
  [['list'], 'list takes one directory'],
  [['list', 'a', 'b'], 'list takes one directory'],
  [['list', '--all', 'a'], "Unknown option '--all'"],
])('%j exits with 2 and says why', async (args, message) => {
  const { code, out, err } = await command(...args);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(message);
});

test('help is no error', async () => {
  const { code, out } = await command('--help');
  expect(code).toBe(0);
  expect(out).toContain('usage: tierwise-journal');
});

test('the program itself runs', async () => {
  const { directory } = await journalInUse();
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [main, 'verify', directory]);
  expect(stdout).toContain('every checksum is right');
  await expect(promisify(execFile)(process.execPath, [main])).rejects.toMatchObject({ code: 2 });
});
