import { describe, expect, it } from 'vitest';
import { type Header, readHeader, writeHeader } from './header.js';

const header: Header = {
  encoding: 1,
  compression: 0,
  generation: 5,
  tags: ['ab', 'c'],
  payloadLength: 3,
  bodyLength: 3,
};
const sealed: Header = { ...header, seal: { keyId: 'key', nonce: new Uint8Array(24).fill(9), hasTags: true } };

/** Offsets in the bytes of {@link header}: its tags begin at 30. */
const FLAGS = 5;
const GENERATION = 8;
const HEADER_LENGTH = 24;
const TAG_COUNT = 28;
const FIRST_TAG_LENGTH = 30;
const SECOND_TAG_LENGTH = 36;
const KEY_ID_LENGTH = 41;

/** A header with three bytes of body, changed by one who does not care about checksums. */
function forged(from: Header, change: (bytes: Buffer) => void) {
  const { bytes } = writeHeader(from, 3);
  change(bytes);
  return readHeader(bytes, 0);
}

describe('a header', () => {
  it.each([header, sealed, { ...header, tags: [] }])('is read as it was written', (written) => {
    const { bytes, headerLength } = writeHeader(written, 3);
    const read = readHeader(bytes, 0);
    if (!read.ok) throw new Error(read.detail);
    const { seal, ...rest } = read.header;
    expect({ ...rest, seal: seal && { ...seal, nonce: new Uint8Array(seal.nonce) } }).toStrictEqual({
      seal: undefined,
      ...written,
    });
    expect(read.headerLength).toBe(headerLength);
  });

  it.each<[string, Header, (bytes: Buffer) => void, RegExp]>([
    ['a generation beyond 2^53', header, (b) => b.writeUInt32BE(0x200000, GENERATION), /generation is out of range/],
    ['sealed tags without a seal', header, (b) => b.writeUInt8(2, FLAGS), /sealed tags but no seal/],
    ['a tag longer than the header', header, (b) => b.writeUInt32BE(2 ** 32 - 1, FIRST_TAG_LENGTH), /tags run past/],
    ['a tag that reaches into the body', header, (b) => b.writeUInt32BE(2, SECOND_TAG_LENGTH), /tags run past/],
    ['more tags than there are', header, (b) => b.writeUInt16BE(3, TAG_COUNT), /tags run past/],
    ['fewer tags than there are', header, (b) => b.writeUInt16BE(1, TAG_COUNT), /longer than what it holds/],
    ['a key id longer than the header', sealed, (b) => b.writeUInt8(255, KEY_ID_LENGTH), /key id runs past/],
    ['a key id that takes of the nonce', sealed, (b) => b.writeUInt8(4, KEY_ID_LENGTH), /key id runs past/],
    ['a key id shorter than it is', sealed, (b) => b.writeUInt8(2, KEY_ID_LENGTH), /longer than what it holds/],
    ['a header length of 0', { ...header, bodyLength: 44 }, (b) => b.writeUInt32BE(0, HEADER_LENGTH), /tags run past/],
  ])('with %s is malformed', (_, from, change, detail) => {
    const read = forged(from, change);
    expect(read).toMatchObject({ ok: false, reason: 'malformed' });
    expect(!read.ok && read.detail).toMatch(detail);
  });

  it('counts its tags: up to 65,535', () => {
    const tags = new Array<string>(65_535).fill('t');
    const read = readHeader(writeHeader({ ...header, tags, bodyLength: 0 }, 0).bytes, 0);
    expect(read.ok && read.header.tags.length).toBe(65_535);
    expect(() => writeHeader({ ...header, tags: [...tags, 't'] }, 0)).toThrow(/up to 65535 tags, not 65536/);
  });
});
