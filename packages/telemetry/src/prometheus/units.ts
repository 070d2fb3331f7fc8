/** Prometheus counts in seconds; everything else here is in milliseconds. */
export function seconds(ms: number): number;
export function seconds(ms: number | undefined): number | undefined;
export function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}

/** One sample for each state there is: 1 for the present one, 0 for the others. */
export function oneOf<S extends string>(present: S, states: readonly S[]): readonly (readonly [S, 0 | 1])[] {
  return states.map((state) => [state, state === present ? 1 : 0]);
}
