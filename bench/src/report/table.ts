import type { RatioResult, ScenarioResult } from '../results.js';
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
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Such as `0.82 (≥ 0.65) Tierwise : lru-cache`. */
export function inLine(ratio: RatioResult): string {
  const against = ratio.against !== undefined && !ratio.what.endsWith(ratio.against) ? ` (${ratio.against})` : '';
  return `${figure(ratio.value).padStart(8)} ${`(${bound(ratio)})`.padEnd(9)} ${ratio.what}${against}`;
}

export function bound({ atLeast, atMost }: RatioResult): string {
  return atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`;
}
