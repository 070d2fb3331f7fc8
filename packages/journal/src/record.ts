import type { JournalRecord } from '@tierwise/hierarchy';

/**
 * The body of a record's frame, by kind. `text` is a length in four bytes and UTF-8; numbers are doubles; all little-endian.
 *
 * ```
 * 1 set         at, freshMs, keepMs, text namespace, text key, text since, and the value's bytes up to the end
 * 2 delete      at, text namespace, text key
 * 3 expire      at, text namespace, text key
 * 4 invalidate  at, mode (one byte: 0 dead, 1 stale), text namespace,
 *               count of tags (four bytes; ffffffff: the whole namespace), that many texts
 * 5 settled     count of ranges (four bytes), of each: first number, last number (eight bytes each)
 * ```
 */
export const KIND = { set: 1, delete: 2, expire: 3, invalidate: 4, settled: 5 } as const;

const WHOLE_NAMESPACE = 0xffff_ffff;

export function encodeRecord(record: JournalRecord): readonly Uint8Array[] {
  const { op, namespace, at } = record;
  if (op === 'set') {
    const { key, since, bytes, freshMs, keepMs } = record;
    return [...doubles(at, freshMs, keepMs), ...texts(namespace, key, since), bytes];
  }
  if (op === 'invalidate') {
    const { tags, mode } = record;
    const count = uint32(tags === null ? WHOLE_NAMESPACE : tags.length);
    return [...doubles(at), Buffer.of(mode === 'stale' ? 1 : 0), ...texts(namespace), count, ...texts(...(tags ?? []))];
  }
  return [...doubles(at), ...texts(namespace, record.key)];
}

/** `undefined`: the body is none of this kind. The value is a view of `body`. */
export function decodeRecord(kind: number, body: Buffer): JournalRecord | undefined {
  try {
    return decode(kind, new Reader(body));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function decode(kind: number, body: Reader): JournalRecord | undefined {
  const at = body.double();
  if (kind === KIND.set) {
    const [freshMs, keepMs] = [body.double(), body.double()];
    const [namespace, key, since] = [body.text(), body.text(), body.text()];
    return { op: 'set', namespace, key, bytes: body.rest(), freshMs, keepMs, since, at };
  }
  if (kind === KIND.delete || kind === KIND.expire) {
    return { op: kind === KIND.delete ? 'delete' : 'expire', namespace: body.text(), key: body.text(), at };
  }
  if (kind === KIND.invalidate) {
    const mode = body.byte() === 1 ? 'stale' : 'dead';
    const namespace = body.text();
    const count = body.uint32();
    const tags = count === WHOLE_NAMESPACE ? null : Array.from({ length: body.atMost(count) }, () => body.text());
    return { op: 'invalidate', namespace, tags, mode, at };
  }
  return undefined;
}

/** What a record takes in memory, roughly: for bounds. */
export function sizeOf(record: JournalRecord): number {
  const { op, namespace } = record;
  if (op === 'set') return 100 + namespace.length + record.key.length + record.bytes.byteLength;
  if (op !== 'invalidate') return 100 + namespace.length + record.key.length;
  return (record.tags ?? []).reduce((bytes, tag) => bytes + tag.length + 8, 100 + namespace.length);
}

function doubles(...numbers: readonly number[]): readonly Buffer[] {
  const bytes = Buffer.allocUnsafe(8 * numbers.length);
  numbers.forEach((number, index) => {
    bytes.writeDoubleLE(number, 8 * index);
  });
  return [bytes];
}

function uint32(number: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32LE(number);
  return bytes;
}

function texts(...all: readonly string[]): readonly Buffer[] {
  return all.flatMap((text) => {
    const bytes = Buffer.from(text);
    return [uint32(bytes.length), bytes];
  });
}

/** Reads a body from its beginning on. Throws `RangeError` past its end. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  double(): number {
    return this.#bytes.readDoubleLE(this.#skip(8));
  }

  uint32(): number {
    return this.#bytes.readUInt32LE(this.#skip(4));
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#skip(1));
  }

  text(): string {
    const bytes = this.uint32();
    const from = this.#skip(bytes);
    return this.#bytes.toString('utf8', from, from + bytes);
  }

  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }

  /** A count of things that take four bytes at least, each. */
  atMost(count: number): number {
    if (count * 4 > this.#bytes.length - this.#at) throw new RangeError('more than the body can hold');
    return count;
  }

  #skip(bytes: number): number {
    const from = this.#at;
    if (from + bytes > this.#bytes.length) throw new RangeError('past the end of the body');
    this.#at += bytes;
    return from;
  }
}
