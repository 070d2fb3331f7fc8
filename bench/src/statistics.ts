/** What several measurements of one thing come to. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

/** @throws RangeError where nothing was measured. */
export function summarise(samples: readonly number[]): Summary {
  if (samples.length === 0) throw new RangeError('nothing was measured');
  const sorted = [...samples].sort((a, b) => a - b);
  return { median: median(sorted), min: sorted[0] as number, max: sorted.at(-1) as number, count: sorted.length };
}

/** How far the samples lie from their median at the most, as a part of it: 0.1 is ±10 %. */
export function spread({ median, min, max }: Summary): number {
  return median === 0 ? 0 : Math.max(max - median, median - min) / median;
}

/** A copy in random order, equal chances for every order (Fisher and Yates). */
export function shuffle<T>(items: readonly T[], random: () => number = Math.random): T[] {
  const mixed = [...items];
  for (let last = mixed.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other] as T, mixed[last] as T];
  }
  return mixed;
}

/** Of an even number, the mean of the middle two. */
function median(sorted: readonly number[]): number {
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle)] as number)) / 2;
}
