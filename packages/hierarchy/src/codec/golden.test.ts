import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type CodecOptions, createCodec, type PackMeta } from './codec.js';

/**
 * The golden files are bytes that a release has written, and that every later one must read. They are never rewritten: with
 * `TIERWISE_WRITE_GOLDEN=1` only missing ones are made.
 */
const FOLDER = new URL('./golden/', import.meta.url);

interface Golden {
  readonly value: unknown;
  readonly meta: PackMeta;
  readonly options: CodecOptions;
  /** `false` where the bytes depend on the version of zlib. */
  readonly reproducible: boolean;
}

const meta: PackMeta = {
  namespace: 'golden',
  key: 'schlüssel:1',
  generation: 1_763_000_000_000_123,
  tags: ['user:1', 'größe'],
};
const encryption = {
  keys: [
    { id: '2026-11', key: Uint8Array.from({ length: 32 }, (_, i) => i) },
    { id: '2026-10', key: new Uint8Array(32).fill(0xaa) },
  ],
};
const randomBytes = (length: number) => Uint8Array.from({ length }, (_, i) => 0xf0 - i);
const sealing: CodecOptions = { compression: false, encryption, randomBytes };

const plain = {
  nothing: null,
  missing: undefined,
  yes: true,
  numbers: [0, 127, 128, -32, -33, 65_536, 2 ** 53, 0.5, Number.NaN, -Infinity],
  big: [5n, -(2n ** 63n), 2n ** 64n, 2n ** 100n],
  text: ['', 'Zürich', '👋', 'x'.repeat(300)],
  at: [new Date(0), new Date(-1), new Date(1_763_000_000_123)],
  bytes: Buffer.from([0, 1, 255]),
};

function graph(): unknown {
  const error = new TypeError('wrong', { cause: new RangeError('low') });
  error.stack = 'TypeError: wrong\n    at golden';
  (error.cause as Error).stack = 'RangeError: low\n    at golden';
  const shared = { __keys__: 1 };
  const value: Record<string, unknown> = {
    negativeZero: -0,
    surrogate: '\ud800',
    map: new Map<unknown, unknown>([
      ['a', 1],
      [shared, new Set([shared])],
    ]),
    // biome-ignore lint/suspicious/noSparseArray: holes are in the format
    sparse: [1, , 3],
    bare: Object.assign(Object.create(null), { a: 1 }),
    hostile: JSON.parse('{"__proto__":1}'),
    buffer: Buffer.from('b'),
    views: [
      new Int8Array([-1]),
      new Uint8Array([1]),
      new Uint8ClampedArray([255]),
      new Int16Array([-2]),
      new Uint16Array([2]),
      new Int32Array([-3]),
      new Uint32Array([3]),
      new Float32Array([0.5]),
      new Float64Array([Math.PI]),
      new BigInt64Array([-4n]),
      new BigUint64Array([4n]),
      new DataView(new Uint8Array([9]).buffer),
    ],
    arrayBuffer: new Uint8Array([7]).buffer,
    regexp: /a\/b/gi,
    at: new Date(5),
    error,
  };
  value['self'] = value;
  return value;
}

const GOLDEN: Record<string, Golden> = {
  'v1-plain': { value: plain, meta, options: { compression: false }, reproducible: true },
  'v1-graph': { value: graph(), meta, options: { compression: false }, reproducible: true },
  'v1-no-tags': { value: 'x', meta: { ...meta, tags: [], generation: 0 }, options: {}, reproducible: true },
  'v1-deflate': { value: 'again and again. '.repeat(200), meta, options: {}, reproducible: false },
  'v1-sealed': { value: plain, meta, options: sealing, reproducible: true },
  'v1-sealed-tags': {
    value: plain,
    meta: { ...meta, tags: ['hidden'], sealedTags: ['user:1', 'größe'] },
    options: sealing,
    reproducible: true,
  },
  'v1-sealed-deflate': {
    value: 'again and again. '.repeat(200),
    meta,
    options: { encryption, randomBytes },
    reproducible: false,
  },
};

describe.each(Object.entries(GOLDEN))('%s.bin', (name, { value, meta, options, reproducible }) => {
  const file = new URL(`${name}.bin`, FOLDER);
  const codec = createCodec(options);

  it('is still read', async () => {
    await codec.ready();
    if (process.env['TIERWISE_WRITE_GOLDEN'] === '1' && !existsSync(file)) {
      writeFileSync(file, codec.pack(codec.encode(value), meta));
    }
    const unpacked = codec.unpack(readFileSync(file), meta);
    expect(unpacked).toMatchObject({
      ok: true,
      generation: meta.generation,
      tags: meta.tags,
      sealedTags: meta.sealedTags ?? [],
    });
    if (unpacked.ok) expect(codec.decode(unpacked.payload)).toStrictEqual(value);
  });

  it('is a miss as soon as its format version is newer', async () => {
    await codec.ready();
    const bytes = readFileSync(file);
    bytes[4] = 2;
    expect(codec.unpack(bytes, meta)).toMatchObject({ ok: false, reason: 'newer-format' });
  });

  if (!reproducible) return;
  it('is still written, byte for byte', async () => {
    await codec.ready();
    const written = codec.pack(codec.encode(value), meta);
    expect(Buffer.from(written).toString('hex')).toBe(readFileSync(file).toString('hex'));
  });
});

it('a ring that has rotated twice still reads what the key that is now its last wrote', async () => {
  const keys = [{ id: '2027-01', key: new Uint8Array(32).fill(1) }, ...encryption.keys];
  const codec = createCodec({ encryption: { keys } });
  await codec.ready();
  expect(codec.unpack(readFileSync(new URL('v1-sealed.bin', FOLDER)), meta).ok).toBe(true);
});
