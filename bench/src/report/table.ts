import { CHECK_TOLERANCE, type RatioResult, type ScenarioResult, worseThan } from '../results.js';
import type { RunRecord } from '../run-record.js';
import type { Scenario } from '../scenario.js';
import { spread } from '../statistics.js';
import { figure, percent } from './numbers.js';

/** Prints what was measured of one scenario. */
export function printScenario(scenario: Scenario, { summaries, ratios }: ScenarioResult): void {
  const lines = [`\n${scenario.id}  ${scenario.title}`];
  for (const { name } of scenario.contestants) {
    const cells = scenario.figures.map(({ name: measured, unit }) => {
      const summary = summaries[name]?.[measured];
      return summary === undefined
        ? ''
        : `${figure(summary.median).padStart(12)} ${unit} ${`± ${percent(spread(summary))}`.padStart(7)}`;
    });
    lines.push(`    ${name.padEnd(44)} ${cells.join('   ')}`);
  }
  for (const ratio of ratios) lines.push(`  ${ratio.met ? '✓' : '✗'} ${inLine(ratio)}`);
  print(lines);
}

/** Prints all ratios beneath each other. */
export function printSummary(scenarios: readonly Scenario[], results: readonly ScenarioResult[]): void {
  const lines = scenarios.flatMap(({ id }) => {
    const ratios = results.find((result) => result.id === id)?.ratios ?? [];
    return ratios.map(
      (ratio, index) => `${ratio.met ? '✓' : '✗'} ${(index === 0 ? id : '').padEnd(4)} ${inLine(ratio)}`,
    );
  });
  const ratios = results.flatMap((result) => result.ratios);
  const missed = ratios.filter(({ met }) => !met).length;
  print(['', ...lines, '', missed === 0 ? 'all targets are met' : `${missed} of ${ratios.length} targets are missed`]);
}

/** Prints what got worse than it was. @returns whether anything did. */
export function printWorse(results: readonly ScenarioResult[], committed: RunRecord): boolean {
  const worse = results.flatMap((result) =>
    worseThan(committed, result).map(
      ({ now, before }) => `✗ ${result.id}  ${now.what}: ${figure(now.value)}, was ${figure(before.value)}`,
    ),
  );
  const limit = percent(CHECK_TOLERANCE);
  if (worse.length === 0) print(['', `✓ no ratio is more than ${limit} worse than the committed one`]);
  else print(['', `more than ${limit} worse than the committed ratios:`, ...worse]);
  return worse.length > 0;
}

/** What is aimed at, such as `≥ 0.65`. */
export function bound({ atLeast, atMost }: RatioResult): string {
  return atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`;
}

/** Such as `0.82 (≥ 0.65) Tierwise : lru-cache`. */
function inLine(ratio: RatioResult): string {
  const against = ratio.against !== undefined && !ratio.what.endsWith(ratio.against) ? ` (${ratio.against})` : '';
  return `${figure(ratio.value).padStart(8)} ${`(${bound(ratio)})`.padEnd(9)} ${ratio.what}${against}`;
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}
