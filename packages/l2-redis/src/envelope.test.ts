import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeEnvelope, decodeLiving, HEADER_BYTES, writtenMicros } from './envelope.js';

// version 1_763_661_015_123_456, written at 1_763_661_015_123, stale 1,000 ms and gone 2,000 ms later, bytes `hi`.
const GOLDEN = Buffer.from(
  ['54570100', '0006440a544f8600', '019aa2636853', '019aa2636c3b', '019aa2637023', '0000002a', '6869'].join(''),
  'hex',
);
const WRITTEN_AT = 1_763_661_015_123;

test('a stored entry is read from its golden bytes', () => {
  expect(decodeEnvelope(GOLDEN, WRITTEN_AT + 250.5)).toEqual({
    status: 'found',
    bytes: Buffer.from([0x68, 0x69]),
    version: 1_763_661_015_123_456,
    ageMs: 250.5,
    freshMs: 749.5,
    keepMs: 1_749.5,
  });
});

test('it is stale, then gone, at its moments', () => {
  expect(decodeEnvelope(GOLDEN, WRITTEN_AT + 1_000)).toMatchObject({ freshMs: 0, keepMs: 1_000 });
  expect(decodeEnvelope(GOLDEN, WRITTEN_AT + 1_999)).toMatchObject({ freshMs: -999, keepMs: 1 });
  expect(decodeEnvelope(GOLDEN, WRITTEN_AT + 2_000)).toBeUndefined();
});

test('what was expired is as long stale as it is old, whatever happened to the clock', () => {
  const expired = Buffer.from(GOLDEN);
  GOLDEN.copy(expired, 18, 12, 18);
  for (const now of [WRITTEN_AT - 500, WRITTEN_AT, WRITTEN_AT + 0.3, WRITTEN_AT + 1_999]) {
    const entry = decodeEnvelope(expired, now);
    if (entry?.status !== 'found') throw new Error('not found');
    expect(entry.freshMs === -entry.ageMs).toBe(true);
    expect(entry.freshMs).toBeLessThanOrEqual(0);
  }
});

test('the kinds of writing are known, and later ones are damage', () => {
  const ofKind = (kind: number): Buffer => {
    const stored = Buffer.from(GOLDEN);
    stored[3] = kind;
    return stored;
  };
  for (const kind of [0, 1, 2, 3]) expect(decodeEnvelope(ofKind(kind), WRITTEN_AT)?.status).toBe('found');
  expect(decodeEnvelope(ofKind(4), WRITTEN_AT)?.status).toBe('damaged');
  expect(writtenMicros(ofKind(0))).toBeUndefined();
  expect(writtenMicros(ofKind(1))).toBe(1_763_661_015_123_456);
  expect(writtenMicros(ofKind(1).subarray(0, 20))).toBeUndefined();
});

test('one that lived in Redis and died on the way is over at once, but there', () => {
  const entry = decodeLiving(GOLDEN, WRITTEN_AT + 2_003, WRITTEN_AT + 2_000);
  expect(entry).toMatchObject({ status: 'found', freshMs: -1_003 });
  expect(entry.status === 'found' && entry.keepMs).toBeGreaterThan(0);
  expect(entry.status === 'found' && entry.keepMs).toBeLessThan(0.001);
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['a header that is cut off', GOLDEN.subarray(0, HEADER_BYTES - 1)],
  ['another magic', Buffer.concat([Buffer.from('X'), GOLDEN.subarray(1)])],
  ['a newer format', Buffer.from(GOLDEN.toString('hex').replace(/^54570100/, '54570200'), 'hex')],
  ['a version of zero', Buffer.concat([GOLDEN.subarray(0, 4), Buffer.alloc(8), GOLDEN.subarray(12)])],
  ['a version above 2^53', Buffer.concat([GOLDEN.subarray(0, 4), Buffer.alloc(8, 255), GOLDEN.subarray(12)])],
  ['stale after it is gone', Buffer.concat([GOLDEN.subarray(0, 18), Buffer.alloc(6, 255), GOLDEN.subarray(24)])],
])('%s is damaged, with version 0', (_, stored) => {
  const read = decodeEnvelope(stored, WRITTEN_AT);
  expect(read).toMatchObject({ status: 'damaged', version: 0 });
  expect(read?.status === 'damaged' && read.reason).toMatch(/\w/);
});

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.boolean(), (bytes, asOurs) => {
      const stored = Buffer.concat([asOurs ? GOLDEN.subarray(0, 4) : Buffer.alloc(0), bytes]);
      expect(['found', 'damaged', undefined]).toContain(decodeEnvelope(stored, 0)?.status);
    }),
  );
});
