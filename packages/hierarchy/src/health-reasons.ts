import type { L2Probed } from './health-probe.js';
import { type Incident, type IncidentKind, NATURES } from './incident.js';
import type { HierarchyStats } from './stats.js';

/**
 * Why a hierarchy is not `ok`, for programs: an incident of that kind is open, or:
 *
 * - `closed`: `close()` was called.
 * - `nothing-answers`: L2 does not, and loads fail.
 * - `l2-not-open`: L2 has not answered yet since the start, or serves another hierarchy.
 * - `l2-silent`: it did not answer within the time limit. `l2-failing`: it answered by an error.
 * - `l2-wrong`: it answered something else than what was written a moment before.
 * - `feed-late`: the feed counts as alive, but news of a write did not arrive within the time limit.
 * - `outbox-pending`: orders wait for L2.
 */
export type HealthReasonCode =
  | IncidentKind
  | 'closed'
  | 'nothing-answers'
  | 'l2-not-open'
  | 'l2-silent'
  | 'l2-failing'
  | 'l2-wrong'
  | 'feed-late'
  | 'outbox-pending';

export interface HealthReason {
  readonly code: HealthReasonCode;
  /** What it makes of the whole. */
  readonly state: 'degraded' | 'down';
  /** For people. */
  readonly message: string;
}

export interface Observations {
  readonly isClosed: boolean;
  readonly hasL2: boolean;
  readonly probed: L2Probed;
  readonly stats: Pick<HierarchyStats, 'l2' | 'feed' | 'outbox'>;
  /** Those that are open. */
  readonly incidents: readonly Incident[];
}

/** The gravest first. One of each code. */
export function reasonsOf({ isClosed, hasL2, probed, stats, incidents }: Observations): readonly HealthReason[] {
  if (isClosed) return [{ code: 'closed', state: 'down', message: 'it was closed' }];
  const reasons = new Map<HealthReasonCode, HealthReason>();
  const add = (code: HealthReasonCode, message: string, state: HealthReason['state'] = 'degraded') => {
    if (!reasons.has(code)) reasons.set(code, { code, state, message });
  };
  const isDown = hasL2 && (probed.status === 'down' || stats.l2.breaker !== 'closed');
  const failing = incidents.find(({ kind }) => kind === 'load-failing');
  if (isDown && failing !== undefined) {
    add('nothing-answers', `L2 does not answer, and ${messageOf(failing)}`, 'down');
  }
  if (hasL2) {
    if (stats.l2.breaker !== 'closed') add('l2-down', 'L2 is not asked until a probe of it succeeds');
    if (probed.status === 'down') add(probed.code, probed.message);
    if (stats.feed.state === 'deaf') add('feed-lost', 'news of other nodes does not arrive');
    if (probed.status === 'up' && probed.feed === 'late') {
      add('feed-late', `news of a write did not arrive within ${Math.round(probed.waitedMs)} ms`);
    }
  }
  const { items, journal } = stats.outbox;
  if (items > 0) add('outbox-pending', `L2 has yet to be told of ${items} keys and invalidations`);
  if ((journal?.inMemory ?? 0) > 0) add('journal-failing', 'the journal is in memory alone');
  for (const incident of incidents) {
    // What is worth knowing only is no trouble.
    if (NATURES[incident.kind].severity !== 'info') add(incident.kind, messageOf(incident));
  }
  return [...reasons.values()];
}

/** Health is told to whoever asks, perhaps over HTTP: a loader's own words, which may name users, are for `incidents()`. */
function messageOf({ kind, subject, message }: Incident): string {
  return kind === 'load-failing'
    ? `loads fail${subject === undefined ? '' : ` in ${JSON.stringify(subject)}`}`
    : message;
}
