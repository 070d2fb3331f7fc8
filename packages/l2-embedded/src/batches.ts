/** Lets other work have its turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Cuts a batch into parts of at most `maxItems` items that together weigh at most `maxWeight`, or are a single one. */
export function* partsOf<T>(
  items: readonly T[],
  maxItems: number,
  weigh: (item: T) => number = () => 0,
  maxWeight = 0,
): Generator<readonly T[]> {
  let start = 0;
  let weight = 0;
  for (let index = 0; index < items.length; index++) {
    const item = weigh(items[index] as T);
    if (index > start && (index - start >= maxItems || weight + item > maxWeight)) {
      yield items.slice(start, index);
      start = index;
      weight = 0;
    }
    weight += item;
  }
  if (start < items.length) yield items.slice(start);
}
