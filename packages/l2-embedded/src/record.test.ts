import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeRecord, decodeRecordOf, type EntryRecord, encodeRecord } from './record.js';

const RECORD: EntryRecord = {
  kind: 'write',
  version: 7,
  writtenAt: 1000,
  staleAt: 2000,
  goneAt: 3000,
  namespace: 'näme',
  key: 'k😀',
  bytes: Buffer.from('value'),
};

describe('records', () => {
  test('come back as they went in', () => {
    expect(decodeRecord(encodeRecord(RECORD))).toEqual(RECORD);
    const empty = { ...RECORD, namespace: '', key: '', bytes: Buffer.alloc(0) };
    expect(decodeRecord(encodeRecord(empty))).toEqual(empty);
  });

  test('are laid out as documented', () => {
    const bytes = encodeRecord({ ...RECORD, namespace: 'n', key: 'k', bytes: Buffer.of(0xff) });
    expect(bytes.toString('hex')).toBe(
      '54450101' + // magic, format, kind
        '0000000000001c40' + // 7
        '0000000000408f40' + // 1000
        '0000000000409f40' + // 2000
        '000000000070a740' + // 3000
        '010000000100000001000000' + // lengths
        '6e6bff',
    );
  });

  test('that are cut anywhere are damaged', () => {
    const bytes = encodeRecord(RECORD);
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeRecord(bytes.subarray(0, length))).toHaveProperty('damage');
    }
    expect(decodeRecord(Buffer.concat([bytes, Buffer.of(0)]))).toHaveProperty('damage');
  });

  test.each([
    ['another magic', 0, 0, 'not a record'],
    ['a newer format', 2, 2, 'unknown format 2'],
    ['no version', 11, 0xff, 'no version'],
    ['times that are no times', 19, 0xff, 'no times'],
  ])('with %s are damaged', (_, offset, byte, reason) => {
    const bytes = encodeRecord(RECORD);
    bytes[offset] = byte;
    expect(decodeRecord(bytes)).toEqual({ damage: expect.stringContaining(reason), version: expect.any(Number) });
  });

  test('of another key are damaged', () => {
    const bytes = encodeRecord(RECORD);
    expect(decodeRecordOf(bytes, 'näme', 'k😀')).toEqual(RECORD);
    expect(decodeRecordOf(bytes, 'näme', 'other')).toMatchObject({ damage: expect.stringContaining('another key') });
    expect(decodeRecordOf(bytes, 'other', 'k😀')).toMatchObject({ damage: expect.stringContaining('another key') });
  });

  test('any bytes at all are read without a throw, and damage has a version that identifies it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 100 }), (a, b) => {
        const [first, again, other] = [a, a, b].map((bytes) => decodeRecord(Buffer.from(bytes)));
        if (first === undefined || !('damage' in first)) return;
        expect(Number.isSafeInteger(first.version) && first.version > 0).toBe(true);
        expect(again).toEqual(first);
        if (!Buffer.from(a).equals(Buffer.from(b))) expect(other?.version).not.toBe(first.version);
      }),
    );
  });
});
