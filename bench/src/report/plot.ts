import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemParams } from 'echarts';
import { BarChart, CustomChart } from 'echarts/charts';
import { GridComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { ScenarioResult } from '../results.js';
import type { Contestant, Figure, Scenario } from '../scenario.js';
import type { Summary } from '../statistics.js';
import { figure as digits } from './numbers.js';

use([BarChart, CustomChart, GridComponent, TitleComponent, SVGRenderer]);

const WIDTH = 860;
const [TOP, ROW, CAPTION, BOTTOM] = [64, 30, 26, 16];
const [LEFT, RIGHT] = [300, 130];
const COLOURS: Record<Contestant['kind'], string> = { ours: '#0f766e', peer: '#b9c2cf', raw: '#64748b' };
const INK = '#1f2937';
// Without quotes: ECharts would put them into an attribute as they are.
const FONTS = 'system-ui, Segoe UI, DejaVu Sans, sans-serif';

interface Bar {
  readonly name: string;
  readonly kind: Contestant['kind'];
  readonly summary: Summary;
}

/** Draws a scenario's figures as SVG: a bar to each contestant's median, and a line over the middle half of what was measured. */
export function plot(scenario: Scenario, { summaries }: ScenarioResult): string {
  const panels = scenario.figures
    .map((figure) => ({ figure, bars: barsOf(scenario, figure, summaries) }))
    .filter(differ);
  const heights = panels.map(({ bars }) => CAPTION + bars.length * ROW);
  const tops = heights.map((_, index) => TOP + sum(heights.slice(0, index)) + index * BOTTOM);
  const height = TOP + sum(heights) + panels.length * BOTTOM;
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: FONTS, color: INK },
    title: [
      title(`${scenario.id}  ${scenario.title}`, 14, 17, 'bold'),
      ...panels.map(({ figure }, index) =>
        title(captionOf(figure, panels.length > 1), (tops[index] as number) - 22, 12),
      ),
    ],
    grid: tops.map((top, index) => ({
      left: LEFT,
      right: RIGHT,
      top: top + CAPTION - 16,
      height: (heights[index] as number) - CAPTION,
    })),
    xAxis: panels.map(({ bars }, gridIndex) => ({ type: 'value', gridIndex, show: false, max: longest(bars) })),
    yAxis: panels.map(({ bars }, gridIndex) => ({
      type: 'category',
      gridIndex,
      inverse: true,
      data: bars.map(({ name }) => name),
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { fontSize: 13, color: INK, width: LEFT - 20, overflow: 'truncate' },
    })),
    series: panels.flatMap(({ bars }, index) => [medians(bars, index), spreads(bars, index)]),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}

function barsOf(scenario: Scenario, { name, better }: Figure, summaries: ScenarioResult['summaries']): Bar[] {
  return scenario.contestants
    .flatMap(({ name: contestant, kind }) => {
      const summary = summaries[contestant]?.[name];
      return summary === undefined ? [] : [{ name: contestant, kind, summary }];
    })
    .sort((a, b) => (b.summary.median - a.summary.median) * (better === 'higher' ? 1 : -1));
}

/** A figure that is the same for all, such as a count of 1, is not worth a picture. */
function differ({ bars }: { bars: readonly Bar[] }): boolean {
  return new Set(bars.map(({ summary }) => summary.median)).size > 1;
}

function longest(bars: readonly Bar[]): number {
  return Math.max(...bars.map(({ summary }) => summary.threeQuarters));
}

function captionOf({ name, unit, better }: Figure, isNamed: boolean): string {
  return `${isNamed ? `${name}, ` : ''}${unit}, ${better} is better · bar: median, line: middle half`;
}

function title(text: string, top: number, fontSize: number, fontWeight: 'bold' | 'normal' = 'normal') {
  return { text, left: 16, top, textStyle: { fontSize, fontWeight, color: fontWeight === 'bold' ? INK : '#6b7280' } };
}

function medians(bars: readonly Bar[], panel: number) {
  return {
    type: 'bar',
    silent: true,
    emphasis: { disabled: true },
    xAxisIndex: panel,
    yAxisIndex: panel,
    barWidth: 18,
    data: bars.map(({ kind, summary }) => ({ value: summary.median, itemStyle: { color: COLOURS[kind] } })),
  };
}

/** The line over the middle half, and beyond it the figure. */
function spreads(bars: readonly Bar[], panel: number) {
  return {
    type: 'custom',
    // Above the bars, where a line begins within its own.
    z: 3,
    silent: true,
    emphasis: { disabled: true },
    xAxisIndex: panel,
    yAxisIndex: panel,
    encode: { x: [0, 1], y: 2 },
    data: bars.map(({ summary }, index) => [summary.quarter, summary.threeQuarters, index]),
    renderItem: (_: CustomSeriesRenderItemParams, api: CustomSeriesRenderItemAPI) => {
      const row = api.value(2) as number;
      const { kind, summary } = bars[row] as Bar;
      const [[x1, y], [x2]] = [api.coord([api.value(0), row]), api.coord([api.value(1), row])] as [number[], number[]];
      const [end] = api.coord([summary.median, row]) as [number];
      const style = { stroke: '#111827', lineWidth: 1.2, opacity: 0.75 };
      const line = (shape: object) => ({ type: 'line' as const, shape, style });
      return {
        type: 'group' as const,
        children: [
          line({ x1, y1: y, x2, y2: y }),
          line({ x1, y1: (y as number) - 4, x2: x1, y2: (y as number) + 4 }),
          line({ x1: x2, y1: (y as number) - 4, x2, y2: (y as number) + 4 }),
          {
            type: 'text' as const,
            x: Math.max(x2 as number, end) + 8,
            y,
            style: {
              text: digits(summary.median),
              fill: INK,
              fontSize: 13,
              fontWeight: kind === 'ours' ? ('bold' as const) : ('normal' as const),
              verticalAlign: 'middle' as const,
            },
          },
        ],
      };
    },
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
