import { describe, expect, it } from 'vitest';
import { isWorse, judge, type RatioResult, type ScenarioResult, worseThan } from './results.js';
import type { Figure, Scenario, Target } from './scenario.js';
import { summarise } from './statistics.js';

const OPS: Figure = { name: 'ops', unit: 'op/s', better: 'higher' };
const TIME: Figure = { name: 'time', unit: 'ms', better: 'lower' };

function judged(figure: Figure, medians: Record<string, number>, target: Omit<Target, 'of'>): RatioResult {
  const scenario: Scenario = {
    id: 'P0',
    title: '',
    method: '',
    figures: [figure],
    contestants: [],
    targets: [{ of: 'ours', ...target }],
  };
  const summaries = Object.fromEntries(
    Object.entries(medians).map(([name, median]) => [name, { [figure.name]: summarise([median]) }]),
  );
  return judge(scenario, summaries)[0] as RatioResult;
}

describe('judge', () => {
  it('divides by the fastest of those it is compared with, by op/s', () => {
    const ratio = judged(OPS, { ours: 60, slow: 10, fast: 40 }, { against: ['slow', 'fast'], atLeast: 1.5 });
    expect(ratio).toMatchObject({ value: 1.5, against: 'fast', met: true });
  });

  it('divides by the fastest of those it is compared with, by time', () => {
    const ratio = judged(TIME, { ours: 13, slow: 40, fast: 10 }, { against: ['slow', 'fast'], atMost: 1.2 });
    expect(ratio).toMatchObject({ value: 1.3, against: 'fast', met: false });
  });

  it('takes a figure as it is where it is compared with nobody', () => {
    expect(judged(TIME, { ours: 4 }, { atMost: 5 })).toMatchObject({ value: 4, met: true });
    expect(judged(TIME, { ours: 6 }, { atMost: 5 })).toMatchObject({ value: 6, met: false });
  });

  it('refuses to judge what was not measured', () => {
    expect(() => judged(OPS, { ours: 1 }, { against: ['gone'], atLeast: 1 })).toThrow('ops of gone was not measured');
  });
});

describe('isWorse', () => {
  const atLeast = (value: number) => judged(OPS, { ours: value, raw: 1 }, { against: ['raw'], atLeast: 0.5 });
  const atMost = (value: number) => judged(TIME, { ours: value, raw: 1 }, { against: ['raw'], atMost: 2 });
  const alone = (value: number) => judged(TIME, { ours: value }, { atMost: 2 });

  it('begins 20 % below the committed ratio, whether the target is met or not', () => {
    expect(isWorse(atLeast(0.81), atLeast(1))).toBe(false);
    expect(isWorse(atLeast(0.79), atLeast(1))).toBe(true);
  });

  it('begins where the committed one is 20 % below, if less is better', () => {
    expect(isWorse(atMost(1.24), atMost(1))).toBe(false);
    expect(isWorse(atMost(1.26), atMost(1))).toBe(true);
  });

  it('of a figure by itself is to miss its target', () => {
    expect(isWorse(alone(1.9), alone(0.1))).toBe(false);
    expect(isWorse(alone(2.1), alone(0.1))).toBe(true);
  });
});

describe('worseThan', () => {
  const result = (id: string, value: number): ScenarioResult => ({
    id,
    summaries: {},
    ratios: [{ what: 'a : b', value, against: 'b', atLeast: 1, met: true }],
  });
  const committed = { conditions: {} as never, scenarios: [result('P1', 10)] };

  it('compares the ratios of the same scenario that have the same words', () => {
    expect(worseThan(committed, result('P1', 7)).map(({ before }) => before.value)).toEqual([10]);
    expect(worseThan(committed, result('P1', 9))).toEqual([]);
  });

  it('lets what was not measured then pass', () => {
    expect(worseThan(committed, result('P2', 1))).toEqual([]);
  });
});
