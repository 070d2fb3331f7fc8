import { mkdir, writeFile } from 'node:fs/promises';
import { keepRecord, type RunRecord } from '../run-record.js';
import type { Scenario } from '../scenario.js';
import { documentOf, plotPath } from './document.js';
import { plot } from './plot.js';

const DOCS = new URL('../../../docs/', import.meta.url);

/** Writes the record, the document and its plots into `docs/`. */
export async function writeReport(record: RunRecord, scenarios: readonly Scenario[]): Promise<void> {
  await keepRecord(record);
  await mkdir(new URL('benchmarks/', DOCS), { recursive: true });
  for (const scenario of scenarios) {
    const result = record.scenarios.find(({ id }) => id === scenario.id);
    if (result !== undefined) await writeFile(new URL(plotPath(scenario), DOCS), plot(scenario, result));
  }
  await writeFile(new URL('benchmarks.md', DOCS), documentOf(record, scenarios));
}
