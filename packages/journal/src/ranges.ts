/** Numbers from `first` to `last`, both included. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

const RANGE_BYTES = 16;

/** Few ranges that hold these numbers and no others. */
export function rangesOf(numbers: Iterable<number>): readonly Range[] {
  return merge(Array.from(numbers, (number) => ({ first: number, last: number })));
}

/** Whether a number is in one of the ranges, which are in order and do not touch: as {@link merge} gives them. */
export function covers(ranges: readonly Range[], number: number): boolean {
  let from = 0;
  let to = ranges.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    const range = ranges[middle];
    if (range !== undefined && range.last < number) from = middle + 1;
    else to = middle;
  }
  const range = ranges[from];
  return range !== undefined && range.first <= number;
}

export function merge(ranges: readonly Range[]): readonly Range[] {
  const merged: { first: number; last: number }[] = [];
  for (const { first, last } of [...ranges].sort((a, b) => a.first - b.first)) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else merged.push({ first, last });
  }
  return merged;
}

/** What is left of `whole` without these numbers. */
export function without(whole: Range, numbers: Iterable<number>): readonly Range[] {
  const left: Range[] = [];
  let first = whole.first;
  for (const number of [...numbers].sort((a, b) => a - b)) {
    if (number > first) left.push({ first, last: number - 1 });
    first = number + 1;
  }
  if (first <= whole.last) left.push({ first, last: whole.last });
  return left;
}

/** The body of a frame of kind `settled`; see `record.ts`. */
export function encodeRanges(ranges: readonly Range[]): Buffer {
  const bytes = Buffer.allocUnsafe(4 + RANGE_BYTES * ranges.length);
  bytes.writeUInt32LE(ranges.length);
  ranges.forEach(({ first, last }, index) => {
    bytes.writeBigUInt64LE(BigInt(first), 4 + RANGE_BYTES * index);
    bytes.writeBigUInt64LE(BigInt(last), 12 + RANGE_BYTES * index);
  });
  return bytes;
}

/** `undefined`: the body is none. */
export function decodeRanges(body: Buffer): readonly Range[] | undefined {
  if (body.length < 4 || body.length !== 4 + RANGE_BYTES * body.readUInt32LE(0)) return undefined;
  return Array.from({ length: body.readUInt32LE(0) }, (_, index) => ({
    first: Number(body.readBigUInt64LE(4 + RANGE_BYTES * index)),
    last: Number(body.readBigUInt64LE(12 + RANGE_BYTES * index)),
  }));
}
