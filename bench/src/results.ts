import type { RunRecord } from './run-record.js';
import type { Scenario, Target } from './scenario.js';
import type { Summary } from './statistics.js';

/** What was measured of one scenario. */
export interface ScenarioResult {
  readonly id: string;
  /** By contestant and figure. */
  readonly summaries: Readonly<Record<string, Readonly<Record<string, Summary>>>>;
  readonly ratios: readonly RatioResult[];
}

/** What became of one target. */
export interface RatioResult {
  /** What was compared, in words; unique within its scenario. */
  readonly what: string;
  /** The figure of ours, divided by the best of those it is compared with, if any. */
  readonly value: number;
  /** The best of those it is compared with. */
  readonly against?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly met: boolean;
}

/** A ratio may be worse than the committed one by this part before `--check` fails. */
export const CHECK_TOLERANCE = 0.2;

/** Judges the targets of a scenario by the medians. */
export function judge(scenario: Scenario, summaries: ScenarioResult['summaries']): RatioResult[] {
  return scenario.targets.map((target) => judgeOne(scenario, target, summaries));
}

/** The ratios of a scenario that are worse than they were. What was not measured then is not compared. */
export function worseThan(committed: RunRecord, { id, ratios }: ScenarioResult) {
  const before = committed.scenarios.find((scenario) => scenario.id === id)?.ratios ?? [];
  return ratios.flatMap((now) => {
    const then = before.find(({ what }) => what === now.what);
    return then !== undefined && isWorse(now, then) ? [{ now, before: then }] : [];
  });
}

/**
 * Whether a ratio is so much worse than the committed one that something must have happened. A figure by itself, such as a count of 0, has
 * nothing to be compared with in parts: it is worse when it misses its target and did not.
 */
export function isWorse(now: RatioResult, committed: RatioResult): boolean {
  if (now.against === undefined) return committed.met && !now.met;
  return now.atMost === undefined
    ? now.value < committed.value * (1 - CHECK_TOLERANCE)
    : now.value > committed.value / (1 - CHECK_TOLERANCE);
}

function judgeOne(scenario: Scenario, target: Target, summaries: ScenarioResult['summaries']): RatioResult {
  const figure = scenario.figures.find(({ name }) => name === (target.figure ?? scenario.figures[0]?.name));
  if (figure === undefined) throw new Error(`${scenario.id} has no figure ${target.figure}`);
  const medianOf = (contestant: string): number => {
    const summary = summaries[contestant]?.[figure.name];
    if (summary === undefined) throw new Error(`${scenario.id}: ${figure.name} of ${contestant} was not measured`);
    return summary.median;
  };
  const ours = medianOf(target.of);
  const against = target.against?.toSorted((a, b) =>
    figure.better === 'higher' ? medianOf(b) - medianOf(a) : medianOf(a) - medianOf(b),
  )[0];
  const value = against === undefined ? ours : ours / medianOf(against);
  const { atLeast, atMost } = target;
  return {
    what: inWords(scenario, target, figure.name),
    value,
    ...(against !== undefined && { against }),
    ...(atLeast !== undefined && { atLeast }),
    ...(atMost !== undefined && { atMost }),
    met: value >= (atLeast ?? Number.NEGATIVE_INFINITY) && value <= (atMost ?? Number.POSITIVE_INFINITY),
  };
}

function inWords(scenario: Scenario, { of, against, called }: Target, figure: string): string {
  const subject = scenario.figures.length > 1 ? `${of}, ${figure}` : of;
  return against === undefined ? subject : `${subject} : ${called ?? against.join(' or ')}`;
}
