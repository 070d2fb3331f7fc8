import type { Family, Sample } from './family.js';
import { OTHER } from './names.js';
import { oneOf, seconds } from './units.js';

/** Any pool of `@tierwise/pools`, by what it answers. */
export interface WatchedPool {
  /** Figures of the pool, or of several parts of it by name: of shared and exclusive connections, or of each origin. */
  stats(): object;
}

/** A distribution of times, in milliseconds. */
interface TimeFigures {
  readonly count: number;
  readonly total: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** The figures of a part of a pool; those that only some pools have are optional. */
export interface PoolFigures {
  readonly pool: string;
  readonly origin?: string;
  readonly idle: number;
  readonly borrowed: number;
  readonly waiting: number;
  readonly connecting: number;
  readonly checking: number;
  readonly ending: number;
  readonly hits: number;
  readonly misses: number;
  readonly created: number;
  readonly destroyed: Readonly<Record<string, number>>;
  readonly errors: Readonly<Record<string, number>>;
  readonly wait: TimeFigures;
  readonly hold: TimeFigures;
  readonly breaker?: string;
  readonly statuses?: Readonly<Record<string, number>>;
  readonly retries?: number;
}

/** A part of a pool as a scrape sees it. */
export interface PoolView {
  /** Its name, bounded. */
  readonly pool: string;
  readonly figures: PoolFigures;
}

/** The parts that a pool consists of. */
export function partsOf(pool: WatchedPool): readonly PoolFigures[] {
  const stats = pool.stats();
  return isFigures(stats) ? [stats] : Object.values(stats).filter(isFigures);
}

/** What a part is called: the pool's name and, where there is one, the origin. */
export function nameOf({ pool, origin }: PoolFigures): string {
  return origin === undefined ? pool : `${pool} ${origin}`;
}

function isFigures(value: unknown): value is PoolFigures {
  return typeof value === 'object' && value !== null && 'pool' in value && 'wait' in value && 'hold' in value;
}

type Reading = readonly [value: number | undefined, labels?: Readonly<Record<string, string>>];

const family =
  (type: 'counter' | 'gauge') =>
  (
    name: string,
    help: string,
    labels: readonly string[],
    readings: (figures: PoolFigures) => readonly Reading[],
  ): Family<PoolView> => ({
    name: `tierwise_pool_${name}`,
    type,
    help,
    labels: ['pool', ...labels],
    *read({ pool, figures }): Iterable<Sample> {
      for (const [value, more] of readings(figures)) yield [{ pool, ...more }, value];
    },
  });

const counter = family('counter');
const gauge = family('gauge');
const each = (counts: Readonly<Record<string, number>> | undefined, label: string): Reading[] =>
  Object.entries(counts ?? {}).map(([name, count]) => [count, { [label]: name }]);

/** The metrics of pools. */
export const POOL_FAMILIES: readonly Family<PoolView>[] = [
  gauge('connections', 'Connections, by state.', ['state'], (figures) =>
    (['idle', 'borrowed', 'connecting', 'checking', 'ending'] as const).map((state) => [figures[state], { state }]),
  ),
  gauge('waiting', 'Callers that wait for a connection.', [], ({ waiting }) => [[waiting]]),
  counter('acquired_total', 'Connections borrowed. hit: at once. miss: after a wait.', ['outcome'], (figures) => [
    [figures.hits, { outcome: 'hit' }],
    [figures.misses, { outcome: 'miss' }],
  ]),
  counter('created_total', 'Connections made.', [], ({ created }) => [[created]]),
  counter('destroyed_total', 'Connections ended, by reason.', ['reason'], ({ destroyed }) => each(destroyed, 'reason')),
  counter('errors_total', 'What went wrong, by kind.', ['kind'], ({ errors }) => each(errors, 'kind')),
  counter('wait_seconds_total', 'How long borrowers waited.', [], ({ wait }) => [[seconds(wait.total)]]),
  counter('waits_total', 'Borrowers whose wait is in that.', [], ({ wait }) => [[wait.count]]),
  counter('hold_seconds_total', 'How long connections were borrowed.', [], ({ hold }) => [[seconds(hold.total)]]),
  counter('holds_total', 'Borrowings that are in that.', [], ({ hold }) => [[hold.count]]),
  gauge('wait_quantile_seconds', 'How long borrowers waited, since the pool was made.', ['quantile'], ({ wait }) =>
    quantiles(wait),
  ),
  gauge('hold_quantile_seconds', 'How long connections were borrowed, since then.', ['quantile'], ({ hold }) =>
    quantiles(hold),
  ),
  gauge(
    'breaker_state',
    'The circuit breaker of an origin: 1 for the state that it is in.',
    ['state'],
    ({ breaker }) =>
      breaker === undefined
        ? []
        : oneOf(breaker, ['closed', 'half-open', 'open']).map(([state, value]) => [value, { state }]),
  ),
  counter('responses_total', 'Requests answered, by class of status.', ['status'], ({ statuses }) =>
    each(statuses, 'status'),
  ),
  counter('retries_total', 'Requests that were sent again.', [], ({ retries }) => [[retries]]),
].map(withoutMeaninglessSums);

function quantiles({ p50, p95, p99 }: TimeFigures): Reading[] {
  return [
    [seconds(p50), { quantile: '0.5' }],
    [seconds(p95), { quantile: '0.95' }],
    [seconds(p99), { quantile: '0.99' }],
  ];
}

/** Samples of the same labels are added up, which for quantiles of several pools would mean nothing. */
function withoutMeaninglessSums(family: Family<PoolView>): Family<PoolView> {
  if (!family.labels.includes('quantile')) return family;
  return { ...family, read: (view) => (view.pool === OTHER ? [] : family.read(view)) };
}
