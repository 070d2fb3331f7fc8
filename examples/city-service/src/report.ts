import type { Figures } from './app.js';
import type { Verdict } from './checker.js';
import { Latencies } from './latencies.js';
import { table } from './table.js';
import { TIERS, type Tier } from './tier-watch.js';
import { type Activity, BATCH_SIZE } from './workload.js';

/** What a run came to. */
export interface Outcome {
  readonly seconds: number;
  readonly activity: Activity;
  readonly figures: readonly Figures[];
  readonly verdict: Verdict;
  /** Rows that were compared with the source in the end. */
  readonly audited: number;
}

/** The figures of all nodes together. */
export interface Totals {
  readonly keys: Readonly<Record<Tier, number>>;
  readonly answered: number;
  readonly loads: number;
  readonly faults: number;
}

export function totalsOf(figures: readonly Figures[]): Totals {
  const sum = (of: (each: Figures) => number) => figures.reduce((total, each) => total + of(each), 0);
  const keys = {
    l1: sum(({ keys }) => keys.l1),
    l2: sum(({ keys }) => keys.l2),
    source: sum(({ keys }) => keys.source),
  };
  return {
    keys,
    answered: keys.l1 + keys.l2 + keys.source,
    loads: sum(({ loads }) => loads),
    faults: sum(({ faults }) => faults),
  };
}

/** Whether all is as it should be. */
export function isClean({ activity, figures, verdict }: Outcome): boolean {
  return verdict.stale === 0 && activity.errors.length === 0 && totalsOf(figures).faults === 0;
}

export function report(outcome: Outcome): string {
  const { activity, figures, verdict } = outcome;
  const faults = figures.flatMap(({ firstFault }) => firstFault ?? []);
  return [
    tiers(figures),
    '',
    ...summary(outcome),
    ...list('Stale reads, the first of them:', verdict.examples),
    ...list(`${activity.errors.length} errors, the first of them:`, activity.errors.slice(0, 5)),
    ...list(`${totalsOf(figures).faults} faults of L2, the first of them:`, faults),
  ].join('\n');
}

function tiers(figures: readonly Figures[]): string {
  const { keys, answered } = totalsOf(figures);
  const latency = (kind: Tier | 'batch') => {
    const all = new Latencies();
    for (const { latencies } of figures) all.add(latencies[kind]);
    return [ms(all.percentile(0.5)), ms(all.percentile(0.99))];
  };
  const names = { l1: 'L1', l2: 'L2', source: 'source (loaded, or waited for a load)' };
  return table([
    ['answered by', 'keys', 'share', 'p50', 'p99'],
    ...TIERS.map((tier) => [names[tier], count(keys[tier]), percent(keys[tier] / answered), ...latency(tier)]),
    [`batches of ${BATCH_SIZE} keys, from any tier`, '', '', ...latency('batch')],
  ]);
}

function summary({ seconds, activity, figures, verdict, audited }: Outcome): string[] {
  const { answered, loads } = totalsOf(figures);
  const absent = figures.reduce((total, each) => total + each.absent, 0);
  const writes = Object.values(activity.writes).reduce((sum, each) => sum + each, 0);
  const ways = Object.entries(activity.writes).map(([way, number]) => `${way} ${number}`);
  const avoided = Math.max(0, answered - loads);
  const lag = `p99 ${ms(verdict.p99LagMs)}, worst ${ms(verdict.worstLagMs)}, allowed ${ms(verdict.graceMs)}`;
  return [
    line('requests', activity.requests, `${count(Math.round(activity.requests / seconds))} a second`),
    line('keys answered', answered, `besides ${count(absent)} cache-only reads that found nothing`),
    line('loads', loads, 'of a key, from PostgreSQL'),
    line('loads avoided', avoided, `${percent(avoided / answered)} of the keys answered`),
    line('invalidations', writes, ways.join(' · ')),
    line('rows checked', verdict.rowsChecked, `in reads; in the end ${count(audited)} were compared with the source`),
    line('late rows', verdict.late, 'shown by the other node before it had heard of an invalidation'),
    line('', undefined, `after its end: ${lag}`),
    '',
    `${verdict.stale === 0 ? '✓' : '✗'} stale reads after invalidation: ${count(verdict.stale)}`,
  ];
}

function line(name: string, value: number | undefined, remark: string): string {
  return `${name.padEnd(15)}${(value === undefined ? '' : count(value)).padStart(9)}   ${remark}`;
}

function list(title: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : ['', title, ...items.map((item) => `  - ${item}`)];
}

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

export function percent(share: number): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(1)} %` : '–';
}

function ms(value: number | undefined): string {
  if (value === undefined) return '–';
  return `${value < 1 && value > 0 ? value.toFixed(3) : value.toFixed(value < 10 ? 1 : 0)} ms`;
}
