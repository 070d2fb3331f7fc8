/** So many keys, as a service has them. */
export function keysOf(count: number, prefix = 'user'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}:${index}`);
}

/** Hands a list's items out one after the other, and then from the start again: `count` at a time. */
export function inTurn<T>(items: readonly T[], count: number): () => T[] {
  let next = 0;
  return () => {
    const taken: T[] = [];
    for (let index = 0; index < count; index += 1) {
      taken.push(items[next] as T);
      next = (next + 1) % items.length;
    }
    return taken;
  };
}

/** Does something with each, a hundred at a time. */
export async function forEach<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<unknown>,
): Promise<void> {
  for (let from = 0; from < items.length; from += 100) {
    await Promise.all(items.slice(from, from + 100).map((item, index) => work(item, from + index)));
  }
}

/** For reads that must not load. */
export async function mustNotLoad(): Promise<never> {
  throw new Error('a value was loaded that was to be found');
}
