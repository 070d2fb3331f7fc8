/** What several measurements of one thing come to. */
export interface Summary {
  readonly median: number;
  /** The ends of the middle half: a quarter of the measurements is below, a quarter above. */
  readonly quarter: number;
  readonly threeQuarters: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

/** @throws RangeError where nothing was measured. */
export function summarise(samples: readonly number[]): Summary {
  if (samples.length === 0) throw new RangeError('nothing was measured');
  const sorted = [...samples].sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    quarter: quantile(sorted, 0.25),
    threeQuarters: quantile(sorted, 0.75),
    min: sorted[0] as number,
    max: sorted.at(-1) as number,
    count: sorted.length,
  };
}

/** How wide the middle half is to either side, as a part of the median: 0.1 is ±10 %. */
export function spread({ median, quarter, threeQuarters }: Summary): number {
  return median === 0 ? 0 : (threeQuarters - quarter) / 2 / median;
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

/** Between two measurements, the point on the line that joins them. */
function quantile(sorted: readonly number[], part: number): number {
  const position = (sorted.length - 1) * part;
  const [below, above] = [sorted[Math.floor(position)] as number, sorted[Math.ceil(position)] as number];
  return below + (above - below) * (position - Math.floor(position));
}
