/** So many keys go into one command at most: a script that writes 500 of them blocks Redis for two milliseconds or so. */
export const MAX_ITEMS = 500;

/** So many bytes of values go into one command at most, unless one value alone has more. */
const MAX_BYTES = 1024 * 1024;

/** Splits a batch into pieces that do not block Redis, in order. */
export function chunksOf<T>(items: readonly T[], bytesOf: (item: T) => number = () => 0): T[][] {
  const chunks: T[][] = [];
  let chunk: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = bytesOf(item);
    if (chunk.length > 0 && (chunk.length >= MAX_ITEMS || bytes + size > MAX_BYTES)) {
      chunks.push(chunk);
      chunk = [];
      bytes = 0;
    }
    chunk.push(item);
    bytes += size;
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}

/** Splits a batch, if need be, so that no key stands in a part twice. What stands earlier in the batch, stands in an earlier part. */
export function withoutRepeats<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const parts: T[][] = [];
  const times = new Map<string, number>();
  for (const item of items) {
    const key = keyOf(item);
    const earlier = times.get(key) ?? 0;
    times.set(key, earlier + 1);
    const part = parts[earlier];
    if (part === undefined) parts.push([item]);
    else part.push(item);
  }
  return parts;
}
