/**
 * What goes wrong around a hierarchy, each with what it means. See docs/incidents.md for when each begins and ends, and what to do.
 */
export type IncidentKind =
  | 'l2-down'
  | 'l2-slow'
  | 'l2-read-only'
  | 'l2-full'
  | 'feed-lost'
  | 'journal-failing'
  | 'bytes-undecodable'
  | 'bytes-undecryptable'
  | 'memory-pressure'
  | 'load-failing'
  | 'evictions-high';

/** `info`: worth knowing. `warning`: the service is served, at a cost. `critical`: something is at risk until it ends. */
export type IncidentSeverity = 'info' | 'warning' | 'critical';

/** `begin` and `end`: once each. `update`: it goes on, with newer numbers; at most once a second. */
export type IncidentPhase = 'begin' | 'update' | 'end';

/** Something that goes wrong, from its begin to its end. */
export interface Incident {
  /** Unique in this process. */
  readonly id: string;
  readonly kind: IncidentKind;
  readonly severity: IncidentSeverity;
  /** What it concerns: a namespace (of loads and bytes), or nothing more than the kind says; nothing also for all namespaces beyond many. */
  readonly subject: string | undefined;
  /** For people: what was seen last. Holds no cached value. */
  readonly message: string;
  /** When it began, in milliseconds of this machine's wall clock (`Date.now()`): for people, never compared with another machine's. */
  readonly beganAt: number;
  /** When it ended, as {@link Incident.beganAt}; `undefined` while it is open. */
  readonly endedAt: number | undefined;
  /** How long it lasted, or has lasted by now, in milliseconds of the hierarchy's own clock. */
  readonly durationMs: number;
  /** How often what it is about was seen. */
  readonly count: number;
  /** Figures of its kind, as last seen. */
  readonly numbers: Readonly<Record<string, number>>;
}

/** All incidents that a hierarchy knows of. */
export interface IncidentList {
  /** Those that are going on, the oldest first. */
  readonly open: readonly Incident[];
  /** Those that have ended, the latest last. Bounded: see `incidents.history`. */
  readonly past: readonly Incident[];
}

/** What a kind is, as far as it does not depend on the case. */
interface Nature {
  readonly severity: IncidentSeverity;
  /** Ends by itself when nothing more is seen of it for a while; others have an end that is seen. */
  readonly fades: boolean;
}

export const NATURES: Readonly<Record<IncidentKind, Nature>> = {
  'l2-down': { severity: 'critical', fades: false },
  'l2-slow': { severity: 'warning', fades: true },
  'l2-read-only': { severity: 'critical', fades: true },
  'l2-full': { severity: 'critical', fades: true },
  'feed-lost': { severity: 'warning', fades: false },
  'journal-failing': { severity: 'critical', fades: false },
  'bytes-undecodable': { severity: 'warning', fades: true },
  'bytes-undecryptable': { severity: 'warning', fades: true },
  'memory-pressure': { severity: 'warning', fades: false },
  'load-failing': { severity: 'warning', fades: true },
  'evictions-high': { severity: 'info', fades: true },
};

export const INCIDENT_KINDS = Object.keys(NATURES) as readonly IncidentKind[];
