/** What decides about a time to live. */
export interface TtlGrounds {
  /** Reads of one held value per millisecond. */
  readonly readRate: number;
  /** Changes of one value at its source per millisecond. */
  readonly changeRate: number;
  /** How many loads a stale answer is as bad as. */
  readonly staleWeight: number;
}

/** Each candidate is longer than the one before by this factor. */
const STEP = 1.05;

/**
 * The time to live, between `minMs` and `maxMs`, under which reads cost least: loads, and answers that are older than the source.
 *
 * Of a value that is read at rate `r` and lives for `T`, one read in `1 + rT` is a load. If it changes at rate `c`, a part of
 * `1 − (1 − e^−cT)/cT` of the others come after a change. A longer life makes fewer loads and more of those; where both are rare, the best
 * is at `√(2 / (weight · r · c))`, the square-root law of all such exchanges.
 */
export function bestTtl(minMs: number, maxMs: number, { readRate, changeRate, staleWeight }: TtlGrounds): number {
  const costOf = (ttlMs: number) => {
    const loads = 1 / (1 + readRate * ttlMs);
    const changes = changeRate * ttlMs;
    const stale = changes === 0 ? 0 : 1 + Math.expm1(-changes) / changes;
    return loads + staleWeight * (1 - loads) * stale;
  };
  let best = maxMs;
  let least = costOf(maxMs);
  for (let ttlMs = minMs; ttlMs < maxMs; ttlMs *= STEP) {
    const cost = costOf(ttlMs);
    if (cost >= least) continue;
    best = ttlMs;
    least = cost;
  }
  return Math.round(best);
}
