import { init } from 'echarts';
import type { TraceResult } from './index.js';
import { OPTIMUM } from './simulate.js';

/** What is drawn, with its colour: few enough to be told apart. */
const DRAWN: Readonly<Record<string, string>> = {
  [OPTIMUM]: '#9aa0a6',
  ARC: '#d9480f',
  LRU: '#1c5fa8',
  'S3-FIFO': '#2f9e44',
  'W-TinyLFU, adaptive': '#9c36b5',
};
const PANEL = { width: 330, left: 55, top: 70, height: 260 };

/** An SVG with one panel for each trace: hits by the number of places. */
export function plotOf(results: readonly TraceResult[]): string {
  const names = Object.keys(DRAWN);
  const chart = init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: results.length * PANEL.width + 20,
    height: PANEL.top + PANEL.height + 60,
  });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    legend: { data: names, top: 5 },
    title: results.map(({ trace }, index) => ({
      text: trace,
      left: index * PANEL.width + PANEL.left + (PANEL.width - PANEL.left) / 2,
      top: PANEL.top - 35,
      textAlign: 'center',
      textStyle: { fontSize: 14 },
    })),
    grid: results.map((_, index) => ({
      left: index * PANEL.width + PANEL.left,
      width: PANEL.width - PANEL.left - 15,
      top: PANEL.top,
      height: PANEL.height,
    })),
    xAxis: results.map((_, gridIndex) => ({
      gridIndex,
      type: 'log',
      logBase: 2,
      name: 'entries in L1',
      nameLocation: 'middle',
      nameGap: 28,
      min: 'dataMin',
      max: 'dataMax',
    })),
    yAxis: results.map((_, gridIndex) => ({
      gridIndex,
      type: 'value',
      scale: true,
      name: gridIndex === 0 ? 'hits, %' : '',
    })),
    series: results.flatMap(({ rows }, index) =>
      names.map((name) => ({
        name,
        type: 'line' as const,
        xAxisIndex: index,
        yAxisIndex: index,
        symbolSize: 5,
        color: DRAWN[name] as string,
        lineStyle: { type: name === OPTIMUM ? ('dashed' as const) : ('solid' as const), width: 2 },
        data: rows.map(({ capacity, ratios }) => [capacity, Number((ratios[name] ?? 0).toFixed(2))]),
      })),
    ),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
