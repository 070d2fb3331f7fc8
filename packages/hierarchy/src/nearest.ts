/**
 * The name that was probably meant: the one that the fewest slips of the keyboard turn into what was written, if those are few.
 *
 * A slip is a letter too many, too few, wrong, or swapped with its neighbour (Damerau, Commun. ACM 7, 1964); case does not count.
 *
 * @returns `undefined` where none comes near.
 */
export function nearestName(written: string, names: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let least = Math.max(1, Math.floor(written.length / 3)) + 1;
  for (const name of names) {
    const slips = slipsBetween(written.toLowerCase(), name.toLowerCase(), least);
    if (slips < least) [nearest, least] = [name, slips];
  }
  return nearest;
}

/** For the end of a message. Empty where there is nothing to suggest. */
export function didYouMean(written: string, names: Iterable<string>): string {
  const nearest = nearestName(written, names);
  return nearest === undefined ? '' : ` (did you mean ${JSON.stringify(nearest)}?)`;
}

/** Exact below `limit`, and `limit` or more otherwise. Three rows of the table of distances between beginnings are enough. */
function slipsBetween(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let last: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const wrong = at(row, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(last, j - 2) + 1 : wrong;
      next.push(Math.min(at(row, j) + 1, at(next, j - 1) + 1, wrong, swapped));
    }
    [last, row] = [row, next];
  }
  return at(row, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
