import type { Health, Hierarchy } from '@tierwise/hierarchy';

/** What is known of a hierarchy's health at the moment. */
export interface KnownHealth {
  /** `undefined`: nothing yet. */
  readonly health: Health | undefined;
  /** How old it is, in milliseconds; 0 if there is none. */
  readonly ageMs: number;
  /** Whether the answer to a newer question did not come in time. */
  readonly late: boolean;
}

export interface LatestOptions {
  readonly hierarchy: Pick<Hierarchy, 'health'>;
  /** How long an answer is good enough, in milliseconds. */
  readonly maxAgeMs: number;
  /** How long a newer one is waited for, in milliseconds. */
  readonly waitMs: number;
}

/** Asks for the health, but never for longer than is convenient: then what was known before has to do. One question at a time. */
export class LatestHealth {
  readonly #options: LatestOptions;
  #known: { readonly health: Health; readonly at: number } | undefined;
  #asking: Promise<void> | undefined;

  constructor(options: LatestOptions) {
    this.#options = options;
  }

  async read(): Promise<KnownHealth> {
    const { maxAgeMs, waitMs } = this.#options;
    if (this.#known !== undefined && performance.now() - this.#known.at <= maxAgeMs) return this.#tell(false);
    this.#asking ??= this.#ask();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<true>((resolve) => {
      timer = setTimeout(resolve, waitMs, true);
    });
    const isLate = await Promise.race([this.#asking.then(() => false), late]);
    clearTimeout(timer);
    return this.#tell(isLate);
  }

  async #ask(): Promise<void> {
    try {
      this.#known = { health: await this.#options.hierarchy.health(), at: performance.now() };
    } catch {
      // It never rejects; one that is not ours and does is as one that has not answered.
    } finally {
      this.#asking = undefined;
    }
  }

  #tell(late: boolean): KnownHealth {
    if (this.#known === undefined) return { health: undefined, ageMs: 0, late };
    return { health: this.#known.health, ageMs: performance.now() - this.#known.at, late };
  }
}
