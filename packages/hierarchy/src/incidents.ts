import type { Clock } from './clock.js';
import {
  type Incident,
  type IncidentKind,
  type IncidentList,
  type IncidentPhase,
  type IncidentSeverity,
  NATURES,
} from './incident.js';

export interface IncidentsOptions {
  readonly clock: Clock;
  /** After how long without a sign an incident that fades has ended, in milliseconds. */
  readonly quietMs: number;
  /** How many past incidents are kept. */
  readonly history: number;
  /** Hears of every phase. Must not throw. */
  readonly onPhase: (incident: Incident, phase: IncidentPhase) => void;
}

/** A sign that something goes wrong. */
export interface Sign {
  readonly subject?: string | undefined;
  readonly message: string;
  readonly numbers?: Readonly<Record<string, number>>;
  /** Told as an update at once, however short ago the last one was. */
  readonly urgent?: boolean;
}

/** The least time between two updates of one incident, in milliseconds. */
const UPDATE_MS = 1000;

/** Incidents that are open at once, at the most. Of further subjects there is one in common, without a subject, for each kind. */
const MAX_OPEN = 256;

/** The ids of this process: unique across its hierarchies. */
let lastId = 0;

class Open {
  readonly id: string;
  readonly kind: IncidentKind;
  readonly severity: IncidentSeverity;
  readonly subject: string | undefined;
  readonly beganAt = Date.now();
  readonly began: number;
  message = '';
  numbers: Readonly<Record<string, number>> = {};
  count = 0;
  seenAt: number;
  toldAt: number;
  timer: unknown;

  constructor(kind: IncidentKind, subject: string | undefined, now: number) {
    lastId += 1;
    this.id = `${process.pid}-${lastId}`;
    this.kind = kind;
    this.severity = NATURES[kind].severity;
    this.subject = subject;
    this.began = now;
    this.seenAt = now;
    this.toldAt = now;
  }

  asOf(now: number, endedAt: number | undefined): Incident {
    const { id, kind, severity, subject, message, beganAt, count } = this;
    const durationMs = now - this.began;
    return { id, kind, severity, subject, message, beganAt, endedAt, durationMs, count, numbers: this.numbers };
  }
}

/**
 * What is going wrong, and what was. Signs of one kind and subject are one incident until it ends. There is a timer exactly for each open
 * incident that fades; nothing ticks while all is well (law 12).
 */
export class Incidents {
  readonly #options: IncidentsOptions;
  readonly #open = new Map<string, Open>();
  readonly #past: Incident[] = [];
  #closed = false;

  constructor(options: IncidentsOptions) {
    this.#options = options;
  }

  /** Begins an incident, or goes on with the one that is open. */
  sign(kind: IncidentKind, sign: Sign): void {
    if (this.#closed) return;
    const now = this.#options.clock.now();
    const own = this.#open.get(nameOf(kind, sign.subject));
    const subject = own === undefined && this.#open.size >= MAX_OPEN ? undefined : sign.subject;
    const known = own ?? this.#open.get(nameOf(kind, subject));
    const incident = known ?? new Open(kind, subject, now);
    incident.message = sign.message;
    incident.numbers = { ...incident.numbers, ...sign.numbers };
    incident.count += 1;
    incident.seenAt = now;
    if (known === undefined) this.#begin(incident, now);
    else if (sign.urgent === true || now - incident.toldAt >= UPDATE_MS) this.#tell(incident, 'update', now);
  }

  isOpen(kind: IncidentKind, subject?: string): boolean {
    return this.#open.has(nameOf(kind, subject));
  }

  /** What it was about is over. Nothing happens if no such incident is open. */
  end(kind: IncidentKind, subject?: string, numbers: Readonly<Record<string, number>> = {}): void {
    const incident = this.#open.get(nameOf(kind, subject));
    if (incident === undefined) return;
    const { clock, history } = this.#options;
    clock.clearTimer(incident.timer);
    this.#open.delete(nameOf(kind, subject));
    incident.numbers = { ...incident.numbers, ...numbers };
    const ended = incident.asOf(clock.now(), Date.now());
    this.#past.push(ended);
    if (this.#past.length > history) this.#past.shift();
    this.#options.onPhase(ended, 'end');
  }

  list(): IncidentList {
    const now = this.#options.clock.now();
    return { open: [...this.#open.values()].map((incident) => incident.asOf(now, undefined)), past: [...this.#past] };
  }

  /** Takes all timers back and begins nothing any more. What is open stays so: it has not been seen to end. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#open.values()) this.#options.clock.clearTimer(timer);
  }

  #begin(incident: Open, now: number): void {
    this.#open.set(nameOf(incident.kind, incident.subject), incident);
    if (NATURES[incident.kind].fades) this.#waitForQuiet(incident, this.#options.quietMs);
    this.#tell(incident, 'begin', now);
  }

  #waitForQuiet(incident: Open, ms: number): void {
    const { clock, quietMs } = this.#options;
    incident.timer = clock.setTimer(() => {
      const quietFor = clock.now() - incident.seenAt;
      if (quietFor >= quietMs) this.end(incident.kind, incident.subject);
      else this.#waitForQuiet(incident, quietMs - quietFor);
    }, ms);
  }

  #tell(incident: Open, phase: IncidentPhase, now: number): void {
    incident.toldAt = now;
    this.#options.onPhase(incident.asOf(now, undefined), phase);
  }
}

function nameOf(kind: IncidentKind, subject: string | undefined): string {
  return `${kind} ${subject ?? ''}`;
}
