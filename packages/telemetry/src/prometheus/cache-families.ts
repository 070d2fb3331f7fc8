import type { CacheStats } from '@tierwise/hierarchy';
import type { Family, Sample } from './family.js';
import { seconds } from './units.js';

/** Figures of one namespace, or of one definition: as many of them as there are. */
type CacheFigures = { readonly [K in keyof CacheStats]?: Partial<CacheStats[K]> | undefined };

/** Figures of a hierarchy by name of a namespace, or of a definition. */
export interface NamedFigures {
  readonly hierarchy: string;
  readonly named: Iterable<readonly [name: string, figures: CacheFigures]>;
}

/** One figure, and the labels that it has besides its names. */
type Reading = readonly [value: number | undefined, labels?: Readonly<Record<string, string>>];

/**
 * The metrics of a part of a cache.
 *
 * @param prefix what their names begin with.
 * @param label what the part is called: `namespace` or `definition`.
 */
export function cacheFamilies(prefix: string, label: 'namespace' | 'definition'): readonly Family<NamedFigures>[] {
  const counter = (
    name: string,
    help: string,
    labels: readonly string[],
    readings: (figures: CacheFigures) => readonly Reading[],
  ): Family<NamedFigures> => ({
    name: `${prefix}${name}`,
    type: 'counter',
    help,
    labels: ['hierarchy', label, ...labels],
    *read({ hierarchy, named }): Iterable<Sample> {
      for (const [name, figures] of named) {
        for (const [value, more] of readings(figures)) yield [{ hierarchy, [label]: name, ...more }, value];
      }
    },
  });
  return [
    counter(
      'reads_total',
      'Look-ups, by tier. hit: fresh. unanswered: L2 did not answer. What L1 misses is looked up in L2, once for all that ask for it.',
      ['tier', 'outcome'],
      ({ l1, l2 }) => [
        [l1?.hits, { tier: 'l1', outcome: 'hit' }],
        [l1?.misses, { tier: 'l1', outcome: 'miss' }],
        [l2?.hits, { tier: 'l2', outcome: 'hit' }],
        [minus(l2?.misses, l2?.unanswered), { tier: 'l2', outcome: 'miss' }],
        [l2?.unanswered, { tier: 'l2', outcome: 'unanswered' }],
      ],
    ),
    counter(
      'stale_served_total',
      'Stale values answered. revalidate: while a fresh one was loaded behind. error: the load failed. timeout: it took too long.',
      ['reason'],
      ({ stale }) => [
        [stale?.revalidate, { reason: 'revalidate' }],
        [stale?.error, { reason: 'error' }],
        [stale?.timeout, { reason: 'timeout' }],
      ],
    ),
    counter(
      'coalesced_reads_total',
      'Reads that L1 could not answer, and that shared the look into L2 of another read of the key.',
      [],
      ({ coalesced }) => [[coalesced as number | undefined]],
    ),
    counter(
      'loads_total',
      'Runs of a loader that ended. stored: kept. fenced: invalidated meanwhile. uncached: nothing to keep. failed, timeout: no value.',
      ['outcome'],
      ({ loads }) => [
        [loads?.stored, { outcome: 'stored' }],
        [loads?.fenced, { outcome: 'fenced' }],
        [loads?.uncached, { outcome: 'uncached' }],
        [minus(loads?.failed, loads?.timedOut), { outcome: 'failed' }],
        [loads?.timedOut, { outcome: 'timeout' }],
      ],
    ),
    counter(
      'loads_shared_total',
      'Misses that needed no load of their own: another one was under way on this node, or in the cluster.',
      ['where'],
      ({ loads }) => [
        [loads?.shared, { where: 'node' }],
        [loads?.elsewhere, { where: 'cluster' }],
      ],
    ),
    counter('refreshes_ahead_total', 'Loads begun ahead of the end of a value.', [], ({ loads }) => [[loads?.ahead]]),
    counter('call_timeouts_total', 'Calls that ended by loadTimeout.hard.', [], ({ loads }) => [[loads?.timeouts]]),
    counter('lease_waits_total', 'Loads that waited for another node.', [], ({ leases }) => [[leases?.waits]]),
    counter('lease_wait_seconds_total', 'How long loads waited for another node.', [], ({ leases }) => [
      [seconds(leases?.waitMs)],
    ]),
    counter(
      'writes_total',
      'Keys set, and deleted (with expired and touched ones), and calls that invalidated tags or cleared.',
      ['operation'],
      ({ writes }) => [
        [writes?.sets, { operation: 'set' }],
        [writes?.deletes, { operation: 'delete' }],
        [writes?.invalidations, { operation: 'invalidate' }],
      ],
    ),
    counter(
      'evictions_total',
      'Entries that left L1 by themselves: to keep its bound of entries or of bytes, or since their time was over.',
      ['cause'],
      ({ evictions }) => [
        [evictions?.entries, { cause: 'entries' }],
        [evictions?.bytes, { cause: 'bytes' }],
        [evictions?.expired, { cause: 'expired' }],
      ],
    ),
    counter('damaged_total', 'Values in L2 that could not be read, and so counted as misses.', [], ({ l2 }) => [
      [l2?.damaged],
    ]),
  ];
}

function minus(all: number | undefined, part: number | undefined): number | undefined {
  return all === undefined ? undefined : all - (part ?? 0);
}
