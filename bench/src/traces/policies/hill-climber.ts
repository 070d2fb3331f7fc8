/** Hears of each access. @returns by how many places the window should grow: mostly 0, and negative to shrink. */
export type Climber = (isHit: boolean) => number;

/** The hit ratio is looked at after so many accesses for each place. */
const SAMPLE_PER_PLACE = 10;
const FIRST_STEP_SHARE = 0.0625;
const STEP_DECAY = 0.98;
/** A hit ratio that has changed by so much belongs to another load: steps begin anew. */
const RESTART_CHANGE = 0.05;

/** Goes on in the direction that brought more hits, turns round where it brought fewer, with ever smaller steps. */
export function hillClimber(capacity: number): Climber {
  const sampleSize = SAMPLE_PER_PLACE * capacity;
  let step = -FIRST_STEP_SHARE * capacity;
  let previousRatio = 0;
  let accesses = 0;
  let hits = 0;
  let carried = 0;

  return (isHit) => {
    accesses++;
    if (isHit) hits++;
    if (accesses < sampleSize) return 0;
    const ratio = hits / accesses;
    const change = ratio - previousRatio;
    previousRatio = ratio;
    accesses = 0;
    hits = 0;
    const wanted = change >= 0 ? step : -step;
    step =
      Math.abs(change) >= RESTART_CHANGE ? FIRST_STEP_SHARE * capacity * (wanted >= 0 ? 1 : -1) : STEP_DECAY * wanted;
    carried += wanted;
    const whole = Math.trunc(carried);
    carried -= whole;
    return whole;
  };
}
