import { describe, expect, it } from 'vitest';
import { type Codec, createCodec } from './codec.js';
import { UndecodableError } from './errors.js';

const RUNS = 20_000;
const place = { namespace: 'fuzz', key: 'k' };

/** Mulberry32: the same bytes in every run, so that a failure can be repeated. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below;
  };
}

const SAMPLES: unknown[] = [
  null,
  'text',
  { id: 5, name: 'Ada', list: [1, 2.5, -3], nested: { deep: [true, null, undefined] } },
  new Map<unknown, unknown>([
    ['a', new Set([1n, new Date(5)])],
    [{ k: 1 }, /x/gi],
  ]),
  [new TypeError('e', { cause: new Error('c') }), new Float64Array([1, 2]), Buffer.from('bytes'), -0, '\ud800'],
  Array.from({ length: 60 }, (_, id) => ({ id, name: `row ${id}`, at: new Date(id * 1e9) })),
];

function mutated(bytes: Uint8Array, below: (n: number) => number): Uint8Array {
  const int = (n: number) => Math.floor(below(n));
  let result = Uint8Array.from(bytes);
  for (let i = 0; i <= int(4); i += 1) {
    const at = int(result.length);
    const length = int(Math.min(16, result.length - at));
    switch (int(6)) {
      case 0:
        result[at] = int(256);
        break;
      case 1:
        result[at] = (result[at] ?? 0) ^ (1 << int(8));
        break;
      case 2:
        result = result.slice(0, at);
        break;
      case 3:
        result.copyWithin(int(result.length), at, at + length);
        break;
      case 4:
        result.fill([0, 0xff, 0x80][int(3)] ?? 0, at, at + length);
        break;
      default:
        result = Uint8Array.from([
          ...result.subarray(0, at),
          ...Array.from({ length }, () => int(256)),
          ...result.subarray(at),
        ]);
    }
  }
  return result;
}

async function codecs(): Promise<[string, Codec][]> {
  const sealed = createCodec({ encryption: { keys: [{ id: 'k', key: new Uint8Array(32).fill(3) }] } });
  await sealed.ready();
  return [
    ['checksum', createCodec()],
    ['seal', sealed],
  ];
}

describe(`${RUNS} times`, { timeout: 60_000 }, () => {
  it('mutated bytes: unpack never throws, and never accepts anything but the original', async () => {
    for (const [name, codec] of await codecs()) {
      const below = random(1);
      const originals = SAMPLES.map((value) => codec.encode(value));
      const packed = originals.map((payload) => codec.pack(payload, { ...place, generation: 7, tags: ['a', 'b'] }));
      let misses = 0;
      for (let run = 0; run < RUNS / 2; run += 1) {
        const sample = run % packed.length;
        const original = packed[sample] ?? new Uint8Array();
        const bytes = mutated(original, below);
        const unpacked = codec.unpack(bytes, place);
        if (unpacked.ok) expect(Buffer.from(bytes).equals(original), `${name}, run ${run}`).toBe(true);
        else misses += 1;
      }
      expect(misses).toBeGreaterThan(RUNS / 4);
    }
  });

  it('random bytes behind a valid beginning: unpack never throws, and accepts none', async () => {
    for (const [name, codec] of await codecs()) {
      const below = random(2);
      const beginning = codec.pack(codec.encode('x'), { ...place, generation: 1, tags: [] });
      for (let run = 0; run < RUNS / 2; run += 1) {
        const kept = Math.floor(below(beginning.length - 1));
        const noise = Array.from({ length: Math.floor(below(60)) }, () => Math.floor(below(256)));
        const bytes = Uint8Array.from([...beginning.subarray(0, kept), ...noise]);
        expect(codec.unpack(bytes, place).ok, `${name}, run ${run}`).toBe(false);
      }
    }
  });

  it('mutated payloads, as one who can forge a checksum would write them: decoded or refused, never a crash', () => {
    const codec = createCodec();
    const below = random(3);
    const payloads = SAMPLES.map((value) => codec.encode(value));
    let refused = 0;
    for (let run = 0; run < RUNS; run += 1) {
      const forged = mutated(payloads[run % payloads.length] ?? new Uint8Array(), below);
      const unpacked = codec.unpack(codec.pack(forged, { ...place, generation: 1, tags: [] }), place);
      if (!unpacked.ok) throw new Error(`run ${run}: ${unpacked.detail}`);
      try {
        codec.decode(unpacked.payload);
      } catch (error) {
        expect(error, `run ${run}`).toBeInstanceOf(UndecodableError);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(RUNS / 4);
    expect(codec.decode(codec.encode(SAMPLES))).toStrictEqual(SAMPLES);
  });
});
