/** A value was loaded again after so long, and was another one, or was not. */
export interface Reload {
  readonly afterMs: number;
  readonly changed: boolean;
}

/**
 * How often values change, in changes per millisecond, from having looked at them now and then: whoever looks after an hour and finds
 * another value does not know how many changes there were. Taken as independent changes at one rate, this is the rate under which what was
 * seen is most likely (maximum likelihood; the problem is that of Cho and Garcia-Molina, "Estimating frequency of change", TOIT 2003). As
 * there, half a look that found nothing new is added, so that a few looks that all found something new do not make the rate infinite.
 */
export function changeRateOf(reloads: readonly Reload[]): number {
  const looks = reloads.filter(({ afterMs }) => afterMs > 0);
  const changed = looks.filter((look) => look.changed).map(({ afterMs }) => afterMs);
  if (changed.length === 0) return 0;
  const allMs = sumOf(looks.map(({ afterMs }) => afterMs));
  const unchangedMs = allMs - sumOf(changed) + allMs / looks.length / 2;
  // Where the likelihood is largest, both sides are equal. The left one falls as the rate grows, so the place is found by halving.
  const isTooLow = (rate: number) => sumOf(changed.map((ms) => ms / Math.expm1(rate * ms))) > unchangedMs;
  let low = 0;
  let high = 1 / Math.min(...changed);
  while (isTooLow(high)) {
    low = high;
    high *= 2;
  }
  for (let step = 0; step < HALVINGS; step += 1) {
    const middle = (low + high) / 2;
    if (isTooLow(middle)) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** What is left of the interval then is nothing beside the uncertainty of what was seen. */
const HALVINGS = 30;

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
