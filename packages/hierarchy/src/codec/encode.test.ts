import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { decode, encode } from './encode.js';
import { UndecodableError, UnserializableError } from './errors.js';
import { MAX_DEPTH } from './plain.js';

const roundTrip = (value: unknown): unknown => decode(encode(value));

function refusal(value: unknown): UnserializableError {
  try {
    encode(value);
  } catch (error) {
    expect(error).toBeInstanceOf(UnserializableError);
    return error as UnserializableError;
  }
  throw new Error('the value was not refused');
}

const INTEGER_EDGES = [5, 6, 7, 8, 15, 16, 31, 32, 52, 53, 63, 64].flatMap((bits) =>
  [-1, 0, 1].flatMap((delta) => [2 ** bits + delta, -(2 ** bits) + delta]),
);
const BIGINT_EDGES = [0n, 7n, 8n, 31n, 32n, 53n, 63n, 64n, 65n, 127n, 128n, 1_000n, 65_535n, 65_536n, 70_000n].flatMap(
  (bits) => [-1n, 0n, 1n].flatMap((delta) => [2n ** bits + delta, -(2n ** bits) + delta]),
);

describe('primitives come back as they are', () => {
  it.each([undefined, null, true, false, 0, -0, 0.1, Number.NaN, Infinity, -Infinity, 5e-324, Number.MAX_VALUE])(
    '%s',
    (value) => {
      expect(roundTrip(value)).toBe(value);
      expect(roundTrip({ a: [value] })).toStrictEqual({ a: [value] });
    },
  );

  it('integers around every boundary of MessagePack, and beyond 2^53', () => {
    for (const number of INTEGER_EDGES) expect(roundTrip(number)).toBe(number);
  });

  it('bigints of any size, never mixed up with numbers', () => {
    for (const bigint of BIGINT_EDGES) expect(roundTrip(bigint)).toBe(bigint);
    expect(roundTrip([1n, 1])).toStrictEqual([1n, 1]);
  });

  it.each([
    ['empty', ''],
    ['NUL', '\0'],
    ['emoji', '👩‍👩‍👧‍👦'],
    ['lone surrogate', 'a\ud800'],
    ['lone surrogate in a long one', `${'é'.repeat(100)}\udfff`],
    ['byte order mark', '\ufeffshort'],
    ['byte order mark in a long one', `\ufeff${'x'.repeat(1_000)}`],
  ])('strings: %s', (_, text) => {
    expect(roundTrip(text)).toBe(text);
    expect(roundTrip({ [text]: text })).toStrictEqual({ [text]: text });
  });

  it('strings whose length is at a boundary, in one, two, three and four byte characters', () => {
    for (const length of [1, 15, 16, 31, 32, 63, 64, 65, 255, 256, 65_535, 65_536]) {
      for (const character of ['a', 'é', '中', '😀']) {
        expect(roundTrip(character.repeat(length))).toBe(character.repeat(length));
        expect(roundTrip([character.repeat(length), 1])).toStrictEqual([character.repeat(length), 1]);
      }
    }
  });

  it("strings that only one of msgpackr's two readers brings back are spelled out in the graph", () => {
    expect(encode('\ufeffx')[0]).toBe(1);
    expect(encode({ '\ufeffx': 1 })[0]).toBe(1);
    expect(encode('x\ufeff')[0]).toBe(0);
  });

  it('a string of 8 MB', () => {
    const text = 'Zürich 😀 '.repeat(800_000);
    expect(roundTrip(text) === text).toBe(true);
  });
});

describe('objects come back equal and of the same type', { timeout: 30_000 }, () => {
  const shared = new ArrayBuffer(8);
  it.each<[string, unknown]>([
    [
      'Date',
      [new Date(0), new Date(1), new Date(-1), new Date(1_700_000_000_123), new Date(8.64e15), new Date(-8.64e15)],
    ],
    ['Date of the year 12', new Date('0012-03-04T05:06:07.089Z')],
    [
      'Map with keys of any type',
      new Map<unknown, unknown>([
        [1, 'n'],
        ['1', 's'],
        [{ a: 1 }, new Map()],
        [undefined, undefined],
        [-0.5, 1n],
      ]),
    ],
    ['Set', new Set<unknown>(['a', 1, null, { b: [] }, new Set()])],
    ['Uint8Array', new Uint8Array([0, 255])],
    ['Uint8ClampedArray', new Uint8ClampedArray([0, 255])],
    ['Int8Array', new Int8Array([-128, 127])],
    ['Uint16Array', new Uint16Array([65_535])],
    ['Int16Array', new Int16Array([-32_768])],
    ['Uint32Array', new Uint32Array([2 ** 32 - 1])],
    ['Int32Array', new Int32Array([-(2 ** 31)])],
    ['Float32Array', new Float32Array([0.5, -0, Number.NaN])],
    ['Float64Array', new Float64Array([Math.PI, -0, Number.NaN])],
    ['BigInt64Array', new BigInt64Array([-(2n ** 63n)])],
    ['BigUint64Array', new BigUint64Array([2n ** 64n - 1n])],
    ['a part of a larger buffer', new Uint16Array(shared, 2, 2)],
    ['ArrayBuffer', new Uint8Array([1, 2, 3]).buffer],
    ['DataView', new DataView(shared, 1, 3)],
    ['RegExp', /a\/[b\]]+\n/giu],
    ['empty containers', [{}, [], new Map(), new Set(), Buffer.alloc(0), new Float64Array(0), new ArrayBuffer(0)]],
    ['undefined fields and elements', { a: undefined, b: [undefined, [undefined]], c: new Map([['d', undefined]]) }],
    // biome-ignore lint/suspicious/noSparseArray: holes are what is tested
    ['sparse arrays', [[1, , 3], [, ,], new Array(5), [{ a: [, 1] }]]],
    [
      'hostile keys',
      JSON.parse('{"__proto__":{"x":1},"constructor":"c","toJSON":2,"hasOwnProperty":3,"toString":null,"":4}'),
    ],
    ['keys that msgpackr uses itself', { __keys__: 1, a: { __keys__: 2 } }],
    ['null prototype', Object.assign(Object.create(null), { a: Object.assign(Object.create(null), { b: 1 }) })],
    ['an array with -0', [0, -0]],
  ])('%s', (_, value) => {
    const back = roundTrip(value);
    expect(back).toStrictEqual(value);
    expect(roundTrip({ deep: [value] })).toStrictEqual({ deep: [value] });
  });

  it('Buffer as Buffer, Uint8Array as Uint8Array', () => {
    const [buffer, array] = roundTrip([Buffer.from('hi'), new Uint8Array([1])]) as [unknown, unknown];
    expect(Buffer.isBuffer(buffer)).toBe(true);
    expect(Buffer.isBuffer(array)).toBe(false);
    expect(Buffer.isBuffer((roundTrip({ b: Buffer.from('hi'), m: new Map() }) as { b: unknown }).b)).toBe(true);
  });

  it('an invalid Date', () => {
    expect((roundTrip({ at: new Date(Number.NaN) }) as { at: Date }).at.getTime()).toBeNaN();
    expect((roundTrip([new Date(Number.NaN), -0]) as [Date])[0].getTime()).toBeNaN();
  });

  it("a RegExp's lastIndex", () => {
    const regexp = /a/g;
    regexp.lastIndex = 3;
    expect((roundTrip(regexp) as RegExp).lastIndex).toBe(3);
  });

  it('a null prototype is none', () => {
    expect(Object.getPrototypeOf(roundTrip(Object.create(null)))).toBe(null);
  });

  it('own __proto__ stays a property and sets no prototype', () => {
    const back = roundTrip(JSON.parse('{"__proto__":{"admin":true}}')) as Record<string, unknown>;
    expect(Object.keys(back)).toStrictEqual(['__proto__']);
    expect(back['admin']).toBeUndefined();
  });

  it('errors with class, name, message, stack, cause and fields', () => {
    const error = Object.assign(new TypeError('wrong', { cause: new RangeError('low') }), {
      code: 'E_WRONG',
      at: new Map(),
    });
    const back = roundTrip(error) as TypeError & { code: string; at: unknown };
    expect(back).toBeInstanceOf(TypeError);
    expect(back.message).toBe('wrong');
    expect(back.stack).toBe(error.stack);
    expect(back.cause).toBeInstanceOf(RangeError);
    expect(back.code).toBe('E_WRONG');
    expect(Object.keys(back)).toStrictEqual(['code', 'at']);
    const aggregate = roundTrip(new AggregateError([new Error('one')], 'many')) as AggregateError;
    expect(aggregate).toBeInstanceOf(AggregateError);
    expect(aggregate.errors[0]).toBeInstanceOf(Error);
    expect(Object.keys(aggregate)).toStrictEqual([]);
    expect(Object.hasOwn(roundTrip(new Error('no cause')) as Error, 'cause')).toBe(false);
  });

  it('the order of keys', () => {
    const object = { z: 1, '10': 2, a: 3, '9': 4, '-1': 5 };
    expect(Object.keys(roundTrip(object) as object)).toStrictEqual(Object.keys(object));
  });

  it('an object of another realm', () => {
    const foreign = runInNewContext('({ list: [1], at: new Date(5), map: new Map([[1, 2]]), nested: { deep: true } })');
    expect(roundTrip(foreign)).toStrictEqual({
      list: [1],
      at: new Date(5),
      map: new Map([[1, 2]]),
      nested: { deep: true },
    });
  });

  it('an object with 100,000 keys, and a map and an array of that size', () => {
    const entries = Array.from({ length: 100_000 }, (_, i) => [`key ${i}`, i] as const);
    expect(roundTrip(Object.fromEntries(entries))).toStrictEqual(Object.fromEntries(entries));
    expect((roundTrip(new Map(entries)) as Map<string, number>).get('key 99999')).toBe(99_999);
  });
});

describe('cycles and shared references', () => {
  it('keep their identity, through every container', () => {
    const node: Record<string, unknown> = { name: 'node' };
    node['self'] = node;
    node['list'] = [node, node['list']];
    node['map'] = new Map<unknown, unknown>([[node, node]]);
    node['set'] = new Set([node]);
    node['error'] = new Error('e', { cause: node });
    const back = roundTrip(node) as {
      self: unknown;
      list: unknown[];
      map: Map<unknown, unknown>;
      set: Set<unknown>;
      error: Error;
    };
    expect(back).not.toBe(node);
    expect(back.self).toBe(back);
    expect(back.list[0]).toBe(back);
    expect([...back.map.entries()][0]).toStrictEqual([back, back]);
    expect(back.map.get(back)).toBe(back);
    expect(back.set.has(back)).toBe(true);
    expect(back.error.cause).toBe(back);
  });

  it('keep the identity of shared leaves', () => {
    const [date, buffer] = [new Date(5), Buffer.from('b')];
    const back = roundTrip({ a: date, b: date, c: [buffer, buffer], d: /x/ }) as Record<string, unknown>;
    expect(back['a']).toBe(back['b']);
    expect((back['c'] as unknown[])[0]).toBe((back['c'] as unknown[])[1]);
  });

  it('an error that causes itself', () => {
    const error = new Error('loop');
    error.cause = error;
    const back = roundTrip(error) as Error;
    expect(back.cause).toBe(back);
  });
});

describe('payloads stand alone', () => {
  it('the same value always makes the same payload, whatever was encoded before', () => {
    const value = { a: 1, list: [{ x: 1 }, { x: 2, y: new Date(5) }] };
    const first = encode(value);
    for (let i = 0; i < 2_000; i += 1) encode({ [`shape ${i}`]: i, [`and ${i}`]: { [`nested ${i}`]: [i] } });
    expect(encode(value)).toStrictEqual(first);
  });

  it('1,500 different shapes in one value', () => {
    const value = Array.from({ length: 1_500 }, (_, i) => ({ [`k${i}`]: i, common: { [`n${i % 40}`]: [i] } }));
    expect(roundTrip(value)).toStrictEqual(value);
  });

  it('a payload shares no memory with the value, the next payload, or what is decoded from it', () => {
    const bytes = Buffer.from('original');
    const value = { bytes, text: 'x' };
    const payload = encode(value);
    bytes.fill(0);
    const other = encode({ bytes: Buffer.from('something else'), text: 'y' });
    const back = decode(payload) as typeof value;
    expect(back.bytes.toString()).toBe('original');
    back.bytes.fill(0);
    expect((decode(payload) as typeof value).bytes.toString()).toBe('original');
    expect(payload.buffer).not.toBe(other.buffer);
    expect(payload.buffer.byteLength).toBe(payload.length);
    expect(back.bytes.buffer).not.toBe(payload.buffer);
  });

  it('the same holds for a graph', () => {
    const array = new Uint8Array([1, 2, 3]);
    const payload = encode(new Set([array]));
    array.fill(0);
    const [back] = decode(payload) as Set<Uint8Array>;
    expect(back).toStrictEqual(new Uint8Array([1, 2, 3]));
    back?.fill(9);
    expect(decode(payload)).toStrictEqual(new Set([new Uint8Array([1, 2, 3])]));
  });

  it('a payload that lies within a larger buffer is decoded', () => {
    const payload = encode({ a: 'b'.repeat(100), c: new Float64Array([1]) });
    const around = new Uint8Array(payload.length + 10);
    around.set(payload, 5);
    expect(decode(around.subarray(5, 5 + payload.length))).toStrictEqual(decode(payload));
  });

  it('an accessor may encode a value itself, a large one included', () => {
    const large = 'y'.repeat(3_000_000);
    const value = (inner: () => unknown) => ({
      before: 'b'.repeat(100),
      get inner() {
        return inner();
      },
      after: ['a'.repeat(100)],
    });
    const nested = value(() => encode(large).length);
    expect(roundTrip(nested)).toStrictEqual({ ...nested });
    const refused = value(() => refusal({ f: () => 1 }).path);
    expect(roundTrip(refused)).toStrictEqual({ ...refused });
  });

  it('a refused value leaves nothing behind', () => {
    const before = encode({ a: 1 });
    refusal({ a: 1, f: () => 1 });
    refusal({
      get a(): never {
        throw new Error('no');
      },
    });
    expect(encode({ a: 1 })).toStrictEqual(before);
  });
});

describe('what would not come back is refused, with its path', { timeout: 30_000 }, () => {
  class Account {
    readonly id = 1;
  }
  class Failure extends Error {}
  class Moment extends Date {}
  class List extends Array {}
  class Bytes extends Uint8Array {}
  const throwing = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('trap');
      },
    },
  );

  it.each<[string, unknown, string, RegExp]>([
    ['a function', { items: [0, 0, 0, { fn: () => 1 }] }, 'value.items[3].fn', /is a function \(fn\)/],
    ['a top-level function', () => 1, 'value', /function/],
    ['a class', { A: Account }, 'value.A', /function/],
    ['a symbol', { s: Symbol('x') }, 'value.s', /is a symbol/],
    ['a symbol key', { a: { [Symbol('x')]: 1 } }, 'value.a', /symbol key Symbol\(x\)/],
    ['a class instance', { 'my account': new Account() }, 'value["my account"]', /instance of Account/],
    ['an error class of its own', [new Failure('x')], 'value[0]', /instance of Failure/],
    ['a subclass of Date', new Moment(), 'value', /instance of Moment/],
    ['a subclass of Array', { a: new List() }, 'value.a', /instance of List/],
    ['a subclass of Uint8Array', { a: new Bytes(1) }, 'value.a', /instance of Bytes/],
    ['an inherited object', Object.create({ a: 1 }), 'value', /./],
    ['an object whose prototype has none', Object.create(Object.create(null)), 'value', /prototype of its own/],
    ['a Promise', { p: Promise.resolve(1) }, 'value.p', /instance of Promise/],
    ['a WeakMap', { w: new WeakMap() }, 'value.w', /instance of WeakMap/],
    ['a generator', (function* () {})(), 'value', /./],
    ['a boxed number', { n: Object(1) }, 'value.n', /instance of Number/],
    ['a boxed string', { n: Object('a') }, 'value.n', /instance of String/],
    ['a URL', { u: new URL('http://localhost') }, 'value.u', /instance of URL/],
    ['a SharedArrayBuffer', { s: new SharedArrayBuffer(1) }, 'value.s', /SharedArrayBuffer/],
    ['a view of a SharedArrayBuffer', { s: new Uint8Array(new SharedArrayBuffer(1)) }, 'value.s', /SharedArrayBuffer/],
    ['a Buffer on a SharedArrayBuffer', { s: Buffer.from(new SharedArrayBuffer(1)) }, 'value.s', /SharedArrayBuffer/],
    ['an array with properties', { m: 'ab'.match(/b/) }, 'value.m', /extra property/],
    ['a Map with properties', Object.assign(new Map(), { x: 1 }), 'value', /extra property "x"/],
    ['a Date with properties', { d: Object.assign(new Date(), { x: 1 }) }, 'value.d', /extra property "x"/],
    ['a function in a Map', new Map([['k', [() => 1]]]), 'value.get("k")[0]', /function/],
    [
      'a function as a key of a Map',
      new Map<unknown, unknown>([
        [1, 1],
        [() => 1, 1],
      ]),
      'value.keys()[1]',
      /function/,
    ],
    ['a function in a Set', new Set([1, () => 1]), 'value.values()[1]', /function/],
    [
      'an accessor that throws',
      {
        a: {
          get b(): never {
            throw new Error('no');
          },
        },
      },
      'value.a.b',
      /threw when it was read/,
    ],
    ['a proxy that throws', { a: throwing }, 'value.a', /threw when it was read/],
    [
      'a revoked proxy',
      {
        a: (() => {
          const { proxy, revoke } = Proxy.revocable({}, {});
          revoke();
          return proxy;
        })(),
      },
      'value.a',
      /threw/,
    ],
    [
      'the arguments of a function',
      (function () {
        // biome-ignore lint/complexity/noArguments: it is what is tested
        return arguments;
      })(),
      'value',
      /./,
    ],
  ])('%s', (_, value, path, problem) => {
    const error = refusal(value);
    expect(error.code).toBe('ERR_TIERWISE_UNSERIALIZABLE');
    expect(error.path).toBe(path);
    expect(error.message).toMatch(problem);
  });

  it('an error that an accessor threw is the cause', () => {
    const cause = new Error('no');
    expect(
      refusal({
        get a(): never {
          throw cause;
        },
      }).cause,
    ).toBe(cause);
  });

  it('non-enumerable and symbol-keyed hidden properties are ignored, as in JSON', () => {
    const value = Object.defineProperty({ a: 1 }, 'hidden', { value: () => 1 });
    Object.defineProperty(value, Symbol('hidden'), { value: 1 });
    expect(roundTrip(value)).toStrictEqual({ a: 1 });
  });

  it('nesting: up to the limit it works, beyond it there is an error and no crash', () => {
    const nested = (levels: number, wrap: (inner: unknown) => unknown): unknown => {
      let value: unknown = 'core';
      for (let i = 0; i < levels; i += 1) value = wrap(value);
      return value;
    };
    for (const wrap of [(v: unknown) => [v], (v: unknown) => ({ v }), (v: unknown) => new Map([['k', v]])]) {
      expect(roundTrip(nested(MAX_DEPTH, wrap))).toStrictEqual(nested(MAX_DEPTH, wrap));
      for (const levels of [MAX_DEPTH + 1, 10_000, 100_000]) {
        expect(refusal(nested(levels, wrap)).message).toMatch(/nested more than 1000 levels/);
      }
    }
  });

  it('a value that is too large', () => {
    expect(refusal(Buffer.alloc(65 * 1024 * 1024)).message).toMatch(/are the limit/);
    expect(roundTrip('still works')).toBe('still works');
  });
});

describe('payloads that encode did not write', () => {
  it.each<[string, number[]]>([
    ['nothing', []],
    ['an unknown form', [2, 0xc0]],
    ['no MessagePack', [0]],
    ['two values', [0, 0xc0, 0xc0]],
    ['half a string', [0, 0xa5, 0x61]],
    ['a reference to nothing', [1, 0x92, 0x00, 0x05]],
    ['an unknown tag', [1, 0x91, 0x63]],
    ['a map in a graph', [1, 0x80]],
    ['an error of an unknown class', [1, 0x92, 0x0d, 0xa8, ...Buffer.from('toString')]],
    ['an array of 4 billion elements', [0, 0xdd, 0xff, 0xff, 0xff, 0xff]],
    ['100,000 levels', [0, ...new Array(100_000).fill(0x91), 0xc0]],
  ])('%s', (_, bytes) => {
    expect(() => decode(Uint8Array.from(bytes))).toThrow(UndecodableError);
    expect(roundTrip({ still: 'works' })).toStrictEqual({ still: 'works' });
  });
});
