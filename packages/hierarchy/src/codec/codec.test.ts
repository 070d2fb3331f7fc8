import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';

/** With a payload that is no window on the packed bytes. */
function owned(unpacked: Unpacked): Unpacked {
  return unpacked.ok ? { ...unpacked, payload: Uint8Array.from(unpacked.payload) } : unpacked;
}

import { describe, expect, it } from 'vitest';
import { wrapChecked } from './checksum.js';
import { type Codec, type CodecOptions, createCodec, type PackMeta, type Unpacked } from './codec.js';
import { COMPRESSION } from './compress.js';
import { EncryptionKeyError, UnserializableError } from './errors.js';
import { ENCODING } from './header.js';

const place = { namespace: 'shop', key: 'user:1' };
const meta: PackMeta = { ...place, generation: 1_763_000_000_000_123, tags: ['user:1', 'größe'] };
const value = { name: 'Ada', notes: 'x'.repeat(2_000), at: new Date(5) };
const key = (fill: number) => new Uint8Array(32).fill(fill);
const ring = (...ids: number[]): CodecOptions => ({
  encryption: { keys: ids.map((id) => ({ id: `k${id}`, key: key(id) })) },
});

async function codec(options?: CodecOptions): Promise<Codec> {
  const made = createCodec(options);
  await made.ready();
  return made;
}

function reason(unpacked: Unpacked): string {
  return unpacked.ok ? 'ok' : unpacked.reason;
}

const kinds: [string, CodecOptions][] = [
  ['as it is', { compression: false }],
  ['compressed', {}],
  ['sealed', { ...ring(1), compression: false }],
  ['sealed and compressed', ring(1)],
];

describe.each(kinds)('bytes that are %s', (_, options) => {
  it('bring back payload, generation and tags', async () => {
    const c = await codec(options);
    const payload = c.encode(value);
    const unpacked = c.unpack(c.pack(payload, meta), place);
    expect(owned(unpacked)).toStrictEqual({
      ok: true,
      payload,
      generation: meta.generation,
      tags: ['user:1', 'größe'],
      sealedTags: [],
    });
    expect(unpacked.ok && c.decode(unpacked.payload)).toStrictEqual(value);
  });

  it('take extremes: no tags, 1,000 tags, a tag of 65,536 bytes, the largest generation, an empty payload', async () => {
    const c = await codec(options);
    const many = Array.from({ length: 1_000 }, (_, i) => `tag ${i}`);
    for (const tags of [[], many, ['t'.repeat(65_536)], ['']]) {
      for (const generation of [0, 1, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
        for (const payload of [new Uint8Array(0), c.encode(null)]) {
          const unpacked = c.unpack(c.pack(payload, { ...place, generation, tags }), place);
          expect(owned(unpacked)).toStrictEqual({ ok: true, payload, generation, tags, sealedTags: [] });
        }
      }
    }
  });

  it('are a miss when a single bit is flipped anywhere', async () => {
    const c = await codec(options);
    const packed = c.pack(c.encode({ a: 'short', b: [1, 2, 3], c: 'y'.repeat(200) }), meta);
    for (let bit = 0; bit < packed.length * 8; bit += 1) {
      const flipped = Uint8Array.from(packed);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(reason(c.unpack(flipped, place)), `bit ${bit}`).not.toBe('ok');
    }
  });

  it('are a miss when they are cut off anywhere, or longer than they were', async () => {
    const c = await codec(options);
    const packed = c.pack(c.encode(value), meta);
    for (let length = 0; length < packed.length; length += 1) {
      expect(reason(c.unpack(packed.subarray(0, length), place)), `${length} bytes`).toBe('truncated');
    }
    expect(reason(c.unpack(Uint8Array.from([...packed, 0]), place))).toBe('malformed');
  });

  it('are a miss under another key or namespace', async () => {
    const c = await codec(options);
    const packed = c.pack(c.encode(value), meta);
    for (const elsewhere of [
      { namespace: 'shop', key: 'user:2' },
      { namespace: 'other', key: 'user:1' },
      { namespace: 'shopu', key: 'ser:1' },
      { namespace: 'sho', key: 'puser:1' },
    ]) {
      expect(['checksum', 'undecryptable']).toContain(reason(c.unpack(packed, elsewhere)));
    }
  });

  it('lie within a larger buffer as well', async () => {
    const c = await codec(options);
    const packed = c.pack(c.encode(value), meta);
    const slab = new Uint8Array(packed.length + 20).fill(1);
    slab.set(packed, 10);
    const unpacked = c.unpack(slab.subarray(10, 10 + packed.length), place);
    if (!unpacked.ok) throw new Error(unpacked.detail);
    const decoded = c.decode(unpacked.payload);
    slab.fill(0);
    expect(decoded).toStrictEqual(value);
  });

  it('of a newer format, or with flags, an encoding or a compression of the future are a miss that says so', async () => {
    const c = await codec(options);
    const packed = c.pack(c.encode(value), meta);
    for (const [offset, byte] of [
      [4, 2],
      [4, 255],
      [5, (packed[5] ?? 0) | 4],
      [6, 2],
      [7, 2],
      [7, 255],
    ] as const) {
      const newer = Uint8Array.from(packed);
      newer[offset] = byte;
      expect(reason(c.unpack(newer, place)), `${byte} at ${offset}`).toBe('newer-format');
    }
  });
});

describe('foreign bytes', () => {
  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(0), 'truncated'],
    ['the beginning of the magic', Uint8Array.from([0x89, 0x54]), 'truncated'],
    ['text', Buffer.from('{"json":true}'), 'foreign'],
    ['one byte', Uint8Array.from([0]), 'foreign'],
    ['a PNG', Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), 'foreign'],
    ['only the magic', Uint8Array.from([0x89, 0x54, 0x57, 0x56]), 'truncated'],
    ['version 0', Uint8Array.from([0x89, 0x54, 0x57, 0x56, 0]), 'malformed'],
  ])('%s', async (_, bytes, expected) => {
    for (const [, options] of kinds) expect(reason((await codec(options)).unpack(bytes, place))).toBe(expected);
  });
});

describe('encryption', () => {
  it('hides the value and the sealed tags', async () => {
    const c = await codec({ ...ring(1), compression: false });
    const packed = c.pack(c.encode('a secret value'), { ...meta, tags: ['h4sh'], sealedTags: ['secret tag'] });
    expect(Buffer.from(packed).includes('secret')).toBe(false);
    expect(c.unpack(packed, place)).toMatchObject({ ok: true, tags: ['h4sh'], sealedTags: ['secret tag'] });
  });

  it('keeps the difference between no sealed tags and an empty list of them from mattering', async () => {
    const c = await codec(ring(1));
    expect(c.unpack(c.pack(c.encode(1), { ...meta, sealedTags: [] }), place)).toMatchObject({
      ok: true,
      sealedTags: [],
    });
  });

  it('makes different bytes of the same value each time', async () => {
    const c = await codec(ring(1));
    const payload = c.encode(value);
    expect(Buffer.from(c.pack(payload, meta)).equals(c.pack(payload, meta))).toBe(false);
  });

  it('draws a nonce of 24 bytes for every value', async () => {
    const lengths: number[] = [];
    const randomBytes = (length: number) => {
      lengths.push(length);
      return new Uint8Array(length);
    };
    const c = await codec({ ...ring(1), randomBytes });
    c.pack(c.encode(1), meta);
    c.pack(c.encode(1), meta);
    expect(lengths).toStrictEqual([24, 24]);
  });

  it('rotates: the first key writes, all of them read, and one that left the ring is a miss', async () => {
    const [before, during, after] = [await codec(ring(1)), await codec(ring(2, 1)), await codec(ring(2))];
    const old = before.pack(before.encode('old'), meta);
    const fresh = during.pack(during.encode('new'), meta);
    expect([before, during, after].map((c) => reason(c.unpack(old, place)))).toStrictEqual(['ok', 'ok', 'unknown-key']);
    expect([before, during, after].map((c) => reason(c.unpack(fresh, place)))).toStrictEqual([
      'unknown-key',
      'ok',
      'ok',
    ]);
  });

  it('another key of the same id is a miss', async () => {
    const [ours, theirs] = [await codec(ring(1)), await codec({ encryption: { keys: [{ id: 'k1', key: key(9) }] } })];
    expect(reason(theirs.unpack(ours.pack(ours.encode(1), meta), place))).toBe('undecryptable');
  });

  it('refuses plain values, which anyone could have written, and without a ring sealed ones', async () => {
    const [open, sealed] = [await codec(), await codec(ring(1))];
    expect(reason(sealed.unpack(open.pack(open.encode(1), meta), place))).toBe('unsealed');
    expect(reason(open.unpack(sealed.pack(sealed.encode(1), meta), place))).toBe('sealed');
  });

  it('refuses what was re-sealed with another header: no field can be exchanged', async () => {
    const c = await codec({ ...ring(1), compression: false });
    const one = c.pack(c.encode('one'), { ...meta, generation: 1 });
    const two = c.pack(c.encode('two'), { ...meta, generation: 2 });
    const headerLength = Buffer.from(one).readUInt32BE(24);
    const mixed = Uint8Array.from([...two.subarray(0, headerLength), ...one.subarray(headerLength)]);
    expect(reason(c.unpack(mixed, place))).toBe('undecryptable');
  });

  it('before ready() nothing is packed, and everything is a miss without an exception', async () => {
    const ready = await codec(ring(1));
    const early = createCodec(ring(1));
    expect(() => early.pack(early.encode(1), meta)).toThrow(/ready/);
    expect(reason(early.unpack(ready.pack(ready.encode(1), meta), place))).toBe('undecodable');
  });

  it('an unusable ring is refused at once', () => {
    expect(() => createCodec({ encryption: { keys: [] } })).toThrow(EncryptionKeyError);
    expect(() => createCodec({ encryption: { keys: [{ id: 'a', key: new Uint8Array(5) }] } })).toThrow(
      EncryptionKeyError,
    );
  });

  it('sealed tags without a ring are refused', async () => {
    const c = await codec();
    expect(() => c.pack(c.encode(1), { ...meta, sealedTags: [] })).toThrow(/key ring/);
  });
});

describe('compression', () => {
  const text = 'the same again and again. '.repeat(100);

  it('is used from the threshold on, when it pays', async () => {
    const compressionOf = (c: Codec, v: unknown) => c.pack(c.encode(v), meta)[7];
    const noise = Buffer.concat(Array.from({ length: 125 }, (_, i) => createHash('sha256').update(`${i}`).digest()));
    expect(compressionOf(await codec(), text)).toBe(COMPRESSION.deflateRaw);
    expect(compressionOf(await codec(), 'a'.repeat(1_000))).toBe(COMPRESSION.none);
    expect(compressionOf(await codec(), noise)).toBe(COMPRESSION.none);
    expect(compressionOf(await codec(), [noise, Buffer.alloc(300)])).toBe(COMPRESSION.none);
    expect(compressionOf(await codec(), [noise, Buffer.alloc(800)])).toBe(COMPRESSION.deflateRaw);
    expect(compressionOf(await codec({ compression: { threshold: 3_000 } }), text)).toBe(COMPRESSION.none);
    expect(compressionOf(await codec({ compression: { threshold: 0 } }), 'a'.repeat(100))).toBe(COMPRESSION.deflateRaw);
    expect(compressionOf(await codec({ compression: false }), text)).toBe(COMPRESSION.none);
  });

  it('whatever the reader is set to, it reads what others wrote', async () => {
    const [writer, reader] = [await codec(), await codec({ compression: false })];
    expect(reason(reader.unpack(writer.pack(writer.encode(text), meta), place))).toBe('ok');
  });

  const bomb = (claims: number) =>
    wrapChecked(
      {
        encoding: ENCODING.messagePack,
        compression: COMPRESSION.deflateRaw,
        generation: 1,
        tags: [],
        payloadLength: claims,
      },
      deflateRawSync(Buffer.alloc(100 * 1024 * 1024), { level: 1 }),
      place,
    );

  it.each([
    ['less than it expands to', 10],
    ['nothing', 0],
    ['an honest length that is too much', 100 * 1024 * 1024],
    ['the largest length', 2 ** 32 - 1],
  ])('a bomb that claims %s is a miss, and is not expanded', async (_, claims) => {
    const c = await codec();
    const bytes = bomb(claims);
    const before = process.memoryUsage();
    expect(['undecodable', 'malformed']).toContain(reason(c.unpack(bytes, place)));
    const grown = process.memoryUsage().arrayBuffers - before.arrayBuffers;
    expect(grown).toBeLessThan(4 * 1024 * 1024);
  });

  it('what expands to less than it claims is a miss', async () => {
    const c = await codec();
    const header = { encoding: 1, compression: COMPRESSION.deflateRaw, generation: 1, tags: [], payloadLength: 101 };
    expect(reason(c.unpack(wrapChecked(header, deflateRawSync(Buffer.alloc(100)), place), place))).toBe('undecodable');
  });
});

describe('limits', () => {
  it('more tags than the format can count are refused', async () => {
    const c = await codec();
    const tags = Array.from({ length: 65_536 }, (_, i) => `${i}`);
    expect(() => c.pack(c.encode(1), { ...meta, tags })).toThrow(RangeError);
  });

  it('a value that is too large only with its tags is refused', async () => {
    const c = await codec({ compression: false });
    const tags = Array.from({ length: 20 }, (_, i) => `${i}`.padEnd(65_536));
    expect(() => c.pack(new Uint8Array(63 * 1024 * 1024), { ...meta, tags })).toThrow(UnserializableError);
  });
});
