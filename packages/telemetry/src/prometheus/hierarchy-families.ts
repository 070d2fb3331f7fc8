import type { HierarchyStats, IncidentKind } from '@tierwise/hierarchy';
import type { Family, Sample } from './family.js';
import { oneOf, seconds } from './units.js';

/** A hierarchy as a scrape sees it. */
export interface HierarchyView {
  readonly hierarchy: string;
  readonly stats: HierarchyStats;
  /** How many incidents are open, and how many began since it is watched. */
  readonly incidents: Readonly<Record<IncidentKind, { readonly open: number; readonly begun: number }>>;
}

type Reading = readonly [value: number | undefined, labels?: Readonly<Record<string, string>>];

const family =
  (type: 'counter' | 'gauge') =>
  (
    name: string,
    help: string,
    labels: readonly string[],
    readings: (view: HierarchyView) => readonly Reading[],
  ): Family<HierarchyView> => ({
    name: `tierwise_${name}`,
    type,
    help,
    labels: ['hierarchy', ...labels],
    *read(view): Iterable<Sample> {
      for (const [value, more] of readings(view)) yield [{ hierarchy: view.hierarchy, ...more }, value];
    },
  });

const counter = family('counter');
const gauge = family('gauge');

/** The metrics of a hierarchy as a whole. */
export const HIERARCHY_FAMILIES: readonly Family<HierarchyView>[] = [
  gauge('l1_entries', 'Entries in L1.', [], ({ stats }) => [[stats.memory.entries]]),
  gauge('l1_bytes', 'Encoded length of all values in L1.', [], ({ stats }) => [[stats.memory.bytes]]),
  gauge('l1_max_entries', 'Bound of L1; lower than asked for while memory is short.', [], ({ stats }) => [
    [stats.memory.maxEntries],
  ]),
  gauge('l1_max_bytes', 'Bound of L1; lower than asked for while memory is short.', [], ({ stats }) => [
    [stats.memory.maxBytes],
  ]),
  counter('l1_removed_total', 'Entries that left L1, by whatever cause.', ['cause'], ({ stats }) =>
    Object.entries(stats.memory.removed).map(([cause, count]) => [count, { cause }]),
  ),
  gauge('flights', 'Keys that are being read or loaded.', [], ({ stats }) => [[stats.underWay.flights]]),
  gauge('tokens', 'Fills and writes that are not decided yet.', [], ({ stats }) => [[stats.underWay.tokens]]),
  gauge('l2_in_flight', 'Commands that L2 has not settled, given-up ones included.', [], ({ stats }) => [
    [stats.l2.inFlight],
  ]),
  counter(
    'l2_skipped_total',
    'Commands not sent: the breaker was open, or too many were under way.',
    [],
    ({ stats }) => [[stats.l2.skipped]],
  ),
  gauge('l2_breaker_state', 'The circuit breaker: 1 for the state that it is in.', ['state'], ({ stats }) =>
    oneOf(stats.l2.breaker, ['closed', 'half-open', 'open']).map(([state, value]) => [value, { state }]),
  ),
  gauge('feed_state', 'The feed: 1 for the state that it is in. none: there is none.', ['state'], ({ stats }) =>
    oneOf(stats.feed.state, ['none', 'alive', 'deaf']).map(([state, value]) => [value, { state }]),
  ),
  gauge('feed_lag_seconds', 'From the sending of a write of this node to the news of it here.', [], ({ stats }) => [
    [seconds(stats.feed.lagMs)],
  ]),
  counter('feed_losses_total', 'How often the feed was lost.', [], ({ stats }) => [[stats.feed.losses]]),
  counter('feed_messages_total', 'Messages heard, those about this node included.', [], ({ stats }) => [
    [stats.feed.heard],
  ]),
  gauge('outbox_items', 'Keys and invalidations that L2 has yet to be told of.', [], ({ stats }) => [
    [stats.outbox.items],
  ]),
  gauge('outbox_bytes', 'Bytes of the values among them.', [], ({ stats }) => [[stats.outbox.bytes]]),
  gauge('journal_records', 'Records of the journal that are not settled; 0 without one.', ['where'], ({ stats }) => {
    const { records = 0, inMemory = 0 } = stats.outbox.journal ?? {};
    return [
      [records - inMemory, { where: 'disk' }],
      [inMemory, { where: 'memory' }],
    ];
  }),
  gauge('journal_bytes', 'Bytes of the journal on disk.', [], ({ stats }) => [[stats.outbox.journal?.bytes ?? 0]]),
  gauge('journal_segments', 'Files of the journal.', [], ({ stats }) => [[stats.outbox.journal?.segments ?? 0]]),
  counter('journal_dropped_total', 'Records that the journal gave up to keep a bound.', [], ({ stats }) => [
    [stats.outbox.journal?.dropped ?? 0],
  ]),
  counter('l2_values_total', 'Values packed for L2, and unpacked from it.', ['direction'], ({ stats }) => [
    [stats.bytes.written.values, { direction: 'write' }],
    [stats.bytes.read.values, { direction: 'read' }],
  ]),
  counter(
    'l2_value_bytes_total',
    'What these values weighed encoded, compressed, of that encrypted, and packed: with header and seal.',
    ['direction', 'stage'],
    ({ stats }) =>
      (['encoded', 'compressed', 'encrypted', 'packed'] as const).flatMap((stage): Reading[] => [
        [stats.bytes.written[stage], { direction: 'write', stage }],
        [stats.bytes.read[stage], { direction: 'read', stage }],
      ]),
  ),
  gauge('incidents_open', 'Incidents that are going on, by kind.', ['kind'], ({ incidents }) =>
    Object.entries(incidents).map(([kind, { open }]) => [open, { kind }]),
  ),
  counter('incidents_total', 'Incidents that began since the hierarchy is watched.', ['kind'], ({ incidents }) =>
    Object.entries(incidents).map(([kind, { begun }]) => [begun, { kind }]),
  ),
];

/** The names of an older metrics format, which knew of one tier: L1. */
export const LEGACY_FAMILIES: readonly Family<HierarchyView>[] = [
  counter('hits', 'Look-ups that L1 answered.', [], ({ stats }) => [[stats.l1.hits]]),
  counter('misses', 'Look-ups that L1 did not answer.', [], ({ stats }) => [[stats.l1.misses]]),
  counter('evictions', 'Entries that L1 gave up to keep its bounds.', [], ({ stats }) => [
    [stats.evictions.entries + stats.evictions.bytes],
  ]),
  gauge('size', 'Entries in L1.', [], ({ stats }) => [[stats.memory.entries]]),
].map((each) => ({ ...each, name: each.name.replace('tierwise_', 'resync_cache_') }));
