import type { Clock } from './clock.js';
import { textOf } from './error-text.js';
import type { Incident, IncidentKind, IncidentPhase } from './incident.js';
import type { IncidentHandler } from './incident-options.js';

export interface ResponderOptions {
  readonly clock: Clock;
  readonly enabled: boolean;
  readonly handlers: { readonly [K in IncidentKind]?: IncidentHandler };
  /** How often one kind is warned of, at the most, in milliseconds. */
  readonly warnEveryMs: number;
  /** The default response to short memory. */
  readonly shrink: () => void;
}

/**
 * Answers incidents: by the user's handler for the kind, or by what is done by default. Most of what there is to do the hierarchy does
 * by itself (the breaker, the journal and the feed have their own ways back), so the default is to say so, as a process warning.
 */
export class Responder {
  readonly #options: ResponderOptions;
  readonly #warned = new Map<string, { at: number; unsaid: number }>();

  constructor(options: ResponderOptions) {
    this.#options = options;
  }

  /** Never throws. */
  answer(incident: Incident, phase: IncidentPhase): void {
    const { enabled, handlers } = this.#options;
    if (!enabled) return;
    const handler = handlers[incident.kind];
    if (handler === undefined) {
      this.#respond(incident, phase);
      return;
    }
    const report = (error: unknown) =>
      this.#warn(
        `handler of ${incident.kind}`,
        `a handler for the incident '${incident.kind}' threw: ${textOf(error)}`,
      );
    try {
      const answered: unknown = handler(incident, () => this.#respond(incident, phase), phase);
      // An async one, whose rejection would be nobody's.
      if (answered instanceof Promise) answered.catch(report);
    } catch (error) {
      report(error);
    }
  }

  #respond(incident: Incident, phase: IncidentPhase): void {
    if (incident.kind === 'memory-pressure' && phase !== 'end') this.#options.shrink();
    if (phase === 'begin' && incident.severity !== 'info') this.#warn(incident.kind, describe(incident));
  }

  /** Says something, but not the same kind of thing again and again. */
  #warn(kind: string, text: string): void {
    const { clock, warnEveryMs } = this.#options;
    const now = clock.now();
    const last = this.#warned.get(kind);
    if (last !== undefined && now - last.at < warnEveryMs) {
      last.unsaid += 1;
      return;
    }
    const more =
      last === undefined || last.unsaid === 0 ? '' : ` (and ${last.unsaid} more since the last such warning)`;
    this.#warned.set(kind, { at: now, unsaid: 0 });
    process.emitWarning(`${text}${more}`, { type: 'TierwiseWarning', code: 'TIERWISE_INCIDENT' });
  }
}

function describe({ kind, subject, severity, message, numbers }: Incident): string {
  const figures = Object.entries(numbers).map(([name, value]) => `${name} ${Math.round(value * 100) / 100}`);
  const about = subject === undefined ? '' : ` of ${JSON.stringify(subject)}`;
  return `${severity} incident ${kind}${about}: ${message}${figures.length === 0 ? '' : ` [${figures.join(', ')}]`}`;
}
