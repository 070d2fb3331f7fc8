import { existsSync, mkdirSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { L2UnavailableError } from '@tierwise/l2';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../test/support.js';
import { locate } from './location.js';

const BOOT_A = '11111111-1111-4111-8111-111111111111';
const BOOT_B = '22222222-2222-4222-8222-222222222222';

function bootFile(dir: string, id: string): string {
  const file = join(dir, 'boot_id');
  writeFileSync(file, `${id}\n`);
  return file;
}

test('without waiting for the disk, a store belongs to one boot of the machine: the next begins empty, and the old one is removed', () => {
  const dir = join(temporaryDirectory(), 'made', 'for us');
  mkdirSync(dir, { recursive: true });
  const first = locate(dir, 'process', bootFile(dir, BOOT_A));
  expect(first).toEqual({ path: join(realpathSync(dir), `boot-${BOOT_A}`), waitsForDisk: false });
  expect(locate(dir, 'process', bootFile(dir, BOOT_A))).toEqual(first);
  const second = locate(dir, 'process', bootFile(dir, BOOT_B));
  expect(second.path).not.toBe(first.path);
  expect(existsSync(first.path)).toBe(false);
});

test('a store that waits for the disk outlives the boot', () => {
  const dir = temporaryDirectory();
  const first = locate(dir, 'power', bootFile(dir, BOOT_A));
  expect(first.waitsForDisk).toBe(true);
  writeFileSync(join(first.path, 'data.mdb'), 'x');
  expect(locate(dir, 'power', bootFile(dir, BOOT_B))).toEqual(first);
  expect(existsSync(join(first.path, 'data.mdb'))).toBe(true);
});

test('where the system does not name its boots, both wait for the disk', () => {
  expect(locate(temporaryDirectory(), 'process', '/nowhere')).toMatchObject({ waitsForDisk: true });
});

test.each([
  ['process', 'power'],
  ['power', 'process'],
] as const)('a directory in use with durability %s refuses %s, and stays as it was', (used, other) => {
  const dir = temporaryDirectory();
  const file = bootFile(temporaryDirectory(), BOOT_A);
  const own = locate(dir, used, file);
  expect(() => locate(dir, other, file)).toThrow(L2UnavailableError);
  expect(() => locate(dir, other, file)).toThrow('another durability');
  expect(locate(dir, used, file)).toEqual(own);
});

test('directories are made for their owner only', () => {
  const dir = join(temporaryDirectory(), 'a', 'b');
  const { path } = locate(dir, 'process');
  for (const made of [dir, path]) expect(statSync(made).mode & 0o077).toBe(0);
});

test('a directory that cannot be made is reported', () => {
  const file = join(temporaryDirectory(), 'file');
  writeFileSync(file, '');
  expect(() => locate(file, 'process')).toThrow(L2UnavailableError);
});
