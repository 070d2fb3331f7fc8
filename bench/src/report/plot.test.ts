import { expect, it } from 'vitest';
import type { Scenario } from '../scenario.js';
import { summarise } from '../statistics.js';
import { plot } from './plot.js';

const scenario: Scenario = {
  id: 'P0',
  title: 'more & less <than> "that"',
  method: '',
  figures: [
    { name: 'ops', unit: 'op/s', better: 'higher' },
    { name: 'loads', unit: 'loads', better: 'lower' },
  ],
  contestants: [
    { name: 'ours', kind: 'ours', open: async () => Promise.reject() },
    { name: 'theirs', kind: 'peer', open: async () => Promise.reject() },
  ],
  targets: [],
};
const loads = summarise([1]);
const summaries = { ours: { ops: summarise([10, 20, 30]), loads }, theirs: { ops: summarise([1_500]), loads } };
const svg = plot(scenario, { id: 'P0', summaries, ratios: [] });

it('is well-formed: nothing is left when its tags and its style sheet are taken away but text', () => {
  const text = svg.replaceAll(/<!\[CDATA\[.*?\]\]>/gs, '').replaceAll(/<\/?\w+(?:\s+[\w:-]+="[^"<]*")*\s*\/?>/g, '');
  expect(text).not.toMatch(/[<>]/);
  expect(text).toContain('more &amp; less &lt;than&gt;');
});

it('shows each median, and leaves out a figure that is the same for all', () => {
  expect(svg).toContain('>1,500<');
  expect(svg).toContain('>20.0<');
  expect(svg).not.toContain('loads');
});
